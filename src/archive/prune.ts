/** Old snapshots out of an archive, and the blobs that only they needed. */

import type { Cid } from "../data/cid.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { blobRefsInTurns } from "../repo/records.ts";
import { openStoredCar, type CarFile } from "../services/disk/car-file.ts";
import { fileSize, joinPath, listFolder } from "../services/disk/files.ts";
import { withLock, type LockOwner } from "../services/disk/lock.ts";
import { freedBytes, listEntries, removeEmptyFolder, removeFile } from "../services/disk/plain-entries.ts";
import { refuseLinks } from "./folder.ts";
import { readHeld, releaseSnapshot } from "./held.ts";
import { applyRules, hasRule, type KeepRules } from "./keep-rules.ts";
import {
  blobFile,
  blobsFolder,
  heldFolder,
  isUnfinishedFile,
  lockFile,
  snapshotFile,
  snapshotFiles,
  snapshotFolder,
  snapshotName,
} from "./layout.ts";
import { isLeftover, removeLeftovers, removeSnapshot } from "./leftovers.ts";
import type { Manifest } from "./manifest.ts";
import { readSnapshots } from "./open.ts";
import { listStoredBlobs } from "./stored-blobs.ts";

/** Why a snapshot stays that is the newest one with something that only the owner can see. */
export const privateReason = "private parts";

