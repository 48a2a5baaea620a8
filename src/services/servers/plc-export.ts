/**
 * The `/export` of a PLC directory: every operation of every identity, page by page. It is a hint where to look, and
 * proves nothing: a log is read and verified before anything is said of it.
 */
import { DecampError } from "../../errors.ts";
import { isJsonObject } from "../../data/json-object.ts";
import { isPlcDid } from "../../identity/names.ts";
import { asJson, discardBody, parseJson, readAgain, readBody, type HttpAnswer } from "../http/http-answer.ts";
import type { Http } from "../http/http.ts";

/** A line of an export, as far as it is looked at. */
export interface ExportLine {
  readonly did: string;
  readonly cid: string;
  /** Epoch milliseconds. */
  readonly time: number;
  /** Its number in the order of the directory, where that counts them. */
  readonly seq?: number;
}

/** Behind what the next page begins: a time, or the number of a line. */
export type ExportCursor = { readonly time: number } | { readonly seq: number };

/** The most lines that a directory gives at once: a page of so many is full, and another one follows. */
export const exportPage = 1000;

/** How far clocks may differ (milliseconds). */
export const clockSkew = 300_000;
/** How far a time has to overlap (milliseconds). */
const overlap = 5000;

/**
 * Behind what the page begins that follows this one; the same as before where nothing came.
 *
 * - A cursor that is a time has to overlap: lines of one millisecond may stand on two pages, and one that was written
 *   first may be shown later. A cursor that is a number needs no overlap.
 * - A time from the future would pass over everything until then: a cursor never runs ahead of our clock.
 *
 * @param now epoch milliseconds, by the clock of the directory
 * @param isFull whether another page follows at once
 */
export function nextCursor(
  before: ExportCursor,
  lines: readonly ExportLine[],
  now: number,
  isFull: boolean = lines.length >= exportPage,
): ExportCursor {
  if (lines.length === 0) {
    return before;
  }
  const numbers = lines.flatMap(({ seq }) => seq ?? []);
  if (numbers.length === lines.length) {
    return { seq: Math.max(...numbers, "seq" in before ? before.seq : 0) };
  }
  const old = "time" in before ? before.time : now - clockSkew;
  const last = lines.reduce((newest, { time }) => Math.max(newest, time), old);
  // Within a full page one millisecond is enough: the next page begins where this one ends.
  const wanted = Math.min(last, now + clockSkew) - (isFull ? 1 : overlap);
  // A page full of one millisecond must not come again and again.
  return { time: Math.max(wanted, isFull ? old + 1 : old) };
}

/**
 * One page, oldest first.
 *
 * @returns undefined if the directory has no `/export`
 * @throws DecampError `bad-answer`, `server-refused`, `limit-exceeded`, and what `Http.send` throws
 */
export async function fetchExport(
  http: Http,
  origin: string,
  after: ExportCursor,
  signal: AbortSignal,
): Promise<readonly ExportLine[] | undefined> {
  const url = new URL("/export", origin);
  url.searchParams.set("count", String(exportPage));
  url.searchParams.set("after", "seq" in after ? String(after.seq) : new Date(after.time).toISOString());
  const send = async (): Promise<HttpAnswer> => http.send({ url, signal });
  return readAgain(send, async (answer) => readLines(answer, url), signal);
}

async function readLines(answer: HttpAnswer, url: URL): Promise<readonly ExportLine[] | undefined> {
  if (answer.status !== 200) {
    discardBody(answer.body);
    if ([404, 405, 410, 501].includes(answer.status)) {
      return undefined;
    }
    throw new DecampError("server-refused", `The directory ${url.host} answered with status ${answer.status}.`, {
      data: { host: url.host, status: answer.status },
    });
  }
  const body = await readBody(answer, url, "logBytes");
  const lines: ExportLine[] = [];
  for (let start = 0; start < body.length;) {
    const end = body.indexOf(0x0a, start);
    const line = body.subarray(start, end < 0 ? body.length : end);
    start = end < 0 ? body.length : end + 1;
    if (line.some((byte) => byte > 0x20)) {
      if (lines.length >= exportPage) {
        throw badLine(url, `more than ${exportPage} lines`);
      }
      lines.push(readLine(asJson(parseJson(line, answer.limits), answer, url), url));
    }
  }
  return lines;
}

function readLine(value: unknown, url: URL): ExportLine {
  const { did, cid, createdAt, seq } = isJsonObject(value) ? value : {};
  const time = typeof createdAt === "string" ? Date.parse(createdAt) : Number.NaN;
  if (typeof did !== "string" || !isPlcDid(did) || typeof cid !== "string" || cid.length > 100 || Number.isNaN(time)) {
    throw badLine(url, "a line that is no operation");
  }
  const counted = typeof seq === "number" && Number.isSafeInteger(seq) && seq >= 0;
  return { did, cid, time, ...(counted ? { seq } : {}) };
}

function badLine({ host }: URL, what: string): DecampError {
  return new DecampError("bad-answer", `The directory ${host} answered /export with ${what}.`, { data: { host } });
}
