/** A reverse proxy in front of one server that changes nothing and remembers who sent what. */
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from "node:http";
import { once } from "node:events";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import { listen } from "../network/ports.ts";

/** One request as it came in. */
export interface RecordedRequest {
  method: string;
  /** path and query */
  path: string;
  authorization?: string;
  /** the body of a JSON request */
  body?: string;
  /** what was answered; absent while it is under way, or when the connection broke */
  status?: number;
}

/** What went through the proxy so far. */
export interface Recording {
  requests: RecordedRequest[];
  /** every token that this server gave out, in the order of the answers */
  issuedTokens: string[];
}

export interface RecordingProxy {
  url: string;
  recording: Recording;
  stop(): Promise<void>;
}

/** Answers of these endpoints carry tokens. */
const tokenEndpoints = /\/xrpc\/com\.atproto\.server\.(createSession|refreshSession|createAccount|getServiceAuth)\b/;

/**
 * Starts a proxy on `port` of 127.0.0.1 that hands everything to `targetPort` of 127.0.0.1; with `recording` it goes on
 * with an older one's.
 */
export async function startRecordingProxy(options: {
  port: number;
  targetPort: number;
  recording?: Recording;
}): Promise<RecordingProxy> {
  const recording = options.recording ?? { requests: [], issuedTokens: [] };
  const server = createServer((incoming, outgoing) => forward(incoming, outgoing, options.targetPort, recording));
  server.on("upgrade", (incoming: IncomingMessage, socket, head: Buffer) => {
    // subscribeRepos is a WebSocket: two pipes
    const upstream = httpRequest(upstreamOptions(incoming, options.targetPort));
    upstream.on("upgrade", (answer, upstreamSocket, upstreamHead) => {
      const lines = [`HTTP/1.1 101 ${answer.statusMessage ?? ""}`];
      for (let i = 0; i < answer.rawHeaders.length; i += 2) {
        lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
      }
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
      socket.write(upstreamHead);
      upstreamSocket.write(head);
      upstreamSocket.pipe(socket).pipe(upstreamSocket);
      upstreamSocket.on("error", () => socket.destroy());
      socket.on("error", () => upstreamSocket.destroy());
    });
    upstream.on("error", () => socket.destroy());
    upstream.end();
  });
  const port = await listen(server, options.port);
  return {
    url: `http://localhost:${port}`,
    recording,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function upstreamOptions(incoming: IncomingMessage, port: number): RequestOptions {
  return {
    host: "127.0.0.1",
    port,
    method: incoming.method ?? "GET",
    path: incoming.url ?? "/",
    headers: incoming.headers,
    agent: false,
  };
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, port: number, recording: Recording): void {
  const { authorization } = incoming.headers;
  const entry: RecordedRequest = {
    method: incoming.method ?? "",
    path: incoming.url ?? "",
    ...(authorization === undefined ? {} : { authorization }),
  };
  recording.requests.push(entry);
  if ((incoming.headers["content-type"] ?? "").startsWith("application/json")) {
    collect(incoming, (text) => (entry.body = text));
  }
  const upstream = httpRequest(upstreamOptions(incoming, port), (answer) => {
    entry.status = answer.statusCode ?? 0;
    if (tokenEndpoints.test(entry.path)) {
      collect(answer, (text) => recording.issuedTokens.push(...tokensIn(text)));
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
    answer.on("error", () => outgoing.destroy());
  });
  upstream.on("error", () => outgoing.destroy());
  outgoing.on("close", () => upstream.destroy());
  incoming.pipe(upstream);
}

function collect(stream: IncomingMessage, done: (text: string) => void): void {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => {
    const decode = decoders[stream.headers["content-encoding"] ?? ""] ?? ((data: Buffer) => data);
    done(decode(Buffer.concat(chunks)).toString("utf8"));
  });
}

const decoders: Record<string, (data: Buffer) => Buffer> = {
  gzip: (data) => gunzipSync(data),
  deflate: (data) => inflateSync(data),
  br: (data) => brotliDecompressSync(data),
};

function tokensIn(json: string): string[] {
  try {
    const answer = JSON.parse(json) as Record<string, unknown>;
    return ["accessJwt", "refreshJwt", "token"]
      .map((name) => answer[name])
      .filter((value) => typeof value === "string");
  } catch {
    return []; // an error page gives out no token
  }
}
