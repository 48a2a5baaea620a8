/**
 * `node slow-server.ts NAME MILLISECONDS DIRECTORY PLC SMTP`: a real PDS in a process of its own, behind a proxy that holds every
 * answer back for so long. Prints its handle as JSON, and ends with its standard input.
 *
 * The proxy knows nothing of HTTP, so that it costs next to nothing: each piece of an answer comes so much later.
 */
import { connect, createServer, type Socket } from "node:net";
import { startPds } from "../network/pds.ts";
import { freePort, listen } from "../network/ports.ts";

const [, , name = "", latency = "", directory = "", plcUrl = "", smtpUrl = ""] = process.argv;
const publicPort = await freePort();
const pds = await startPds({ name, publicPort }, { directory, plcUrl, smtpUrl });
const sockets = new Set<Socket>();

const proxy = createServer({ noDelay: true }, (client) => {
  const server = connect({ port: pds.handle.port, host: "127.0.0.1", noDelay: true });
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    sockets.add(one);
    one.on("error", () => other.destroy());
    one.on("close", () => {
      sockets.delete(one);
      setTimeout(() => other.destroy(), Number(latency) * 2);
    });
  }
  client.pipe(server);
  server.on("data", (bytes) => {
    setTimeout(() => client.write(bytes), Number(latency));
  });
  server.on("end", () => {
    setTimeout(() => client.end(), Number(latency));
  });
});
await listen(proxy, publicPort);
process.stdout.write(`${JSON.stringify(pds.handle)}\n`);
process.stdin.resume().on("end", () => {
  for (const socket of sockets) {
    socket.destroy();
  }
  proxy.close();
  void pds.stop().then(() => process.exit());
});
