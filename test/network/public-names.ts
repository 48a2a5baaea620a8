/**
 * Names of the public net for servers of the bed. A proxy, as one names it in `HTTPS_PROXY`, leads `https://NAME` to a
 * front with TLS, and that to the server, as it is where people run them.
 */
import { createServer } from "node:http";
import { connect } from "node:net";
import { listen, stopServer } from "./ports.ts";
import { startTlsFront, trust } from "./tls-front.ts";

export interface PublicNames extends AsyncDisposable {
  /** with which a process finds the names, and trusts them */
  readonly env: NodeJS.ProcessEnv;
  /** where the front listens, for who finds it without the proxy */
  readonly tlsPort: number;
  /** every name that was asked for, known or not */
  readonly asked: ReadonlySet<string>;
}

/** @param lead where a name leads to: an origin of the bed; undefined if nobody has that name */
export async function startPublicNames(lead: (host: string) => string | undefined): Promise<PublicNames> {
  const asked = new Set<string>();
  const front = await startTlsFront(lead);
  const proxy = createServer((_, response) => response.writeHead(403).end());
  proxy.on("connect", (request, client, head: Buffer) => {
    const [host = "", port] = (request.url ?? "").split(":");
    asked.add(host);
    client.on("error", () => client.destroy());
    if (port !== "443" || lead(host) === undefined) {
      client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
      return;
    }
    const server = connect(front.port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      server.write(head);
      server.pipe(client).pipe(server);
    });
    server.on("error", () => client.destroy());
    client.on("close", () => server.destroy());
    // Nobody reads from the client any more then, and would hear that it has gone.
    server.on("close", () => client.destroy());
  });
  const port = await listen(proxy, 0);
  return {
    env: { HTTPS_PROXY: `http://127.0.0.1:${port}`, ...trust },
    tlsPort: front.port,
    asked,
    [Symbol.asyncDispose]: async () => {
      await stopServer(proxy);
      await front[Symbol.asyncDispose]();
    },
  };
}
