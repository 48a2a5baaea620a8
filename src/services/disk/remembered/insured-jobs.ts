/**
 * When the jobs of an insurance last ended well: a file for each in the folder of the state, named like the job. It
 * only helps: where it cannot be read or written, nothing is said.
 */
import { insuredFolder } from "../../config-place.ts";
import { isDecampError } from "../../../errors.ts";
import { joinPath, listFolder, writeShared } from "../files.ts";
import { ownFolder, readOwn } from "../own-files.ts";

const day = 24 * 60 * 60_000;

/** After so many days without a run something is wrong: a night or two may fail, or the machine be off. */
const longAgo: Readonly<Record<string, number>> = { export: 3, watch: 3, check: 15 };

/** A job that has not ended well for long. */
export interface LateJob {
  readonly kind: string;
  readonly account: string;
  readonly days: number;
  /** The file that remembers it. */
  readonly path: string;
}

/**
 * Remembers that a job has ended well.
 *
 * @param name as its unit has it, such as `export-alice.example.com`
 * @param now milliseconds since 1970
 */
export async function rememberJob(stateDir: string, name: string, now: number): Promise<void> {
  if (parseName(name) !== undefined) {
    await quietly(async () => {
      const folder = await ownFolder(stateDir, insuredFolder, true);
      await writeShared(joinPath(folder, name), `${new Date(now).toISOString()}\n`);
    });
  }
}

/** The job that is late by the most days, if one is. @param now milliseconds since 1970 */
export async function lateJob(stateDir: string, now: number): Promise<LateJob | undefined> {
  const late: LateJob[] = [];
  const folder = joinPath(stateDir, insuredFolder);
  for (const name of (await quietly(async () => listFolder(folder))) ?? []) {
    const { kind = "", account = "" } = parseName(name) ?? {};
    const path = joinPath(folder, name);
    const ended = Date.parse(new TextDecoder().decode(await quietly(async () => readOwn(path))).trim());
    const days = Math.floor((now - ended) / day);
    if (days >= (longAgo[kind] ?? Infinity)) {
      late.push({ kind, account, days, path });
    }
  }
  return late.toSorted((one, other) => other.days - one.days)[0];
}

function parseName(name: string): { readonly kind: string; readonly account: string } | undefined {
  const [, kind, account] = /^(export|watch|check)-([A-Za-z0-9.-]{1,200})$/.exec(name) ?? [];
  return kind === undefined || account === undefined ? undefined : { kind, account };
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
