/**
 * One request and its answer, over Node's own HTTP/1.1: over a long way, one connection with a window for each stream,
 * as HTTP/2 has it, is slower than a connection for each request.
 *
 * Tricky bits:
 * - Every part has its own deadline: connecting and the head of the answer as a whole, what is sent and the body
 *   between two pieces. A piece that waits for its reader is not late.
 * - A signal lives for a whole command, which sends thousands of requests: its listener goes when the request is over.
 * - An answer may come before all of the body was sent. When it was read, the rest is given up with the connection.
 * - A request that waits for a proxy to open the way has no connection, and Node tells it nothing until there is one.
 * - A server ends a connection that nobody uses when it likes, perhaps at the moment at which a request is sent. Nobody
 *   knows then whether it was heard. So what must not be sent twice goes over a connection of its own.
 * - Node tells a deadline that has passed and an abort with errors of its own once there is an answer; so the answer,
 *   too, is ended with the reason.
 */

import {
  Agent as HttpAgent,
  request,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as secureRequest, type AgentOptions as HttpsAgentOptions } from "node:https";
import type { LookupFunction, Socket } from "node:net";
import { pipeline, type Duplex, type Readable } from "node:stream";
import { DecampError } from "../../errors.ts";
import { setDeadline, type Deadline } from "../deadline.ts";

/**
 * A connection that nobody uses is kept for so long, or for as long as its server says if that is less (milliseconds).
 */
const keptFor = 15_000;
/**
 * A connection on which nothing happens is probed after so long. By default it ends with the first eleven seconds of a
 * bad network.
 */
const probedAfter = 60_000;

export interface ConnectionOptions {
  /** Looks a host up; the system does unless it is given. */
  readonly lookup?: LookupFunction;
  /** The environment whose `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say by which way to go. */
  readonly proxyEnv?: NodeJS.ProcessEnv;
}

/** Milliseconds. */
export interface Deadlines {
  /** until there is a connection */
  readonly connect: number;
  /** from the last byte sent to the head of the answer */
  readonly answer: number;
  /** between two pieces of what is sent, or of what comes */
  readonly idle: number;
}

export interface RequestOptions {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | Readable | undefined;
  /** It must not be sent twice. */
  readonly isOnce: boolean;
  readonly signal: AbortSignal;
  readonly deadlines: Deadlines;
  /** How large the head of the answer may be. */
  readonly headBytes: number;
  /** Through what a body goes on its way, if it is held up. */
  readonly through?: ((body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>) | undefined;
}

/** What came: to be read to the end, or to be destroyed. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/** What names a proxy in the environment. Node would pass over a value that it cannot use, and go without one. */
const proxyVariables = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/** Codes of the errors for a deadline that has passed. */
export type DeadlineCode = "CONNECT_DEADLINE" | "SEND_DEADLINE" | "ANSWER_DEADLINE" | "BODY_DEADLINE";

class DeadlineError extends Error {
  readonly code: DeadlineCode;

  constructor(code: DeadlineCode) {
    super(`a deadline has passed: ${code}`);
    this.code = code;
  }
}

type MakeConnection = HttpsAgent["createConnection"];

/**
 * Node's agent does not know a connection to a proxy until that has led it on, and would leave it open when it ends.
 */
function makeSecureAgent(settings: HttpsAgentOptions): HttpsAgent {
  const made = new Set<Duplex>();
  class SecureAgent extends HttpsAgent {
    override createConnection(...args: Parameters<MakeConnection>): ReturnType<MakeConnection> {
      const connection = super.createConnection(...args);
      if (connection) {
        made.add(connection.once("close", () => made.delete(connection)));
      }
      return connection;
    }

    override destroy(): void {
      super.destroy();
      made.forEach((socket) => socket.destroy());
    }
  }
  return new SecureAgent(settings);
}

/** Connections to servers, which are used again. Node's code for them is loaded with the first request. */
export class Connections {
  readonly #settings: HttpsAgentOptions;
  readonly #open = new Map<boolean, HttpAgent>();
  readonly #secure = new Map<boolean, HttpsAgent>();

  /** @throws DecampError `usage` for a proxy in the environment that cannot be used */
  constructor(options: ConnectionOptions) {
    checkProxies(options.proxyEnv ?? {});
    this.#settings = { timeout: keptFor, keepAliveMsecs: probedAfter, ...options };
  }

