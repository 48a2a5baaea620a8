/**
 * A worker that is a long way to a server: it listens on `port` and hands everything on to `targetPort`, both of
 * 127.0.0.1. What the server sends comes `milliseconds` later; nothing is slower for that. It takes no time from the
 * server's own thread, as a network takes none. Says when it listens.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

/** What the worker is given. */
export interface Way {
  port: number;
  targetPort: number;
  milliseconds: number;
}

const { port, targetPort, milliseconds } = workerData as Way;

const line = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const server = connect({ host: "127.0.0.1", port: targetPort, allowHalfOpen: true, noDelay: true });
  breakWith(client, server);
  breakWith(server, client);
  client.pipe(server);
  // Timers of the same length end in the order in which they began.
  server.on("data", (bytes: Buffer) => setTimeout(() => client.write(bytes), milliseconds));
  server.on("end", () => setTimeout(() => client.end(), milliseconds));
});

function breakWith(one: Socket, other: Socket): void {
  one.on("error", () => other.destroy());
}

line.listen(port, "127.0.0.1");
await once(line, "listening");
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
parentPort?.postMessage("listening");
