/**
 * TLS before the servers of the bed, as a front does it where people run them; it offers HTTP/2 first, as most servers
 * on the net do. Its certificate is for localhost and the hosts that stand in the help, made with openssl and signed by
 * nobody; the key is for tests alone.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { createSecureServer } from "node:http2";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { listen } from "./ports.ts";

const pem = (name: string): string => fileURLToPath(new URL(`../faults/tls/${name}.pem`, import.meta.url));

/** With which a process trusts the front. */
export const trust: NodeJS.ProcessEnv = { NODE_EXTRA_CA_CERTS: pem("cert") };

export interface TlsFront extends AsyncDisposable {
  readonly port: number;
  /** Which version of HTTP each request came by. */
  readonly versions: readonly string[];
}

/** @param lead where a request for a host goes to: an origin of the bed */
export async function startTlsFront(lead: (host: string) => string | undefined): Promise<TlsFront> {
  const versions: string[] = [];
  const open = new Set<Socket>();
  const [key, cert] = await Promise.all([readFile(pem("key")), readFile(pem("cert"))]);
  const server = createSecureServer({ key, cert, allowHTTP1: true }, (incoming, outgoing) => {
    versions.push(incoming.httpVersion);
    const { method, headers, url } = incoming;
    const onward = httpRequest(`${lead(headers.host ?? "")}${url}`, { method, headers }, (answer) => {
      // These are of one connection, and HTTP/2 knows none of them.
      const { connection: _a, "keep-alive": _b, "transfer-encoding": _c, ...rest } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, rest);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  server.on("secureConnection", (socket) => {
    open.add(socket.on("close", () => open.delete(socket)));
  });
  return {
    port: await listen(server, 0),
    versions,
    [Symbol.asyncDispose]: async () => {
      open.forEach((socket) => socket.destroy());
      server.close();
      await once(server, "close");
    },
  };
}
