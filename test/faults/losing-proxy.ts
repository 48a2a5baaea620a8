/** A reverse proxy in front of one server that loses answers: the request arrives and is processed, and then the line is dead. */
import { createServer, request } from "node:http";
import { once } from "node:events";
import { listen } from "../network/ports.ts";

export interface LosingProxy extends AsyncDisposable {
  readonly url: string;
  /** Method and path of every request whose answer was lost. */
  readonly lost: readonly string[];
}

/** @param target origin of a server on this machine @param loses whether the answer to a request is lost */
export async function losingProxy(
  target: string,
  loses: (request: { method: string; path: string }) => boolean,
): Promise<LosingProxy> {
  const lost: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = "GET", url: path = "/", headers } = incoming;
    const upstream = request(new URL(path, target), { method, headers, agent: false }, (answer) => {
      if (loses({ method, path })) {
        // Only once the answer is here the server is known to have done its work.
        answer.resume().on("end", () => {
          lost.push(`${method} ${path}`);
          outgoing.destroy();
        });
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    upstream.on("error", () => outgoing.destroy());
    incoming.pipe(upstream);
  });
  const port = await listen(server, 0);
  return {
    url: `http://localhost:${port}`,
    lost,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
