/** An HTTP server that answers by a script: for what a real server will not do on demand. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { listen, stopServer } from "../network/ports.ts";

export interface ScriptedServer extends AsyncDisposable {
  readonly origin: string;
  /** Every request until now: method, path with query, and the authorization header. */
  readonly requests: readonly { method: string; path: string; authorization: string | undefined }[];
}

type Answer = (request: IncomingMessage, response: ServerResponse, count: number, body: string) => void;

/** Starts one on 127.0.0.1. `answer` gets the number of the request, from 1, and its body. */
export async function scriptedServer(answer: Answer): Promise<ScriptedServer> {
  const requests: { method: string; path: string; authorization: string | undefined }[] = [];
  const server: Server = createServer((request, response) => {
    requests.push({
      method: request.method ?? "",
      path: request.url ?? "",
      authorization: request.headers.authorization,
    });
    const count = requests.length;
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => answer(request, response, count, body));
  });
  const port = await listen(server, 0);
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => stopServer(server),
  };
}

/** Answers with JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}
