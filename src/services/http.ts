/**
 * HTTP for everything that decamp talks to: deadlines, a bounded number of repetitions, no redirects, no surprises.
 *
 * Tricky bits:
 * - A request is repeated only if that cannot do harm: the caller says so, or the server cannot have acted on it (the
 *   connection was refused, or the answer was 429).
 * - Redirects are never followed here. A caller that allows one follows it by hand, without credentials.
 * - The body belongs to whoever gets the answer: read it to the end or destroy it. Received bytes that differ from the
 *   announced length are an error (Node checks that).
 */

import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { DecampError, isDecampError } from "../errors.ts";
import { Allowances, announcedWait, type Allowance } from "./allowances.ts";
import { Clocks } from "./clocks.ts";
import { checkLiteralHost, publicLookup } from "./guard.ts";
import { noteSpent } from "./spent-memory.ts";
import { Connections, type DeadlineCode } from "./request.ts";
import { systemCode } from "./system-error.ts";

/**
 * Milliseconds. `answer`: from the last byte sent to the headers. `idle`: between two pieces of a body. `smallBody`: for
 * the whole of a body that is read into memory.
 */
const timeouts = { connect: 15_000, answer: 60_000, patientAnswer: 7_200_000, idle: 60_000, smallBody: 120_000 };
/** How often a request is tried before it counts as failed. */
const attempts = 4;
/** How often an answer is asked for that breaks off or cannot be read, and the pause (milliseconds). */
const rereading = { attempts: 3, pause: 500 };
/**
 * The longest wait that is sat out; a server that asks for more gets a later run (milliseconds). The common limits are of
 * five minutes; those of a day are not waited for.
 */
const longestWait = 330_000;
/** A wait of less than this is not worth a word (milliseconds). */
const notableWait = 2000;
/** The largest JSON body that is read into memory, in bytes. */
const jsonLimit = 32 * 1024 * 1024;

export interface HttpOptions {
  /** Allow addresses of this machine and of private networks. */
  readonly allowPrivateHosts: boolean;
  /** Name and version, for the `user-agent` header. */
  readonly userAgent: string;
  /** The environment, of which `HTTPS_PROXY` and its like are followed. */
  readonly proxyEnv?: NodeJS.ProcessEnv;
  /** Random numbers in [0, 1), for the jitter of the waits. */
  readonly random?: () => number;
  /** Called before a server's wish is waited out that takes a while: its host, and how long (milliseconds). */
  readonly onWait?: (wait: { host: string; milliseconds: number }) => void;
  /** Called for every answer, for `--verbose`: method, origin and path without query, status. */
  readonly onAnswer?: (line: { method: string; url: string; status: number; milliseconds: number }) => void;
}

export interface HttpRequest {
  readonly method?: "GET" | "POST";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, or a function that opens it anew for every attempt. */
  readonly body?: Uint8Array | string | (() => Readable);
  readonly signal: AbortSignal;
  /** The request changes nothing, or doing it twice is the same as doing it once. Default: true for GET. */
  readonly repeatable?: boolean;
  /** Wait for the headers for hours (imports). */
  readonly patient?: boolean;
  /**
   * Called for every answer of 429 or 503, before it is waited out; and of 500, 502 and 504, which a server gives, too, when it
   * has more to do at once than it can.
   */
  readonly onBusy?: () => void;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Readable;
}

