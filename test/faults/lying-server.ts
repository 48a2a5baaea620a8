/**
 * A directory and a PDS in one, with one account. It keeps the log as a real one does, and answers the request for a
 * signature with what a test wants: what no real server will do on demand.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { auditLog, operation, signed, testCid, testDid, type Content, type Json, type TestKey } from "../tools/plc.ts";

/** What the server is asked to sign; its `prev` is the head of the log. */
export type Asked = Content & { readonly type: string; readonly prev: string | null };

export interface LyingServer {
  readonly origin: string;
  readonly did: string;
  /** Flags that lead decamp to it. */
  readonly flags: readonly string[];
  /** The operations that were submitted, to the server or to the directory. */
  readonly submitted: Json[];
  /** Codes that were mailed. */
  readonly mails: string[];
  /** What is answered to the request for a signature. */
  sign: (asked: Asked) => unknown;
  stop(): void;
}

/** @param keys the account's rotation keys; the last one is the server's, and its signing key */
export async function startLyingServer(keys: readonly TestKey[]): Promise<LyingServer> {
  const own = keys.at(-1);
  if (own === undefined) {
    throw new TypeError("the server needs a key");
  }
  const log: Json[] = [];
  const times: number[] = [];
  const take = (taken: Json): void => {
    log.push(taken);
    times.push(Date.now() - Date.UTC(2026, 0, 5, 12) + log.length);
  };
  const submitted: Json[] = [];
  const mails: string[] = [];
  const server = createServer((request, response) => {
    const answer = async (): Promise<unknown> => {
      const { pathname } = new URL(request.url ?? "/", "http://localhost");
      const body = await readJson(request);
      switch (pathname) {
        case `/${state.did}/log/audit`:
          return auditLog(log, { times });
        case "/xrpc/com.atproto.server.createSession":
          return { did: state.did, handle: "alice.example.com", accessJwt: "a.b.c", refreshJwt: "d.e.f" };
        case "/xrpc/com.atproto.identity.requestPlcOperationSignature":
          mails.push("ABCDE-23456");
          return {};
        case "/xrpc/com.atproto.identity.signPlcOperation": {
          const { token: _token, ...fields } = body;
          const asked = { type: "plc_operation", ...fields, prev: testCid(log.at(-1)) } as unknown as Asked;
          return { operation: await state.sign(asked) };
        }
        case "/xrpc/com.atproto.identity.submitPlcOperation":
          submitted.push(body["operation"] as Json);
          take(body["operation"] as Json);
          return {};
        default:
          return request.method === "POST" && pathname === `/${state.did}`
            ? (submitted.push(body), take(body), {})
            : {};
      }
    };
    answer().then(
      (value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const content = {
    rotationKeys: keys.map(({ did }) => did),
    verificationMethods: { atproto: own.did },
    services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: origin } },
  };
  take(await signed(operation(null, content), own));
  const state: LyingServer = {
    origin,
    did: testDid(log[0]),
    flags: ["--plc-url", origin, "--allow-private-hosts"],
    submitted,
    mails,
    sign: async (asked) => signed(asked, own),
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return state;
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += String(chunk);
  }
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}
