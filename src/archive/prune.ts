/** Old snapshots out of an archive, and the blobs that only they needed. */

import type { Cid } from "../data/cid.ts";
import { blobRefsInTurns } from "../repo/records.ts";
import { openCarFile } from "../services/car-file.ts";
import { fileSize } from "../services/files.ts";
import { takeLock, type LockOwner } from "../services/lock.ts";
import { removeFile } from "../services/plain-entries.ts";
import { blobFile, compareSnapshotNames, lockFile, snapshotFile } from "./layout.ts";
import { removeLeftovers, removeSnapshot } from "./leftovers.ts";
import type { Manifest } from "./manifest.ts";
import { readArchive } from "./open.ts";
import { listStoredBlobs } from "./stored-blobs.ts";

export interface PruneOptions {
  /** How many of the newest snapshots stay, 1 at least. */
  readonly keep: number;
  /** Only says what would be removed. */
  readonly dryRun: boolean;
  readonly lockOwner: LockOwner;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly signal: AbortSignal;
}

export interface Pruned {
  /** Names of snapshots, oldest first. */
  readonly kept: readonly string[];
  readonly removed: readonly string[];
  readonly blobs: { readonly count: number; readonly bytes: number };
}

/**
 * Removes all snapshots but the newest ones. Blobs stay that one of these needs, or lists as missing, or that an export
 * which is not finished will need. A manifest goes before what it describes, so that an interrupted run leaves no snapshot
 * behind that only seems to be complete.
 *
 * @throws DecampError `unreadable-file` if it is no archive, `locked`, `damaged`, `storage`; the signal's reason
 */
export async function pruneArchive(archive: string, options: PruneOptions): Promise<Pruned> {
  await readArchive(archive);
  if (options.dryRun) {
    return (await plan(archive, options)).pruned;
  }
  const unlock = await takeLock(lockFile(archive), options.lockOwner, options.now);
  try {
    const { pruned, blobs } = await plan(archive, options);
    for (const name of pruned.removed) {
      options.signal.throwIfAborted();
      await removeSnapshot(archive, name);
    }
    for (const cid of blobs) {
      options.signal.throwIfAborted();
      await removeFile(blobFile(archive, cid));
    }
    await removeLeftovers(archive, pruned.kept[0]);
    return pruned;
  } finally {
    await unlock();
  }
}

async function plan(
  archive: string,
  { keep, signal }: PruneOptions,
): Promise<{ pruned: Pruned; blobs: readonly Cid[] }> {
  const { snapshots, unfinished } = await readArchive(archive);
  const kept = snapshots.slice(-keep);
  const removed = snapshots.slice(0, -keep);
  const needed = new Set(kept.flatMap(blobsOf));
  const newest = kept.at(-1)?.snapshot ?? "";
  for (const name of unfinished.filter((one) => compareSnapshotNames(one, newest) > 0)) {
    for (const cid of await referredBlobs(snapshotFile(archive, name, "repo"), signal)) {
      needed.add(cid);
    }
  }
  const blobs = [...(await listStoredBlobs(archive)).cids].filter((cid) => !needed.has(cid)).sort();
  let bytes = 0;
  for (const cid of blobs) {
    bytes += (await fileSize(blobFile(archive, cid))) ?? 0;
  }
  return {
    pruned: { kept: kept.map(nameOf), removed: removed.map(nameOf), blobs: { count: blobs.length, bytes } },
    blobs,
  };
}

function nameOf({ snapshot }: Manifest): string {
  return snapshot;
}

function blobsOf({ blobs, missing }: Manifest): Cid[] {
  return [...blobs, ...missing].map(({ cid }) => cid);
}

/** What the records of a snapshot need that has no manifest yet; nothing if its repository is not there either. */
async function referredBlobs(path: string, signal: AbortSignal): Promise<Iterable<Cid>> {
  if ((await fileSize(path)) === undefined) {
    return [];
  }
  const car = openCarFile(path);
  try {
    return (await blobRefsInTurns(car.source, { signal })).keys();
  } finally {
    car.close();
  }
}
