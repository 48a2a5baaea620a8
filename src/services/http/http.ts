/**
 * HTTP for everything that decamp talks to: deadlines, a bounded number of repetitions, no redirects, no surprises.
 *
 * Tricky bits:
 * - A request is repeated only if that cannot do harm: the caller says so, or the server cannot have acted on it (the
 *   connection was refused, or the answer was 429).
 * - Redirects are never followed here. A caller that allows one follows it by hand, without credentials (redirects.ts).
 * - Nothing compressed is asked for, and what comes compressed is unfolded before anybody reads or counts it.
 * - The body belongs to whoever gets the answer (http-answer.ts). A body that ends before its announced length is an
 *   error (Node checks that).
 */

import type { Readable } from "node:stream";
import { defaultBudgets, type Limits } from "../../data/budgets.ts";
import { KnownSecrets } from "../../data/known-secrets.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { Allowances, announcedWait, type Allowance } from "./allowances.ts";
import { Clocks } from "./clocks.ts";
import { Connections } from "./connections.ts";
import { unfold } from "./content-encoding.ts";
import { FlowRate, slowly, type FlowTime } from "./flow.ts";
import { checkLiteralHost, publicLookup } from "./guard.ts";
import { discardBody, type HttpAnswer } from "./http-answer.ts";
import { findDecampError, isHopeless, neverSent, unreachable } from "./unreachable.ts";
import { systemCode } from "../system-error.ts";
import { pause } from "../wait.ts";

/** A wait of less than this is not worth a word (milliseconds). */
const notableWait = 2000;

/** A server's wish that is waited out. */
export interface ServerWait {
  readonly host: string;
  readonly milliseconds: number;
  /** `rate-limit`: it takes no more requests for now. `busy`: it cannot answer now, and has said when it can. */
  readonly reason: "rate-limit" | "busy";
}

/** How servers are talked to. */
export interface HttpOptions {
  /** Allow addresses of this machine and of private networks. */
  readonly allowPrivateHosts: boolean;
  /** Name and version, for the `user-agent` header. */
  readonly userAgent: string;
  /** The environment, of which `HTTPS_PROXY` and its like are followed. */
  readonly proxyEnv?: NodeJS.ProcessEnv;
  /** What is taken from servers before they are given up; the defaults, unless given. */
  readonly limits?: Limits;
  /** How many bytes a second flow at most, of all bodies in both directions; as many as can, unless given. */
  readonly limitRate?: number | undefined;
  /** The clock for that; the machine's, unless given. */
  readonly flowTime?: FlowTime;
  /** Random numbers in [0, 1), for the jitter of the waits. */
  readonly random?: () => number;
  /** What servers are told in confidence is added to it, and is in no error. */
  readonly secrets?: KnownSecrets;
  /** Called before a server's wish is waited out that takes a while. */
  readonly onWait?: (wait: ServerWait) => void;
  /** Called for every request that was sent, once its answer has begun or there is none. */
  readonly onRequest?: (request: SentRequest) => void;
}

/** A request, and what became of it. */
export interface SentRequest {
  readonly method: string;
  /** Origin and path, without the query. */
  readonly url: string;
  /** Until its answer began, or there was none. */
  readonly milliseconds: number;
  /** Of the answer. */
  readonly status?: number;
  /** Why there is none, as the system calls it. */
  readonly failure?: string;
}

/** A request to a server. */
export interface HttpRequest {
  readonly method?: "GET" | "POST";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, or a function that opens it anew for every attempt. */
  readonly body?: Uint8Array | string | (() => Readable);
  readonly signal: AbortSignal;
  /** The request changes nothing, or doing it twice is the same as doing it once. Default: true for GET. */
  readonly repeatable?: boolean;
  /** How often it is sent at most, where that is less than the limits allow. */
  readonly attempts?: number;
  /** Wait for the headers for hours (imports). */
  readonly patient?: boolean;
  /**
   * Called for every answer of 429 or 503, before it is waited out; and of 500, 502 and 504, which a server gives, too,
   * when it has more to do at once than it can.
   */
  readonly onBusy?: () => void;
}

/** How often a question is asked anew to which a server had only failures before. */
const anew = 2;
/** So many such questions are remembered. */
const mostFailing = 1000;

/** The one way to servers. To be closed when the work is over. */
export class Http {
  /** The clocks of those who answered. */
  readonly clocks: Clocks = new Clocks();
  /** What they still take. */
  readonly allowances: Allowances = new Allowances();
  /** How many requests were sent, repetitions counted. */
  sent = 0;
  /** The secrets that were sent to somebody or came from there, and others that are known. */
  readonly secrets: KnownSecrets;
  /** Questions to which a server had only a failure of its own, however often they were asked. */
  readonly #failing = new Set<string>();
  /** Until when we wait for a host, as it was told last. */
  readonly #told = new Map<string, number>();
  /** What is taken from servers before they are given up. */
  readonly limits: Limits;
  readonly #options: HttpOptions;
  readonly #connections: Connections;
  readonly #rate: FlowRate | undefined;
  readonly #closed = new AbortController();

