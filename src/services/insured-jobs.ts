/**
 * When the jobs of an insurance last ended well: a file for each in the folder of the state, named like the job, whose
 * time says it. It only helps: where it cannot be read or written, nothing is said.
 */
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

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

/** Remembers that a job has ended well now. @param name as its unit has it, such as `export-alice.example.com` */
export async function rememberJob(stateDir: string, name: string): Promise<void> {
  if (parseName(name) === undefined) {
    return;
  }
  await quietly(async () => {
    await mkdir(folderIn(stateDir), { recursive: true, mode: 0o700 });
    await writeFile(join(folderIn(stateDir), name), "", { mode: 0o600 });
  });
}

/** The job that is late by the most days, if one is. @param now milliseconds since 1970 */
export async function lateJob(stateDir: string, now: number): Promise<LateJob | undefined> {
  const late: LateJob[] = [];
  for (const name of (await quietly(async () => readdir(folderIn(stateDir)))) ?? []) {
    const { kind = "", account = "" } = parseName(name) ?? {};
    const path = join(folderIn(stateDir), name);
    const ended = await quietly(async () => stat(path));
    const days = Math.floor((now - (ended?.mtimeMs ?? now)) / day);
    if (days >= (longAgo[kind] ?? Infinity)) {
      late.push({ kind, account, days, path });
    }
  }
  return late.toSorted((one, other) => other.days - one.days)[0];
}

function folderIn(stateDir: string): string {
  return join(stateDir, "insured");
}

function parseName(name: string): { readonly kind: string; readonly account: string } | undefined {
  const [, kind, account] = /^(export|watch|check)-([A-Za-z0-9.-]{1,253})$/.exec(name) ?? [];
  return kind === undefined || account === undefined ? undefined : { kind, account };
}

async function quietly<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch {
    return undefined;
  }
}
