/**
 * A reverse proxy in front of one server. It remembers who sent what; and where a rule says so, it misbehaves, as the
 * faults of faults.ts have it. Everything else goes through unchanged, except that answers are asked for uncompressed.
 */
import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from "node:http";
import { listen, stopServer } from "../network/ports.ts";

/** One request as it came in. */
export interface RecordedRequest {
  method: string;
  /** path and query */
  path: string;
  /**
   * what it asks for: the method of an `/xrpc/` path; `DID` stands for any DID in another path, with `POST ` before it
   */
  kind: string;
  /** which request of its kind, from 1 */
  ordinal: number;
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

/** What the server answered, or what is to be answered in its place. */
export interface Answer {
  status: number;
  /** without those that say how long the body is */
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** One request and its answer in the hands of a fault. */
export interface Exchange {
  request: RecordedRequest;
  response: ServerResponse;
  /** hands the request on as it comes, and the answer back */
  pass(): Promise<void>;
  /**
   * hands the request on, its JSON body changed by `change`, and resolves to the whole answer, which the client has not
   * seen yet
   */
  ask(change?: (body: Record<string, unknown>) => object): Promise<Answer>;
  /** the same for a body of any kind */
  askWith(change: (body: Buffer) => Promise<Buffer> | Buffer): Promise<Answer>;
  /** resolves when the client's whole request has been handed on */
  handedOn: Promise<void>;
  /** answers the client */
  reply(answer: Answer): void;
  /** breaks the client's connection with a reset */
  reset(): void;
}

export type Fault = (exchange: Exchange) => Promise<void> | void;

/** Which requests a rule is for. */
export interface Where {
  kind?: string | RegExp;
  /** only this request of its kind, counted from when the rule was made */
  nth?: number;
  /** at most so many requests; default any number */
  times?: number;
}

/** A rule at work. */
export interface Rule {
  /** the requests that met the fault */
  readonly hits: RecordedRequest[];
}

export interface Proxy {
  url: string;
  recording: Recording;
  /** requests that fit meet `fault` from now on; the newest rule that fits decides */
  when(where: Where, fault: Fault): Rule;
  /** forgets all rules */
  behave(): void;
  stop(): Promise<void>;
}

/** Answers of these endpoints carry tokens. */
const tokenEndpoints = /^com\.atproto\.server\.(createSession|refreshSession|createAccount|getServiceAuth)$/;

/**
 * Starts a proxy on `port` of 127.0.0.1, or a free one, that hands everything to `targetPort` of 127.0.0.1; with
 * `recording` it goes on with an older one's.
 */
export async function startProxy(options: {
  port?: number;
  targetPort: number;
  recording?: Recording;
}): Promise<Proxy> {
  const { targetPort, recording = { requests: [], issuedTokens: [] } } = options;
  const rules: ((request: RecordedRequest) => Fault | undefined)[] = [];
  const counts = new Map(recording.requests.map(({ kind, ordinal }) => [kind, ordinal]));
  const server = createServer((incoming, outgoing) => {
    const exchange = new ProxiedExchange(incoming, outgoing, targetPort, recording);
    const { request } = exchange;
    request.ordinal = (counts.get(request.kind) ?? 0) + 1;
    counts.set(request.kind, request.ordinal);
    const fault = rules.map((rule) => rule(request)).findLast((one) => one !== undefined);
    const work = async (): Promise<void> => (fault === undefined ? exchange.pass() : fault(exchange));
    // Either side may hang up at any time; the other one sees that.
    work().catch(() => exchange.reset());
  });
  server.on("upgrade", (incoming: IncomingMessage, socket, head: Buffer) => {
    // subscribeRepos is a WebSocket: two pipes
    const upstream = httpRequest({ ...upstreamOptions(incoming, targetPort), headers: incoming.headers });
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
  const port = await listen(server, options.port ?? 0);
  return {
    url: `http://localhost:${port}`,
    recording,
    when({ kind = /./, nth, times = Number.POSITIVE_INFINITY }, fault) {
      const hits: RecordedRequest[] = [];
      const earlier = new Map(counts);
      rules.push((request) => {
        const fits = typeof kind === "string" ? request.kind === kind : kind.test(request.kind);
        const number = request.ordinal - (earlier.get(request.kind) ?? 0);
        if (!fits || hits.length >= times || (nth !== undefined && number !== nth)) {
          return undefined;
        }
        hits.push(request);
        return fault;
      });
      return { hits };
    },
    behave() {
      rules.length = 0;
    },
    stop: async () => stopServer(server),
  };
}

class ProxiedExchange implements Exchange {
  readonly request: RecordedRequest;
  readonly response: ServerResponse;
  readonly handedOn: Promise<void>;
  readonly #incoming: IncomingMessage;
  readonly #port: number;
  readonly #recording: Recording;

  constructor(incoming: IncomingMessage, response: ServerResponse, port: number, recording: Recording) {
    this.#incoming = incoming;
    this.#port = port;
    this.#recording = recording;
    this.response = response;
    this.handedOn = new Promise((resolve) => incoming.once("end", resolve));
    const { method = "", url: path = "", headers } = incoming;
    const { authorization } = headers;
    const kind = kindOf(method, path);
    this.request = { method, path, kind, ordinal: 0, ...(authorization === undefined ? {} : { authorization }) };
    recording.requests.push(this.request);
  }

  async pass(): Promise<void> {
    const answer = await this.#send();
    this.response.writeHead(answer.statusCode ?? 502, withoutHop(answer.headers));
    answer.pipe(this.response);
    answer.on("error", () => this.response.destroy());
  }

  async ask(change?: (body: Record<string, unknown>) => object): Promise<Answer> {
    const inJson = (body: Buffer): Buffer =>
      Buffer.from(JSON.stringify(change?.(JSON.parse(body.toString("utf8")) as Record<string, unknown>)));
    return this.#whole(change === undefined ? undefined : inJson);
  }

  async askWith(change: (body: Buffer) => Promise<Buffer> | Buffer): Promise<Answer> {
    return this.#whole(change);
  }

  async #whole(change?: (body: Buffer) => Promise<Buffer> | Buffer): Promise<Answer> {
    const answer = await this.#send(change);
    const { "content-length": _length, "transfer-encoding": _encoding, ...headers } = withoutHop(answer.headers);
    return { status: answer.statusCode ?? 502, headers, body: await collect(answer) };
  }

  reply({ status, headers, body }: Answer): void {
    this.response.writeHead(status, { ...headers, "content-length": body.length }).end(body);
  }

  reset(): void {
    this.#incoming.socket.resetAndDestroy();
  }

  /** Hands the request on; resolves when the head of the answer is there. */
  async #send(change?: (body: Buffer) => Promise<Buffer> | Buffer): Promise<IncomingMessage> {
    const { request } = this;
    const options = upstreamOptions(this.#incoming, this.#port);
    const changed = change === undefined ? undefined : await change(await collect(this.#incoming));
    if (changed !== undefined) {
      options.headers["content-length"] = String(changed.length);
    }
    const upstream = httpRequest(options);
    this.response.on("close", () => upstream.destroy());
    if ((this.#incoming.headers["content-type"] ?? "").startsWith("application/json")) {
      remember(this.#incoming, (text) => (request.body = text));
    }
    if (changed === undefined) {
      this.#incoming.pipe(upstream);
    } else {
      upstream.end(changed);
    }
    const [answer] = (await once(upstream, "response")) as [IncomingMessage];
    upstream.on("error", () => this.response.destroy());
    request.status = answer.statusCode ?? 0;
    if (tokenEndpoints.test(request.kind)) {
      remember(answer, (text) => this.#recording.issuedTokens.push(...tokensIn(text)));
    }
    return answer;
  }
}

function kindOf(method: string, path: string): string {
  const { pathname } = new URL(path, "http://localhost");
  if (pathname.startsWith("/xrpc/")) {
    return pathname.slice("/xrpc/".length);
  }
  const plain = pathname.slice(1).replace(/^did:[^/]+/, "DID");
  return method === "GET" ? plain : `${method} ${plain}`;
}

function upstreamOptions(incoming: IncomingMessage, port: number): RequestOptions & { headers: IncomingHttpHeaders } {
  const { "accept-encoding": _encoding, ...headers } = withoutHop(incoming.headers);
  return {
    host: "127.0.0.1",
    port,
    method: incoming.method ?? "GET",
    path: incoming.url ?? "/",
    // A server that is to close the connection resets it when it answers early, and the answer is lost.
    headers: { ...headers, connection: "keep-alive" },
    agent: false,
  };
}

/** How long a connection is kept is between its two ends. */
function withoutHop({ connection: _connection, "keep-alive": _keepAlive, ...headers }: IncomingHttpHeaders) {
  return headers;
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(stream, "end");
  return Buffer.concat(chunks);
}

/** What was cut off is not remembered. */
function remember(stream: IncomingMessage, take: (text: string) => void): void {
  collect(stream).then(
    (body) => take(body.toString("utf8")),
    () => undefined,
  );
}

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