  /**
   * Sends a request; resolves when the head of the answer is there.
   *
   * @throws Error of the system, with a code, or with a `DeadlineCode`; the reason of `signal`
   */
  async request(url: URL, options: RequestOptions): Promise<Answer> {
    const { method, headers, body, isOnce, signal, deadlines, headBytes, through } = options;
    signal.throwIfAborted();
    const settings = { method, headers, maxHeaderSize: headBytes };
    const sent =
      url.protocol === "https:"
        ? secureRequest(url, { ...settings, agent: this.#secureAgent(!isOnce) })
        : request(url, { ...settings, agent: this.#openAgent(!isOnce) });
    const answered = watch(sent, signal, deadlines);
    if (typeof body === "string" || body instanceof Uint8Array) {
      sent.end(body);
    } else if (body === undefined) {
      sent.end();
    } else {
      // Whichever of the two fails, the other one ends with it; that a file cannot be read is the error then.
      body.on("error", (error) => sent.destroy(error));
      if (through === undefined) {
        pipeline(body, sent, () => undefined);
      } else {
        pipeline(body, through, sent, () => undefined);
      }
    }
    const answer = await answered;
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: answer };
  }

  /** Ends all connections. */
  close(): void {
    for (const agent of [...this.#open.values(), ...this.#secure.values()]) {
      agent.destroy();
    }
  }

  #openAgent(keepAlive: boolean): HttpAgent {
    const agent = this.#open.get(keepAlive) ?? new HttpAgent({ ...this.#settings, keepAlive });
    this.#open.set(keepAlive, agent);
    return agent;
  }

  #secureAgent(keepAlive: boolean): HttpsAgent {
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    const secured = { ...this.#settings, keepAlive, rejectUnauthorized: true, minVersion: "TLSv1.2" } as const;
    const agent = this.#secure.get(keepAlive) ?? makeSecureAgent(secured);
    this.#secure.set(keepAlive, agent);
    return agent;
  }
}

function checkProxies(env: NodeJS.ProcessEnv): void {
  for (const name of proxyVariables) {
    const value = env[name] ?? "";
    // The value is not repeated: it may hold a password.
    if (value !== "" && !(/^https?:\/\//i.test(value) && URL.canParse(value))) {
      throw new DecampError("usage", `${name} in the environment is no address of a proxy that decamp can use.`, {
        hint: "It has to start with http:// or https://, as in http://proxy.example.com:3128. Correct it, or take it out.",
      });
    }
  }
}

/** Holds a request to its deadlines and its signal, until all of the answer is read. */
async function watch(sent: ClientRequest, signal: AbortSignal, deadlines: Deadlines): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | undefined;
    let socket: Socket | undefined;
    let isOver = false;
    const end = (reason: Error): void => {
      timer.clear();
      (answer ?? sent).destroy(reason);
      // While a proxy is asked for the way, the request has no connection yet that could tell it.
      reject(reason);
    };
    const late = (code: DeadlineCode, milliseconds: number): Deadline =>
      setDeadline(milliseconds, () => end(new DeadlineError(code)));
    let timer = late("CONNECT_DEADLINE", deadlines.connect);
    const onAbort = (): void => {
      const reason: unknown = signal.reason;
      end(reason instanceof Error ? reason : new Error("aborted", { cause: reason }));
    };
    const onIdle = (): void => {
      if (answer === undefined ? sent.writableLength === 0 : answer.complete || answer.readableLength > 0) {
        // It is not the server that is waited for, or it is for the head of its answer, which has a deadline of its
        // own. What has come whole may wait for its reader, too.
        socket?.setTimeout(deadlines.idle);
      } else {
        lookOnce();
      }
    };
    /**
     * A process that was suspended finds the deadline passed although data is waiting; one turn of the event loop reads
     * it first.
     */
    const lookOnce = (): void => {
      const before = movedOn(socket);
      setImmediate(() => {
        if (isOver) {
          // The connection may be at somebody else's service by now.
        } else if (movedOn(socket) === before) {
          end(new DeadlineError(answer === undefined ? "SEND_DEADLINE" : "BODY_DEADLINE"));
        } else {
          socket?.setTimeout(deadlines.idle);
        }
      });
    };
    signal.addEventListener("abort", onAbort);
    sent
      .on("socket", (opened) => {
        socket = opened.setTimeout(deadlines.idle).on("timeout", onIdle);
        if (opened.connecting) {
          opened.once("encrypted" in opened ? "secureConnect" : "connect", () => timer.clear());
        } else {
          timer.clear();
        }
      })
      .on("finish", () => {
        if (answer === undefined) {
          timer.clear();
          timer = late("ANSWER_DEADLINE", deadlines.answer);
        }
      })
      .on("response", (came) => {
        answer = came;
        timer.clear();
        came.on("end", () => {
          if (!sent.writableFinished) {
            sent.destroy();
          }
        });
        resolve(came);
      })
      // It stays after the answer has begun; a late error then changes nothing, because the body reports its own.
      .on("error", reject)
      .on("close", () => {
        isOver = true;
        timer.clear();
        signal.removeEventListener("abort", onAbort);
        socket?.off("timeout", onIdle);
        if (answer === undefined) {
          reject(new Error("the connection was closed"));
        }
      });
  });
}

/** Changes with everything that comes, and with everything that leaves. */
function movedOn(socket: Socket | undefined): string {
  return `${socket?.bytesRead} ${socket?.writableLength}`;
}