  /** @throws DecampError `usage` for a proxy in `proxyEnv` that cannot be used */
  constructor(options: HttpOptions) {
    this.#options = options;
    this.secrets = options.secrets ?? new KnownSecrets();
    this.limits = options.limits ?? defaultBudgets;
    this.#rate = options.limitRate === undefined ? undefined : new FlowRate(options.limitRate, options.flowTime);
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
   * out and repeated where that is allowed. A wait that is too long is not sat out, whatever the status: the common
   * limits of servers are of five minutes, and those of a day get a later run.
   *
   * @throws DecampError `unreachable`, `private-address`, `rate-limited` (with `data.until`), `interrupted`,
   *   `bad-answer` for an encoding that cannot be read
   */
  async send(req: HttpRequest): Promise<HttpAnswer> {
    if (!this.#options.allowPrivateHosts) {
      checkLiteralHost(req.url);
    }
    const asks = (req.method ?? "GET") === "GET";
    const repeatable = req.repeatable ?? asks;
    const { longestWait } = this.limits;
    const question = `${req.url.href} ${req.headers?.["authorization"] === undefined ? "" : "signed in"}`;
    const most = this.#failing.has(question) ? anew : Infinity;
    const attempts = Math.min(req.attempts ?? Infinity, this.limits.attempts, most);
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
          this.#learn(question, asks && answer.status === 500);
          return answer;
        }
        const wait = announcedWait(answer.headers, Date.now());
        if (last || (wait ?? 0) > longestWait) {
          discardBody(answer.body);
          throw this.#rateLimited(req.url, wait);
        }
        discardBody(answer.body);
        const backoff = this.#backoff(attempt);
        if (answer.status === 429 || wait !== undefined) {
          // The limit holds for all requests of this process to the same place, not only for this one.
          this.allowances.hold(req.url, Math.min(wait ?? backoff, longestWait), Date.now());
        }
        // A little later than asked for: clocks differ.
        await this.#waitOut(req, wait ?? 0, backoff, answer.status === 429 ? "rate-limit" : "busy");
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

  /** Takes note of how a question ended. Some servers say with 500 what others say with 404: for long, or for good. */
  #learn(question: string, failed: boolean): void {
    if (!failed) {
      this.#failing.delete(question);
    } else if (this.#failing.size < mostFailing) {
      this.#failing.add(question);
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
    const rate = this.#rate;
    const flow = rate?.until(AbortSignal.any([req.signal, this.#closed.signal]));
    if (typeof req.body === "string" || req.body instanceof Uint8Array) {
      flow?.count(Buffer.byteLength(req.body));
    }
    const tell = (became: Pick<SentRequest, "status" | "failure">): void => {
      const url = `${req.url.origin}${req.url.pathname}`;
      this.#options.onRequest?.({ method, url, milliseconds: Math.round(performance.now() - started), ...became });
    };
    this.sent += 1;
    const sent = this.#connections.request(req.url, {
      method,
      headers: { "user-agent": this.#options.userAgent, "accept-encoding": "identity", ...req.headers },
      body: typeof req.body === "function" ? req.body() : req.body,
      isOnce: method === "POST" && req.repeatable !== true,
      signal: req.signal,
      deadlines: {
        connect: this.limits.connectTime,
        answer: req.patient === true ? this.limits.importTime : this.limits.answerTime,
        idle: this.limits.idleTime,
      },
      headBytes: this.limits.httpHeaderBytes,
      through: rate === undefined || flow === undefined ? undefined : (body) => slowly(body, flow, rate.pieceBytes),
    });
    const answer = await sent.catch((error: unknown) => {
      tell({ failure: systemCode(error) ?? (req.signal.aborted ? "aborted" : "unknown") });
      throw error;
    });
    tell({ status: answer.status });
    const headers: Record<string, string | undefined> = {};
    for (const [name, value] of Object.entries(answer.headers)) {
      headers[name] = Array.isArray(value) ? value.join(", ") : value;
    }
    this.allowances.observe(req.url, headers, Date.now());
    this.clocks.observe(req.url.origin, headers, { sentAt, receivedAt: Date.now() });
    return unfold({ status: answer.status, headers, body: answer.body, limits: this.limits, flow }, req.url);
  }

  /** Waits before a limit is hit that the server has told. @throws DecampError `rate-limited` if that takes too long */
  async #pace(req: HttpRequest): Promise<void> {
    for (;;) {
      const wait = this.allowances.take(req.url, Date.now());
      if (wait <= 0) {
        return;
      }
      if (wait > this.limits.longestWait) {
        throw this.#rateLimited(req.url, wait);
      }
      await this.#waitOut(req, wait, this.#backoff(0), "rate-limit");
    }
  }

  /** Waits for what the server asked, and a little more; says so if it is long. */
  async #waitOut(
    { url, signal }: HttpRequest,
    milliseconds: number,
    more: number,
    reason: ServerWait["reason"],
  ): Promise<void> {
    const until = Date.now() + milliseconds;
    if (milliseconds > notableWait && until > (this.#told.get(url.host) ?? 0) + notableWait) {
      this.#told.set(url.host, until);
      this.#options.onWait?.({ host: url.host, milliseconds, reason });
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
    await pause(milliseconds, AbortSignal.any([signal, this.#closed.signal]));
  }
}

function rateLimited(url: URL, wait: number | undefined, allowance: Allowance | undefined): DecampError {
  const until = wait === undefined ? undefined : new Date(Date.now() + wait).toISOString();
  return new DecampError(
    "rate-limited",
    `${url.host} takes no more requests for now${until === undefined ? "" : `, until ${until}`}.`,
    { data: { host: url.host, until, limit: allowance?.limit, window: allowance?.window } },
  );
}