/** What is removed from an archive, and what stays. */
export interface PruneOptions {
  /** What stays; without any, nothing is removed but what nothing needs. */
  readonly rules: KeepRules;
  /** Names of snapshots that need not be held any longer, nor kept for their private parts. */
  readonly release: readonly string[];
  /** Only says what would be removed. */
  readonly dryRun: boolean;
  readonly lockOwner: LockOwner;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** What was removed from an archive, or would be, and what stays. */
export interface Pruned {
  /** Names of snapshots, oldest first. */
  readonly kept: readonly string[];
  readonly removed: readonly string[];
  /** Why each one is kept. */
  readonly reasons: Readonly<Record<string, readonly string[]>>;
  /** Those that are held, and those that were and are not any longer. */
  readonly held: readonly string[];
  readonly released: readonly string[];
  /**
   * Those that have no manifest any more, or none that can be read, and stay whatever the rules say: they are damaged.
   */
  readonly lost: readonly string[];
  readonly blobs: { readonly count: number; readonly bytes: number };
  /** Bytes that the disk gets back: those of removed files that no hard link is left of. */
  readonly freedBytes: number;
}

/**
 * Removes the snapshots that no rule keeps. The newest one stays, the newest one with private parts, and each that is
 * held. A blob stays if a snapshot that stays needs it or lists it as missing; of a snapshot without manifest (not
 * finished, or damaged), if its repository refers to it. To release a snapshot that is not held any more is no error.
 *
 * @throws DecampError `usage` for a name in `release` that is no snapshot, and where links lead out of the archive;
 *   `unreadable-file` if it is no archive, `locked`, `damaged`, also if it cannot be known which blobs are needed;
 *   `storage`; the signal's reason
 */
export async function pruneArchive(archive: string, options: PruneOptions): Promise<Pruned> {
  const entries = await listEntries(archive);
  refuseLinks(archive, entries);
  // Throws if this is no archive, before a lock is put into it.
  const foreseen = await plan(archive, options);
  const isDone = foreseen.isTidy && !entries.some(({ name }) => isUnfinishedFile(name));
  if (options.dryRun || isDone) {
    return foreseen.pruned;
  }
  return withLock(lockFile(archive), options.lockOwner, options, async (signal) => {
    // Until now an export may have been at work here: what was foreseen says only that a lock is worth it. The second
    // look costs a twentieth of what removing does, and an archive that loses nothing has none.
    const { pruned, blobs, outlived } = await plan(archive, { ...options, signal });
    for (const name of [...pruned.released, ...outlived]) {
      await releaseSnapshot(archive, name);
    }
    for (const name of pruned.removed) {
      signal.throwIfAborted();
      await removeSnapshot(archive, name);
    }
    for (const cid of blobs) {
      signal.throwIfAborted();
      await removeFile(blobFile(archive, cid));
    }
    await removeLeftovers(archive);
    await removeEmptyFolders(archive);
    return pruned;
  });
}

interface Plan {
  readonly pruned: Pruned;
  readonly blobs: readonly Cid[];
  /** Marks of snapshots that are not there any more. */
  readonly outlived: readonly string[];
  /** Whether nothing goes, and nothing that a run left behind lies among the snapshots, the blobs and the marks. */
  readonly isTidy: boolean;
}

async function plan(archive: string, { rules, release, now, signal }: PruneOptions): Promise<Plan> {
  const { snapshots, unfinished, odd } = await readSnapshots(archive);
  const marks = [...(await readHeld(archive)).keys()];
  const stored = await listStoredBlobs(archive);
  const names = new Set([...snapshots.map(nameOf), ...unfinished]);
  const unknown = release.find((name) => !marks.includes(name) && !names.has(name));
  if (unknown !== undefined) {
    throw new DecampError("usage", `${archive} has no snapshot ${unknown}.`, {
      hint: "decamp archive ls names the snapshots, and says which ones are held.",
      data: { snapshot: unknown },
    });
  }
  const stillHeld = new Set(marks.filter((name) => !release.includes(name)));
  const reasons = reasonsToKeep(snapshots, rules, now);
  const held = snapshots.map(nameOf).filter((name) => stillHeld.has(name));
  for (const name of held) {
    reasons.set(name, [...(reasons.get(name) ?? []), "held"]);
  }
  for (const name of hasRule(rules) ? newestPrivate(snapshots) : []) {
    if (!release.includes(name)) {
      reasons.set(name, [...(reasons.get(name) ?? []), privateReason]);
    }
  }
  const kept = snapshots.filter(({ snapshot }) => reasons.has(snapshot));
  const doomed = snapshots.filter(({ snapshot }) => !reasons.has(snapshot));
  const needed = new Set(kept.flatMap(blobsOf));
  const bounds = { newest: kept.at(-1)?.snapshot, held: stillHeld };
  // What has no manifest, or not the name of a snapshot, and stays all the same, needs its blobs.
  const links = new Set(odd.flatMap(({ rule, snapshot }) => (rule === "archive/snapshot-link" ? [snapshot] : [])));
  const others = odd.map(({ snapshot }) => snapshot).filter((name) => links.has(name) || !snapshotName.test(name));
  for (const name of unfinished) {
    if (!(await isLeftover(archive, name, bounds))) {
      others.push(name);
    }
  }
  for (const name of others) {
    for (const cid of await referredBlobs(archive, name, !links.has(name), signal)) {
      needed.add(cid);
    }
  }
  const blobs = [...stored.cids].filter((cid) => !needed.has(cid)).sort();
  let bytes = 0;
  for (const cid of blobs) {
    bytes += (await fileSize(blobFile(archive, cid))) ?? 0;
  }
  const gone = doomed.flatMap(({ snapshot }) =>
    Object.values(snapshotFiles).map((file) => joinPath(snapshotFolder(archive, snapshot), file)),
  );
  const released = marks.filter((name) => release.includes(name));
  const outlived = marks.filter((name) => !names.has(name) && !release.includes(name));
  return {
    pruned: {
      kept: kept.map(nameOf),
      removed: doomed.map(nameOf),
      reasons: Object.fromEntries(kept.map(({ snapshot }) => [snapshot, reasons.get(snapshot) ?? []])),
      held,
      released,
      lost: unfinished.filter((name) => odd.some((one) => one.snapshot === name && one.rule !== "archive/unfinished")),
      blobs: { count: blobs.length, bytes },
      freedBytes: await freedBytes([...gone, ...blobs.map((cid) => blobFile(archive, cid))]),
    },
    blobs,
    outlived,
    isTidy:
      doomed.length === 0 &&
      blobs.length === 0 &&
      outlived.length === 0 &&
      released.length === 0 &&
      unfinished.length === 0 &&
      stored.leftovers.length === 0 &&
      (await listFolder(heldFolder(archive))).length === marks.length,
  };
}

/** By name. Without a rule all are kept, for no reason. */
function reasonsToKeep(snapshots: readonly Manifest[], rules: KeepRules, now: number): Map<string, readonly string[]> {
  if (!hasRule(rules)) {
    return new Map(snapshots.map(({ snapshot }) => [snapshot, []]));
  }
  const dated = snapshots.map(({ snapshot, createdAt }) => ({ name: snapshot, time: Date.parse(createdAt) }));
  return applyRules(dated, rules, now);
}

/** The names of the newest snapshots that have each private part: later ones may have been made without a password. */
function newestPrivate(snapshots: readonly Manifest[]): Set<string> {
  const newest = new Map<string, string>();
  for (const { snapshot, files } of snapshots) {
    for (const [name, file] of Object.entries(files)) {
      if (file.private) {
        newest.set(name, snapshot);
      }
    }
  }
  return new Set(newest.values());
}

function nameOf({ snapshot }: Manifest): string {
  return snapshot;
}

function blobsOf({ blobs, missing }: Manifest): Cid[] {
  return [...blobs, ...missing].map(({ cid }) => cid);
}

/**
 * What the records of a snapshot need that has no manifest yet; nothing if its repository `mayLack` and is not there
 * either.
 */
async function referredBlobs(
  archive: string,
  snapshot: string,
  mayLack: boolean,
  signal: AbortSignal,
): Promise<Iterable<Cid>> {
  const packed = await referredIn(snapshotFile(archive, snapshot, "packedRepo"), true, signal);
  const isPacked = packed !== undefined;
  const plain = await referredIn(snapshotFile(archive, snapshot, "repo"), mayLack || isPacked, signal);
  return [...(packed ?? []), ...(plain ?? [])];
}

/** The same of one form of the repository; undefined if it is not there. */
async function referredIn(path: string, mayLack: boolean, signal: AbortSignal): Promise<Iterable<Cid> | undefined> {
  let car: CarFile | undefined;
  try {
    car = await openStoredCar(path, { signal });
    return (await blobRefsInTurns(car.source, { signal })).keys();
  } catch (error) {
    if (mayLack && isDecampError(error, "unreadable-file") && error.data["reason"] === "ENOENT") {
      return undefined;
    }
    if (!isDecampError(error, "damaged", "limit-exceeded", "unreadable-file")) {
      throw error;
    }
    throw new DecampError("damaged", `It is not known which blobs ${path} needs. ${error.message}`, {
      hint: "decamp verify says what is damaged, and how it is mended. If nobody needs that snapshot, move its folder out of the archive.",
      data: { path },
      cause: error,
    });
  } finally {
    car?.close();
  }
}

/** Folders of blobs in which there is none any more. */
async function removeEmptyFolders(archive: string): Promise<void> {
  const root = blobsFolder(archive);
  for (const { name, kind } of await listEntries(root)) {
    if (kind === "folder" && /^[2-7a-z]{2}$/.test(name)) {
      await removeEmptyFolder(joinPath(root, name));
    }
  }
  await removeEmptyFolder(root);
  await removeEmptyFolder(heldFolder(archive));
}
