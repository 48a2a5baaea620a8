/**
 * The one way to call a method of a server (spec: HTTP API, "XRPC"). What comes back has the shape that was asked for,
 * or there is a DecampError, whatever came. Nobody else reads an answer of a server, except for repositories and blobs,
 * which are streams of bytes.
 */

import type { Agent } from "@atproto/api";
import * as v from "valibot";
import type { BudgetName } from "../../data/budgets.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { discardBody, readBytes } from "../http/http-answer.ts";
import type { Download } from "./download.ts";
import { isMissingMethod } from "./missing-method.ts";
import { serverMessage } from "./server-message.ts";
import type { PinnedSession, XrpcRequest } from "./session.ts";
import { findDecampError } from "../http/unreachable.ts";
import type { Upload } from "../upload.ts";

/** What an answer has to be. Keys beside those that it names are passed over. */
export type Shape<T> = v.GenericSchema<unknown, T>;

/** For an answer in which nothing is looked for. */
export const anything: Shape<unknown> = v.unknown();

/** The parameters of a query; a list is sent as one parameter for each item. */
export type Params = Readonly<Record<string, string | readonly string[]>>;

/** What a procedure is given: a value to be sent as JSON, JSON that was written elsewhere, bytes, or nothing. */
export type Input =
  { readonly value: unknown } | { readonly json: string } | { type: string; bytes: Upload } | undefined;

/** How a method is called. */
export type CallOptions = Pick<XrpcRequest, "signal" | "repeatable" | "attempts" | "patient" | "token" | "onBusy">;

/** Loads what `queryByLexicon` needs: the package is large. */
export async function loadLexicons(): Promise<typeof Agent> {
  const { Agent: Loaded } = await import("@atproto/api");
  return Loaded;
}

export class Xrpc {
  readonly #session: PinnedSession;
  #agent: Promise<Agent> | undefined;
  /** Methods that have answered in this run. */
  readonly #answered = new Set<string>();

  constructor(session: PinnedSession) {
    this.#session = session;
  }

  /**
   * Asks for something.
   *
   * @throws DecampError `bad-answer` for what has not this shape, and as `PinnedSession.json`
   */
  async query<T>(nsid: string, params: Params, shape: Shape<T>, options: CallOptions): Promise<T> {
    const path = pathOf(nsid, params);
    return this.#inShape(nsid, shape, await this.#once(nsid, async () => this.#session.json({ ...options, path })));
  }

  /** Asks for a document below `/.well-known/`, without the session. @throws DecampError as `query` */
  async wellKnown<T>(name: string, shape: Shape<T>, options: CallOptions): Promise<T> {
    const answer = await this.#session.json({ ...options, token: "none", path: `/.well-known/${name}` });
    return this.#inShape(name, shape, answer);
  }

  /**
   * Asks through `@atproto/api`, which looks at the whole answer with the lexicon of the method; then it has the shape,
   * too. It is loaded only now, unless somebody has done so ahead.
   *
   * @throws DecampError as `query`
   */
  async queryByLexicon<T>(
    nsid: string,
    params: Readonly<Record<string, string>>,
    shape: Shape<T>,
    signal: AbortSignal,
  ): Promise<T> {
    this.#agent ??= loadLexicons().then((Loaded) => new Loaded(async (path, init) => this.#fetch(path, init)));
    const agent = await this.#agent;
    let answer: unknown;
    try {
      ({ data: answer } = await agent.call(nsid, params, undefined, { signal }));
    } catch (error) {
      signal.throwIfAborted();
      // What the package throws about an answer is of many kinds: some of it it did not mean to throw.
      throw findDecampError(error) ?? this.#badAnswer(nsid, "", error);
    }
    return this.#inShape(nsid, shape, answer);
  }

  /**
   * Has something done.
   *
   * @param options `repeatable`: doing it twice is the same as doing it once
   * @throws DecampError as `query`
   */
  async procedure<T>(nsid: string, input: Input, shape: Shape<T>, options: CallOptions): Promise<T> {
    const request: XrpcRequest = { ...options, method: "POST", path: pathOf(nsid), ...sent(input) };
    return this.#inShape(nsid, shape, await this.#once(nsid, async () => this.#session.json(request)));
  }

