/**
 * When the jobs of an insurance last came to their end: a file for each in the folder of the state, named like the job.
 * It only helps: where it cannot be read or written, nothing is said.
 *
 * A file has the time at which the job ended; of one that never has, `tried` and the time of the first try.
 */
import { lstatSync } from "node:fs";
import { utimes } from "node:fs/promises";
import { insuredFolder } from "../../config-place.ts";
import { isDecampError } from "../../../errors.ts";
import { joinPath, listFolder, writeShared } from "../files.ts";
import { ownFolder, readOwn } from "../own-files.ts";

const day = 24 * 60 * 60_000;

/** What is known of a kind of job. */
interface Kind {
  /** After so many days without a run something is wrong: a night or two may fail, or the machine be off. */
  readonly longAgo: number;
  /** How a run ends that has done its work, whatever it has found: that has been told by then. */
  readonly ends: readonly number[];
}

const kinds: Readonly<Record<string, Kind>> = {
  // Blobs that no server has any more do not keep an archive from being brought up to date.
  export: { longAgo: 3, ends: [0, 6] },
  watch: { longAgo: 3, ends: [0, 3] },
  check: { longAgo: 15, ends: [0, 3, 6] },
};

/** At the most so many files are read: the oldest. */
const mostRead = 50;

/** A job that has not come to its end for long. */
export interface LateJob {
  readonly kind: string;
  readonly account: string;
  /**
   * `ended`: it did so `days` ago. `tried`: it never has, and the first try was `days` ago. `ahead`: by what is
   * remembered it will have done so on a day that is yet to come.
   */
  readonly state: "ended" | "tried" | "ahead";
  /** Whole ones, from 0. */
  readonly days: number;
  /** The file that remembers it. */
  readonly path: string;
  /** Whether there are more. */
  readonly others: boolean;
}

/**
 * Remembers how a job has ended: that it came to its end, or, as long as it never has, when it was first tried.
 *
 * @param name as its unit has it, such as `export-alice.example.com`
 * @param now milliseconds since 1970
 */
export async function rememberJob(stateDir: string, name: string, exitCode: number, now: number): Promise<void> {
  const kind = kinds[parseName(name)?.kind ?? ""];
  if (kind === undefined) {
    return;
  }
  await quietly(async () => {
    const folder = await ownFolder(stateDir, insuredFolder, true);
    const path = joinPath(folder, name);
    const hasEnded = kind.ends.includes(exitCode);
    if (hasEnded || (await readOwn(path)) === undefined) {
      await writeShared(path, `${hasEnded ? "" : "tried "}${new Date(now).toISOString()}\n`);
      // By the same clock as what is in it.
      await utimes(path, now / 1000, now / 1000);
    }
  });
}

/** The job that is late by the most days, if one is. @param now milliseconds since 1970 */
export async function lateJob(stateDir: string, now: number): Promise<LateJob | undefined> {
  const folder = joinPath(stateDir, insuredFolder);
  const late: Omit<LateJob, "others">[] = [];
  const names = (await quietly(async () => listFolder(folder))) ?? [];
  for (const { kind, account, path } of suspects(folder, names, now).slice(0, mostRead)) {
    const text = new TextDecoder().decode(await quietly(async () => readOwn(path))).trim();
    const [, tried, time = ""] = /^(tried )?(\S+)$/.exec(text) ?? [];
    const days = Math.floor((now - Date.parse(time)) / day);
    if (days < -1 || days >= (kinds[kind]?.longAgo ?? Infinity)) {
      const state = days < 0 ? "ahead" : tried === undefined ? "ended" : "tried";
      late.push({ kind, account, state, days: Math.abs(days), path });
    }
  }
  const [first, ...more] = late.toSorted((one, other) => other.days - one.days);
  return first && { ...first, others: more.length > 0 };
}

interface Suspect {
  readonly kind: string;
  readonly account: string;
  readonly path: string;
}

/**
 * Those whose files were last written long ago, or by their date tomorrow, the oldest first: a look at each costs next
 * to nothing, even where there are thousands.
 */
function suspects(folder: string, names: readonly string[], now: number): Suspect[] {
  return names
    .flatMap((name) => {
      const { kind = "", account = "" } = parseName(name) ?? {};
      const path = joinPath(folder, name);
      const days = (now - writtenAt(path)) / day;
      return days < -1 || days >= (kinds[kind]?.longAgo ?? Infinity) ? { kind, account, path, days } : [];
    })
    .toSorted((one, other) => Math.abs(other.days) - Math.abs(one.days));
}

/** Milliseconds since 1970; NaN where that cannot be asked. */
function writtenAt(path: string): number {
  try {
    return lstatSync(path).mtimeMs;
  } catch {
    return Number.NaN;
  }
}

/** What a run that was killed has left beside a file is none. */
function parseName(name: string): { readonly kind: string; readonly account: string } | undefined {
  const [, kind, account] = /^(export|watch|check)-([A-Za-z0-9.-]{1,200})$/.exec(name) ?? [];
  return kind === undefined || account === undefined || account.endsWith(".part") ? undefined : { kind, account };
}

async function quietly<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isDecampError(error) || (error instanceof Error && "code" in error)) {
      return undefined;
    }
    throw error;
  }
}