export class Http {
  /** The clocks of those who answered. */
  readonly clocks: Clocks = new Clocks();
  /** What they still take. */
  readonly allowances: Allowances = new Allowances();
  /** Until when we wait for a host, as it was told last. */
  readonly #told = new Map<string, number>();
  readonly #options: HttpOptions;
  readonly #connections: Connections;
  readonly #closed = new AbortController();

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#connections = new Connections({
      ...(options.allowPrivateHosts ? {} : { lookup: publicLookup }),
      ...(options.proxyEnv === undefined ? {} : { proxyEnv: options.proxyEnv }),
    });
  }

  get allowPrivateHosts(): boolean {
    return this.#options.allowPrivateHosts;
  }

  /**
   * Sends a request and resolves to the answer, whatever its status, once the headers are there. 429 and 5xx are waited
   * out and repeated where that is allowed.
   *
   * @throws DecampError `unreachable`, `private-address`, `rate-limited` (with `data.until`), `interrupted`
   */
  async send(req: HttpRequest): Promise<HttpAnswer> {
    if (!this.#options.allowPrivateHosts) {
      checkLiteralHost(req.url);
    }
    const repeatable = req.repeatable ?? (req.method ?? "GET") === "GET";
    for (let attempt = 1; ; attempt += 1) {
      req.signal.throwIfAborted();
      const last = attempt >= attempts;
      await this.#pace(req);
      try {
        const answer = await this.#once(req);
        const stumbled = [500, 502, 503, 504].includes(answer.status);
        if (answer.status === 429 || stumbled) {
          req.onBusy?.();
        }
        const retry = answer.status === 429 || (repeatable && stumbled);
        if (!retry || (last && answer.status !== 429)) {
          return answer;
        }
        const wait = announcedWait(answer.headers, Date.now());
        if (answer.status === 429 && (last || (wait ?? 0) > longestWait)) {
          discardBody(answer.body);
          throw this.#rateLimited(req.url, wait);
        }
        discardBody(answer.body);
        const backoff = this.#backoff(attempt);
        if (answer.status === 429 || wait !== undefined) {
          // It is the server's answer to all that we want of it, whoever of us has asked.
          this.allowances.hold(req.url, Math.min(wait ?? backoff, longestWait), Date.now());
        }
        // A little later than asked for: clocks differ.
        await this.#waitOut(req, wait ?? 0, backoff);
      } catch (error) {
        if (isDecampError(error) || req.signal.aborted) {
          throw error;
        }
        const refusal = findDecampError(error);
        if (refusal !== undefined) {
          throw refusal;
        }
        if (last || this.#closed.signal.aborted || isHopeless(error) || !(repeatable || neverSent(error))) {
          throw unreachable(req.url, error);
        }
        await this.#wait(this.#backoff(attempt), req.signal);
      }
    }
  }

  /** Ends all connections, and what still waits; to be called when the work is done. */
  close(): void {
    this.#closed.abort();
    this.#connections.close();
  }

  async #once(req: HttpRequest): Promise<HttpAnswer> {
    const method = req.method ?? "GET";
    const started = performance.now();
    const sentAt = Date.now();
    const answer = await this.#connections.request(req.url, {
      method,
      headers: { "user-agent": this.#options.userAgent, ...req.headers },
      body: typeof req.body === "function" ? req.body() : req.body,
      signal: req.signal,
      deadlines: {
        connect: timeouts.connect,
        answer: req.patient === true ? timeouts.patientAnswer : timeouts.answer,
        idle: timeouts.idle,
      },
    });
    this.#options.onAnswer?.({
      method,
      url: `${req.url.origin}${req.url.pathname}`,
      status: answer.status,
      milliseconds: performance.now() - started,
    });
    const headers: Record<string, string | undefined> = {};
    for (const [name, value] of Object.entries(answer.headers)) {
      headers[name] = Array.isArray(value) ? value.join(", ") : value;
    }
    this.allowances.observe(req.url, headers, Date.now());
    this.clocks.observe(req.url.origin, headers, { sentAt, receivedAt: Date.now() });
    return { status: answer.status, headers, body: answer.body };
  }

  /** Waits before a limit is hit that the server has told. @throws DecampError `rate-limited` if that takes too long */
  async #pace(req: HttpRequest): Promise<void> {
    for (;;) {
      const wait = this.allowances.take(req.url, Date.now());
      if (wait <= 0) {
        return;
      }
      if (wait > longestWait) {
        throw this.#rateLimited(req.url, wait);
      }
      await this.#waitOut(req, wait, this.#backoff(0));
    }
  }

  /** Waits for what the server asked, and a little more; says so if it is long. */
  async #waitOut({ url, signal }: HttpRequest, milliseconds: number, more: number): Promise<void> {
    const until = Date.now() + milliseconds;
    if (milliseconds > notableWait && until > (this.#told.get(url.host) ?? 0) + notableWait) {
      this.#told.set(url.host, until);
      this.#options.onWait?.({ host: url.host, milliseconds });
    }
    await this.#wait(milliseconds + more, signal);
  }

  #rateLimited(url: URL, wait: number | undefined): DecampError {
    return rateLimited(url, wait, this.allowances.of(url, Date.now()));
  }

  #backoff(attempt: number): number {
    const random = this.#options.random ?? Math.random;
    return 250 * 2 ** attempt * (0.5 + random());
  }

  async #wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    await delay(milliseconds, undefined, { signal: AbortSignal.any([signal, this.#closed.signal]) });
  }
}

