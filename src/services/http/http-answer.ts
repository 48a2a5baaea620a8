/**
 * What an HTTP server answers: read to its end, within limits.
 *
 * Tricky bit: the body belongs to whoever gets the answer. Read it to the end or discard it.
 */

import type { Readable } from "node:stream";
import {
  budgets,
  defaultBudgets,
  howToRaise,
  limitName,
  overLimit,
  type BudgetName,
  type Limits,
} from "../../data/budgets.ts";
import { jsonExcess, type JsonExcess } from "../../data/json-bounds.ts";
import { isJsonObject } from "../../data/json-object.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { setDeadline } from "../deadline.ts";
import type { Flow } from "./flow.ts";
import { noteSpent } from "../spent-memory.ts";
import { brokenBody } from "./unreachable.ts";
import { pause } from "../wait.ts";

/** How often an answer is asked for that breaks off or cannot be read, and the pause (milliseconds). */
const rereading = { attempts: 3, pause: 500 };

/** The answer to a request, of whatever status; its body is still to come. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** As it was before it was compressed. */
  readonly body: Readable;
  /** Where it came from, if the server that was asked has led there. */
  readonly from?: URL;
  /** The limits of this run; the defaults, unless given. */
  readonly limits?: Limits;
  /** Holds its body up, if this run may not go as fast as it can. */
  readonly flow?: Flow | undefined;
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
      const isPassing = isDecampError(error, "unreachable", "bad-answer") && error.data["limit"] === undefined;
      if (attempt >= rereading.attempts || !isPassing) {
        throw error;
      }
      await pause(rereading.pause * attempt, signal);
    }
  }
}

/** Gives up a body that nobody wants to read. Destroying one that is not at its end makes it emit an error. */
export function discardBody(body: Readable): void {
  body.on("error", () => undefined).destroy();
}

/**
 * Reads a body into memory.
 *
 * @param limit how much that may be
 * @throws DecampError `bad-answer` or, where the limit can be raised, `limit-exceeded` when there is more;
 *   `unreachable` when it ends early
 */
export async function readBody(answer: HttpAnswer, url: URL, limit: BudgetName = "jsonBytes"): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const { limits = defaultBudgets, flow, ...rest } = answer;
  // A server that sends a byte now and then never runs into the limit between two pieces.
  const timer = setDeadline(limits.smallBodyTime, () => answer.body.destroy(tookTooLong(url)));
  try {
    for await (const piece of readBytes({ ...rest, limits }, url, limit)) {
      flow?.count(piece.length);
      pieces.push(piece);
    }
  } finally {
    timer.clear();
  }
  return Buffer.concat(pieces);
}

function tookTooLong({ host }: URL): DecampError {
  return new DecampError("unreachable", `${host} took too long for its answer.`, { data: { host } });
}

/**
 * The pieces of a body. It has to keep a pace while it is waited for; who reads it may take their time.
 *
 * @param limit how many bytes there may be
 * @param now milliseconds, of any clock that does not go back
 * @throws DecampError as `readBody`, `unreachable` when it comes too slowly, `bad-answer` when it is not in the
 *   encoding that was said
 */
