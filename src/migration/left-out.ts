/**
 * What a move leaves behind, and goes on without: blobs that one of the servers does not give or does not take, blobs
 * that the person has said to skip, and preferences. It is told at once, each with the records that need it, and
 * written down, so that a later run, the result and the certificate say the same.
 */
import { repoFile } from "../archive/layout.ts";

import { firstWords } from "../data/first-words.ts";
import { DecampError } from "../errors.ts";
import { recordsInTurns } from "../repo/records.ts";
import { openStoredCar } from "../services/disk/car-file.ts";
import type { Context } from "./context.ts";
import type { BlobNotMoved, LeftBehind, LeftBehindNow } from "./events.ts";

/** A blob that fails, as far as it is known. */
export type FailedBlob = Omit<BlobNotMoved, "archived">;

/** So many are named in a sentence, and so many flags are spelled out; the data has all. */
const named = 20;
const spelled = 5;
/** So many records of a blob are named. */
const namedRecords = 3;

/** The blobs that are left out because somebody has said so. */
export function skips(
  { options, skipBlobs }: Pick<Context, "options" | "skipBlobs">,
  { cid }: { cid: string },
): boolean {
  return options.allowMissingBlobs || skipBlobs.has(cid);
}

/**
 * Every one of these blobs in half a sentence: CID, size, why, and the records that need it with their first words.
 *
 * @param car path of the repository that the records are in
 * @throws DecampError `damaged` if the repository cannot be read
 */
export async function describeBlobs(blobs: readonly FailedBlob[], car: string, signal: AbortSignal): Promise<string[]> {
  const shown = blobs.map(({ records }) => records.slice(0, namedRecords));
  const words = await wordsOf(new Set(shown.flat()), car, signal);
  return blobs.map(({ cid, size, reason, records }, index) => {
    const needing = (shown[index] ?? []).map((path) => {
      const text = words.get(path);
      return text === undefined ? path : `${path} (“${text}”)`;
    });
    const more = records.length > namedRecords ? ` and ${records.length - namedRecords} more` : "";
    const whose = needing.length === 0 ? "no record needs it" : `needed by ${needing.join(", ")}${more}`;
    return `${cid}${size === undefined || size < 0 ? "" : ` (${size} bytes)`}: ${reason}; ${whose}`;
  });
}

/**
 * The error for blobs that stop a move: all of them, and how it goes on without them.
 *
 * @param sentence what is wrong with them, without a full stop
 * @param options `code`: `incomplete` unless given; `hint`: a sentence before the usual ones; `data`: beside `blobs`
 *   and `described`
 */
export function blobsStop(
  sentence: string,
  blobs: readonly FailedBlob[],
  described: readonly string[],
  options: {
    readonly code?: "incomplete" | "damaged" | "refused";
    readonly hint?: string;
    readonly data?: DecampError["data"];
  } = {},
): DecampError {
  const more = described.length > named ? `; and ${described.length - named} more` : "";
  const flags = blobs.map(({ cid }) => `--skip-blob ${cid}`);
  const skip = flags.length > spelled ? "--skip-blob CID for each that may be left behind" : flags.join(" ");
  return new DecampError(options.code ?? "incomplete", `${sentence}: ${described.slice(0, named).join("; ")}${more}.`, {
    hint: [
      ...(options.hint === undefined ? [] : [options.hint]),
      `Run the same command again later, or go on without them: add ${skip}, or --allow-missing-blobs.`,
    ].join(" "),
    data: { ...options.data, blobs: blobs.map(({ cid }) => cid), described },
  });
}

/** What is left out, as it is told before the identity changes, and in the result. */
export function leftBehind({ missingBlobs, notMoved, preferencesLeft }: Context): LeftBehind {
  const { again: _again, brought, ...preferences } = preferencesLeft ?? { again: false };
  return {
    missingBlobs,
    ...(notMoved.size === 0 ? {} : { blobsNotMoved: [...notMoved.values()] }),
    ...("reason" in preferences && brought === undefined ? { preferencesNotMoved: preferences } : {}),
    ...("reason" in preferences && brought !== undefined
      ? { preferencesFromArchive: { ...preferences, of: brought } }
      : {}),
  };
}

/** Writes down what is left out, if that is news. */
export async function noteLeftOut(context: Context): Promise<void> {
  const { missingBlobs: missing, preferencesLeft: preferences } = context;
  const notMoved = [...context.notMoved.values()];
  const isNothing = missing.length === 0 && notMoved.length === 0 && preferences === undefined;
  if (!isNothing || context.journal.state.leftOut !== undefined) {
    await context.note({ type: "left-out", missing, notMoved, ...(preferences === undefined ? {} : { preferences }) });
  }
}

/** The same before the identity changes, with figures; nothing where all is there. */
export function leftBehindNow(context: Context): { leftBehind?: LeftBehindNow } {
  const { transferred } = context;
  const left = leftBehind(context);
  const isAll = left.missingBlobs.length === 0 && Object.keys(left).length === 1;
  return isAll ? {} : { leftBehind: { ...left, blobsThere: transferred.there, blobsNeeded: transferred.of } };
}

/** What an earlier run has left out, for one that only finishes the move. */
export function recallLeftOut(context: Context): void {
  const { missing = [], notMoved = [], preferences } = context.journal.state.leftOut ?? {};
  context.missingBlobs = missing;
  for (const blob of notMoved) {
    context.notMoved.set(blob.cid, blob);
  }
  context.preferencesLeft = preferences;
  context.leftIsRecalled = true;
}

/** Where the archive has the repository of the snapshot at hand. */
export function snapshotCar({ archive, snapshot }: Pick<Context, "archive" | "snapshot">): string {
  return repoFile(archive, snapshot);
}

/** The first words of some records. */
async function wordsOf(paths: ReadonlySet<string>, path: string, signal: AbortSignal): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let left = paths.size;
  if (left === 0) {
    return found;
  }
  const car = await openStoredCar(path, { signal });
  try {
    for await (const record of recordsInTurns(car.source, { signal })) {
      if (paths.has(record.path)) {
        const words = firstWords(record.bytes);
        if (words !== undefined) {
          found.set(record.path, words);
        }
        left -= 1;
        if (left === 0) {
          break;
        }
      }
    }
  } finally {
    car.close();
  }
  return found;
}
