/** Distance: a proxy that lets every answer come so much later. It knows nothing of HTTP, so that it costs next to nothing. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { listen } from "../network/ports.ts";

/** Listens on `port` of 127.0.0.1 in front of `targetPort`. */
export async function addDistance(
  port: number,
  targetPort: number,
  milliseconds: number,
): Promise<{ stop: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const proxy = createServer({ noDelay: true }, (client) => {
    const server = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    sockets.add(client).add(server);
    client.pipe(server);
    server.on("data", (bytes) => {
      setTimeout(() => client.write(bytes), milliseconds);
    });
    server.on("close", () => {
      sockets.delete(server);
      setTimeout(() => client.destroy(), milliseconds);
    });
    client.on("close", () => {
      sockets.delete(client);
      server.destroy();
    });
    server.on("error", () => undefined);
    client.on("error", () => undefined);
  });
  await listen(proxy, port);
  return {
    stop: async () => {
      proxy.close();
      for (const socket of sockets) {
        socket.destroy();
      }
      await once(proxy, "close");
    },
  };
}