export async function* readBytes(
  { body, headers, limits = defaultBudgets, flow }: HttpAnswer,
  url: URL,
  limit: BudgetName,
  now: () => number = () => performance.now(),
): AsyncGenerator<Uint8Array> {
  const most = limits[limit];
  const pieces: AsyncIterable<unknown> = body;
  const iterator = pieces[Symbol.asyncIterator]();
  let size = 0;
  let waited = 0;
  let came = 0;
  try {
    // Of more than it announces, Node reads nothing.
    if (Number(headers["content-length"]) > most) {
      throw overLimit(limit, `${url.host} answered with`, most, "bytes");
    }
    for (;;) {
      const asked = now();
      // What is compressed may bring nothing for as long as its bytes keep coming.
      const deadline = setDeadline(limits.paceTime, () => body.destroy(tooSlow(url, came, limits)));
      const next = await iterator
        .next()
        .catch((error: unknown) => {
          throw isAbort(error) ? error : brokenBody(url, error);
        })
        .finally(() => deadline.clear());
      if (next.done === true) {
        return;
      }
      if (!(next.value instanceof Uint8Array)) {
        throw new TypeError("a body gave something else than bytes");
      }
      noteSpent(next.value.length);
      size += next.value.length;
      if (size > most) {
        throw overLimit(limit, `${url.host} answered with`, most, "bytes");
      }
      came += next.value.length;
      // A longer one is not the server's: the process was stopped.
      waited += Math.min(now() - asked, limits.idleTime);
      if (waited >= limits.paceTime) {
        if (came < limits.paceBytes) {
          throw tooSlow(url, came, limits);
        }
        waited = 0;
        came = 0;
      }
      yield next.value;
      // Before the next one is waited for, so that the time is not the server's.
      await flow?.take(next.value.length);
    }
  } finally {
    discardBody(body);
  }
}

function tooSlow({ host }: URL, came: number, { paceTime, paceBytes }: Limits): DecampError {
  const what = `${came} bytes in ${paceTime / 1000} seconds of waiting, where ${paceBytes} are the least`;
  return new DecampError("unreachable", `${host} answers too slowly: ${what}.`, {
    data: { host, limit: limitName("paceBytes"), least: paceBytes },
  });
}

function isAbort(error: unknown): boolean {
  return isDecampError(error) || (error instanceof Error && ["AbortError", "TimeoutError"].includes(error.name));
}

/**
 * Reads a JSON body.
 *
 * @throws DecampError `bad-answer` for anything that is not JSON, named for what it is; for JSON that is beyond the
 *   bounds of `data/json-bounds.ts` that or, where the limit can be raised, `limit-exceeded`
 */
export async function readJson(answer: HttpAnswer, url: URL, limit?: BudgetName): Promise<unknown> {
  return asJson(parseJson(await readBody(answer, url, limit), answer.limits), answer, url);
}

/** What a body is: a value, or what there is in its place. */
type Parsed = { readonly value: unknown } | { readonly fault: string; readonly excess?: JsonExcess };

/** The one place where JSON that came over the network is parsed. */
export function parseJson(body: Uint8Array, limits?: Limits): Parsed {
  const excess = jsonExcess(body, limits);
  if (excess !== undefined) {
    return { fault: `something that ${excess.says}`, excess };
  }
  const text = new TextDecoder().decode(body);
  try {
    const value: unknown = JSON.parse(text);
    return { value };
  } catch {
    return { fault: /^\s*</.test(text) ? "a web page" : "something that is not JSON" };
  }
}

/** The value. @throws DecampError `bad-answer` or `limit-exceeded` if there is none */
export function asJson(parsed: Parsed, answer: HttpAnswer, url: URL): unknown {
  if ("value" in parsed) {
    return parsed.value;
  }
  const message = `${url.host} answered ${url.pathname} with ${parsed.fault}.`;
  const data = { host: url.host, status: answer.status };
  if (parsed.excess === undefined) {
    throw new DecampError("bad-answer", message, { data });
  }
  const { limit, most } = parsed.excess;
  const isRaised = budgets[limit].flag;
  throw new DecampError(isRaised ? "limit-exceeded" : "bad-answer", message, {
    ...(isRaised ? { hint: howToRaise(limit) } : {}),
    data: { ...data, limit: limitName(limit), most },
  });
}

/**
 * Reads what goes with a refusal. The status says enough: what cannot be read, or is too long, is nothing.
 *
 * @throws what the signal was aborted with
 */
export async function readRefusal(answer: HttpAnswer, url: URL, signal: AbortSignal): Promise<Record<string, unknown>> {
  try {
    const parsed = parseJson(await readBody(answer, url, "errorBytes"), answer.limits);
    return "value" in parsed && isJsonObject(parsed.value) ? parsed.value : {};
  } catch (error) {
    signal.throwIfAborted();
    if (!isDecampError(error)) {
      throw error;
    }
    return {};
  }
}
