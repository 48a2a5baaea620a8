/**
 * What an HTTP server answers: read to its end, within limits.
 *
 * Tricky bit: the body belongs to whoever gets the answer. Read it to the end or discard it.
 */

import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { jsonExcess } from "../data/json-bounds.ts";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { setDeadline } from "./deadline.ts";
import { noteSpent } from "./spent-memory.ts";
import { brokenBody } from "./unreachable.ts";

/** How often an answer is asked for that breaks off or cannot be read, and the pause (milliseconds). */
const rereading = { attempts: 3, pause: 500 };
/** The largest JSON body that is read into memory, in bytes. */
const jsonLimit = 32 * 1024 * 1024;
/** The same for an answer that is a refusal. */
const refusalLimit = 1024 * 1024;
/** The longest time that all of a body may take which is read into memory (milliseconds). */
const smallBodyTime = 120_000;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** As it was before it was compressed. */
  readonly body: Readable;
  /** Where it came from, if the server that was asked has led there. */
  readonly from?: URL;
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
  const timer = setDeadline(smallBodyTime, () => answer.body.destroy(tooSlow));
  try {
    for await (const piece of readBytes(answer.body, url)) {
      size += piece.length;
      if (size > limit) {
        throw new DecampError("bad-answer", `${url.host} answered with more than ${limit} bytes.`);
      }
      pieces.push(piece);
    }
  } finally {
    timer.clear();
  }
  return Buffer.concat(pieces);
}

/**
 * The pieces of a body.
 *
 * @throws DecampError `unreachable` when it ends early, `bad-answer` when it is not in the encoding that was said
 */
export async function* readBytes(body: Readable, url: URL): AsyncGenerator<Uint8Array> {
  const pieces: AsyncIterable<unknown> = body;
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next().catch((error: unknown) => {
        throw isAbort(error) ? error : brokenBody(url, error);
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
 * @throws DecampError `bad-answer` for anything that is not JSON, named for what it is, and for JSON that is beyond the bounds of
 *   `data/json-bounds.ts`
 */
export async function readJson(answer: HttpAnswer, url: URL): Promise<unknown> {
  return asJson(parseJson(await readBody(answer, url)), answer, url);
}

/** What a body is: a value, or what there is in its place. */
type Parsed = { readonly value: unknown } | { readonly fault: string };

/** The one place where JSON that came over the network is parsed. */
export function parseJson(body: Uint8Array): Parsed {
  const excess = jsonExcess(body);
  if (excess !== undefined) {
    return { fault: `something that ${excess}` };
  }
  const text = new TextDecoder().decode(body);
  try {
    const value: unknown = JSON.parse(text);
    return { value };
  } catch {
    return { fault: /^\s*</.test(text) ? "a web page" : "something that is not JSON" };
  }
}

/** The value. @throws DecampError `bad-answer` if there is none */
export function asJson(parsed: Parsed, answer: HttpAnswer, url: URL): unknown {
  if ("value" in parsed) {
    return parsed.value;
  }
  throw new DecampError("bad-answer", `${url.host} answered ${url.pathname} with ${parsed.fault}.`, {
    data: { host: url.host, status: answer.status },
  });
}

/**
 * Reads what goes with a refusal. The status says enough: what cannot be read, or is too long, is nothing.
 *
 * @throws what the signal was aborted with
 */
export async function readRefusal(answer: HttpAnswer, url: URL, signal: AbortSignal): Promise<Record<string, unknown>> {
  try {
    const parsed = parseJson(await readBody(answer, url, refusalLimit));
    return "value" in parsed && isJsonObject(parsed.value) ? parsed.value : {};
  } catch (error) {
    signal.throwIfAborted();
    if (!isDecampError(error)) {
      throw error;
    }
    return {};
  }
}
