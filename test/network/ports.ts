/** TCP ports and servers on loopback. */
import type { Server as HttpServer } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { randomInt } from "node:crypto";
import { once } from "node:events";

/**
 * A port that nobody listens on now. It is drawn at random below the range from which systems take the ports of
 * outgoing connections (32768 and up on Linux, 49152 elsewhere): none of those can take it before it is used.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_768);
    const server = createServer();
    try {
      await listen(server, port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") {
        continue;
      }
      throw error;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}

/** Lets `server` listen on 127.0.0.1 and gives the port it got. */
export async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Ends every connection of `server` and resolves when it listens no more. */
export async function stopServer(server: HttpServer): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
}