/**
 * Reads an answer, and asks for it again when it breaks off, or is a web page or something else that cannot be read.
 *
 * @param send sends the request, which has to be one that may be repeated
 * @throws DecampError whatever `send` throws, and `read` in the end
 */
export async function readAgain<T>(
  send: () => Promise<HttpAnswer>,
  read: (answer: HttpAnswer) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send();
    try {
      return await read(answer);
    } catch (error) {
      if (attempt >= rereading.attempts || !isDecampError(error, "unreachable", "bad-answer")) {
        throw error;
      }
      await delay(rereading.pause * attempt, undefined, { signal });
    }
  }
}

/** Gives up a body that nobody wants to read. Destroying one that is not at its end makes it emit an error. */
export function discardBody(body: Readable): void {
  body.on("error", () => undefined).destroy();
}

/**
 * Reads a body into memory, at most `limit` bytes.
 *
 * @throws DecampError `bad-answer` when there is more, `unreachable` when it ends early
 */
export async function readBody(answer: HttpAnswer, url: URL, limit: number = jsonLimit): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  // A server that sends a byte now and then never runs into the limit between two pieces.
  const tooSlow = new DecampError("unreachable", `${url.host} took too long for its answer.`, {
    data: { host: url.host },
  });
  const timer = setTimeout(() => answer.body.destroy(tooSlow), timeouts.smallBody);
  try {
    for await (const piece of readBytes(answer.body, url)) {
      size += piece.length;
      if (size > limit) {
        throw new DecampError("bad-answer", `${url.host} answered with more than ${limit} bytes.`);
      }
      pieces.push(piece);
    }
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(pieces);
}

/**
 * The pieces of a body.
 *
 * @throws DecampError `unreachable` when it ends early
 */
export async function* readBytes(body: Readable, url: URL): AsyncGenerator<Uint8Array> {
  const pieces: AsyncIterable<unknown> = body;
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next().catch((error: unknown) => {
        throw isAbort(error) ? error : unreachable(url, error);
      });
      if (next.done === true) {
        return;
      }
      if (!(next.value instanceof Uint8Array)) {
        throw new TypeError("a body gave something else than bytes");
      }
      noteSpent(next.value.length);
      yield next.value;
    }
  } finally {
    discardBody(body);
  }
}

function isAbort(error: unknown): boolean {
  return isDecampError(error) || (error instanceof Error && ["AbortError", "TimeoutError"].includes(error.name));
}

/**
 * Reads a JSON body.
 *
 * @throws DecampError `bad-answer` for anything that is not JSON, named for what it is
 */
export async function readJson(answer: HttpAnswer, url: URL): Promise<unknown> {
  const body = await readBody(answer, url);
  const text = new TextDecoder().decode(body);
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    const what = /^\s*</.test(text) ? "a web page" : "something that is not JSON";
    throw new DecampError("bad-answer", `${url.host} answered ${url.pathname} with ${what}.`, {
      data: { host: url.host, status: answer.status },
    });
  }
}