  /**
   * Calls a method. One that has answered is there: no server gets out of a proof by saying later that it has no such
   * method. (A 404 without a name may mean what was asked for.)
   */
  async #once<T>(nsid: string, call: () => Promise<T>): Promise<T> {
    try {
      const answer = await call();
      this.#answered.add(nsid);
      return answer;
    } catch (error) {
      const { host } = this.#session;
      if (this.#answered.has(nsid) && isMissingMethod(error) && !isNameless404(error)) {
        throw new DecampError(
          "bad-answer",
          `${host} has answered ${nsid} in this run, and says now that it has no such method.`,
          { data: { host, method: nsid }, cause: error },
        );
      }
      throw error;
    }
  }

  /**
   * Asks for bytes, as a stream.
   *
   * @param limit how many bytes there may be
   * @param how `type`: the media type that it has to be, if it has one and does not come from elsewhere; any, unless
   *   given. `mayLeadElsewhere`: goes where the server leads, for what its hash proves
   * @throws DecampError `bad-answer` for another type and for a part of it, and as `PinnedSession.send`
   */
  async download(
    nsid: string,
    params: Params,
    options: CallOptions,
    limit: BudgetName,
    { type, ...how }: { readonly type?: string; readonly mayLeadElsewhere?: true } = {},
  ): Promise<Download> {
    const path = pathOf(nsid, params);
    const answer = await this.#once(nsid, async () => this.#session.send({ ...options, ...how, path }));
    const { status, headers, body, from } = answer;
    const { host, origin } = this.#session;
    const said = headers["content-type"];
    const isOther = type !== undefined && said !== undefined && said.split(";")[0]?.trim().toLowerCase() !== type;
    if (status === 206 || (isOther && from === undefined)) {
      discardBody(body);
      const named = serverMessage(said ?? "", this.#session.secrets).slice(0, 80);
      const what = status === 206 ? "a part of it" : `${named}, not with ${type}`;
      throw new DecampError("bad-answer", `${host} answered ${nsid} with ${what}.`);
    }
    const length = Number(headers["content-length"] ?? Number.NaN);
    return {
      bytes: readBytes(answer, from ?? new URL(path, origin), limit),
      ...(Number.isSafeInteger(length) ? { length } : {}),
      ...(said === undefined ? {} : { mimeType: said }),
      ...(answer.limits === undefined ? {} : { limits: answer.limits }),
    };
  }

  #inShape<T>(nsid: string, shape: Shape<T>, value: unknown): T {
    const read = v.safeParse(shape, value, { abortEarly: true });
    if (!read.success) {
      // Where it is, and never what it is: that may be a secret.
      const where = v.getDotPath(read.issues[0]);
      throw this.#badAnswer(nsid, where === null ? "" : ` (see ${where})`);
    }
    return read.output;
  }

  #badAnswer(nsid: string, where: string, cause?: unknown): DecampError {
    const { host } = this.#session;
    return new DecampError(
      "bad-answer",
      `${host} answered ${nsid} with something else than the protocol has${where}.`,
      {
        data: { host, method: nsid },
        ...(cause === undefined ? {} : { cause }),
      },
    );
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const { method = "GET", headers, body, signal } = init;
    if (method.toUpperCase() !== "GET" || (body ?? undefined) !== undefined) {
      throw new TypeError("only queries go through the agent");
    }
    const request = { path, headers: Object.fromEntries(new Headers(headers)) };
    const value = await this.#session.json({ ...request, signal: signal ?? new AbortController().signal });
    return Response.json(value);
  }
}

function isNameless404(error: unknown): boolean {
  return isDecampError(error) && error.data["status"] === 404 && error.data["error"] === undefined;
}

function pathOf(nsid: string, params: Params = {}): string {
  const pairs = Object.entries(params).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).map((one): [string, string] => [name, one]),
  );
  return `/xrpc/${nsid}${pairs.length === 0 ? "" : `?${new URLSearchParams(pairs).toString()}`}`;
}

function sent(input: Input): Pick<XrpcRequest, "headers" | "body"> {
  if (input === undefined) {
    return {};
  }
  if ("bytes" in input) {
    const { type, bytes } = input;
    return { headers: { "content-type": type, "content-length": String(bytes.length) }, body: bytes.open };
  }
  const body = "json" in input ? input.json : JSON.stringify(input.value);
  return { headers: { "content-type": "application/json" }, body };
}
