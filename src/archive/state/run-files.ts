/** What runs over all accounts of a server keep in the folder of the archives, beside these. */
import { joinPath } from "../../services/disk/files.ts";
import type { Shard } from "./shard.ts";

/** Whose files they are: those of a shard are its own. */
interface Place {
  /** The folder of the archives. */
  readonly folder: string;
  readonly shard?: Shard | undefined;
}

/** The lock of a night: two of them over the same accounts would do the same. */
export function nightLock({ folder, shard }: Place): string {
  return joinPath(folder, `night${suffixOf(shard)}.lock`);
}

/** What a night tells the next one. */
export function memoryFile({ folder, shard }: Place): string {
  return joinPath(folder, `night${suffixOf(shard)}.json`);
}

/** Which part of the accounts a night's memory of this name is of; undefined if it is none. */
export function partOfMemory(name: string): { readonly shard: Shard | undefined } | undefined {
  const [all, index, count] = /^night(?:-([0-9]{1,6})-of-([0-9]{1,6}))?\.json$/.exec(name) ?? [];
  return all === undefined
    ? undefined
    : { shard: index === undefined ? undefined : { index: Number(index), count: Number(count) } };
}

/** What a run says of itself, to people. */
export function lastRunFile({ folder, shard }: Place): string {
  return joinPath(folder, `last-run${suffixOf(shard)}.json`);
}

/** Whether a file of this name says of a run how it went. */
export const lastRunName: RegExp = /^last-run(?:-[0-9]{1,6}-of-[0-9]{1,6})?\.json$/;

function suffixOf(shard: Shard | undefined): string {
  return shard === undefined ? "" : `-${shard.index}-of-${shard.count}`;
}