/** The error for a server that cannot be talked to; names the host and the reason, never credentials. */
export function unreachable(url: URL, cause: unknown): DecampError {
  return new DecampError("unreachable", `${url.host} could not be reached: ${reason(cause)}.`, {
    ...(isUntrusted(cause) ? { hint: untrustedHint } : {}),
    data: { host: url.host },
    cause,
  });
}

function reason(error: unknown): string {
  const late: Record<DeadlineCode, string> = {
    CONNECT_DEADLINE: "no connection within the time limit",
    SEND_DEADLINE: "it stopped taking what was sent",
    ANSWER_DEADLINE: "no answer within the time limit",
    BODY_DEADLINE: "the answer stopped half way",
  };
  const known: Record<string, string> = {
    ...late,
    ECONNREFUSED: "nothing answers there",
    ENOTFOUND: "there is no such host",
    EAI_AGAIN: "the name could not be looked up",
    ECONNRESET: "the connection was closed",
    EPIPE: "the connection was closed",
    ETIMEDOUT: "no connection within the time limit",
    EHOSTUNREACH: "there is no way to it",
    ENETUNREACH: "there is no way to it",
    ERR_PROXY_TUNNEL: "the proxy does not connect to it",
    EPROTO: "it does not speak TLS as it should",
    ...untrusted,
  };
  for (const part of causes(error)) {
    const code = systemCode(part);
    if (code !== undefined) {
      return known[code] ?? (code.startsWith("HPE_") ? "what it answered is no HTTP that can be read" : code);
    }
  }
  return error instanceof Error ? error.message : "unknown reason";
}

/** The error, its causes and the members of aggregate errors, outermost first. */
function* causes(error: unknown): Generator {
  const queue: unknown[] = [error];
  for (let steps = 0; queue.length > 0 && steps < 20; steps += 1) {
    const next = queue.shift();
    yield next;
    if (next instanceof AggregateError) {
      queue.push(...next.errors);
    }
    if (next instanceof Error && next.cause !== undefined) {
      queue.push(next.cause);
    }
  }
}

function findDecampError(error: unknown): DecampError | undefined {
  for (const part of causes(error)) {
    if (isDecampError(part)) {
      return part;
    }
  }
  return undefined;
}

/** Whether the request cannot have reached the server. */
function neverSent(error: unknown): boolean {
  const codes = new Set([...causes(error)].map(systemCode));
  return ["ECONNREFUSED", "EAI_AGAIN", "CONNECT_DEADLINE"].some((code) => codes.has(code));
}

/** Whether asking again does not help: there is no such host, or it is not the one that it should be. */
function isHopeless(error: unknown): boolean {
  return isUntrusted(error) || [...causes(error)].some((part) => systemCode(part) === "ENOTFOUND");
}

function isUntrusted(error: unknown): boolean {
  return [...causes(error)].some((part) => Object.hasOwn(untrusted, systemCode(part) ?? ""));
}

const untrustedHint =
  "Check the address and the clock of this machine. Somebody may stand between you and that server, so give it no password before the reason is known. An authority of your own is named in NODE_EXTRA_CA_CERTS.";

const notTrusted = "its certificate is not one that this machine trusts";
/** What is wrong with a certificate, by OpenSSL's and Node's codes. */
const untrusted: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: notTrusted,
  SELF_SIGNED_CERT_IN_CHAIN: notTrusted,
  UNABLE_TO_GET_ISSUER_CERT: notTrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: notTrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: notTrusted,
  CERT_UNTRUSTED: notTrusted,
  CERT_REVOKED: "its certificate was revoked",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet, by the clock of this machine",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};

function rateLimited(url: URL, wait: number | undefined, allowance: Allowance | undefined): DecampError {
  const until = wait === undefined ? undefined : new Date(Date.now() + wait).toISOString();
  return new DecampError(
    "rate-limited",
    `${url.host} takes no more requests for now${until === undefined ? "" : `, until ${until}`}.`,
    { data: { host: url.host, until, limit: allowance?.limit, window: allowance?.window } },
  );
}
