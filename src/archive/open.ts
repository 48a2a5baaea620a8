/** Archives and snapshots by the paths that a person gives. */

import { DecampError } from "../errors.ts";
import { joinPath, splitPath } from "../services/disk/files.ts";
import { isFolder } from "../services/disk/hash-file.ts";
import { findBegun } from "./folder.ts";
import { snapshotName, snapshotsFolder } from "./layout.ts";
import {
  findUnreadable,
  listSnapshotEntries,
  readableManifests,
  readManifest,
  readManifests,
  snapshotNames,
  type Manifest,
} from "./manifest.ts";
import { noArchiveIn } from "./no-archive.ts";
import { findOddSnapshots, type OddSnapshot } from "./odd-snapshots.ts";
import { listStoredBlobs } from "./stored-blobs.ts";

/** The snapshots of an archive as they lie on the disk; nothing of them is proved. */
export interface ArchivedSnapshots {
  /** Complete snapshots, oldest first. */
  readonly snapshots: readonly Manifest[];
  /** Names of those that were never finished. */
  readonly unfinished: readonly string[];
  /** Those that are not as they should be. */
  readonly odd: readonly OddSnapshot[];
}

/** An archive as it lies on the disk; nothing of it is proved. */
export interface ArchiveContents extends ArchivedSnapshots {
  /** How many blobs lie in it. */
  readonly storedBlobs: number;
}

/**
 * Reads what lies in an archive.
 *
 * @throws DecampError `unreadable-file` for a folder that is no archive, `incomplete` for one without a complete
 *   snapshot, `damaged` if none can be read; `storage`
 */
export async function readArchive(archive: string): Promise<ArchiveContents> {
  const snapshots = await readSnapshots(archive);
  return { ...snapshots, storedBlobs: (await listStoredBlobs(archive)).cids.size };
}

/** The same without a look at the blobs, of which there can be very many. @throws DecampError as `readArchive` */
export async function readSnapshots(archive: string): Promise<ArchivedSnapshots> {
  const entries = await listSnapshotEntries(archive);
  const listed = snapshotNames(entries);
  const snapshots = await readableManifests(archive, listed);
  if (snapshots.length === 0) {
    const [error] = (await findUnreadable(archive, snapshots, listed)).values();
    throw error ?? (await noArchive(archive));
  }
  const names = new Set(snapshots.map(({ snapshot }) => snapshot));
  return {
    snapshots,
    unfinished: listed.filter((name) => !names.has(name)),
    odd: await findOddSnapshots(archive, snapshots, entries),
  };
}

/** A snapshot in its archive; `openSnapshotRepo` opens its repository. */
export interface OpenSnapshot {
  readonly archive: string;
  readonly manifest: Manifest;
}

/**
 * The snapshot at `path`: its own folder, or that of an archive, of which it is the newest.
 *
 * @throws DecampError `unreadable-file` if there is none, `incomplete` if none is complete, `damaged`, `storage`
 */
export async function openSnapshot(path: string): Promise<OpenSnapshot> {
  const { folder, name } = splitPath(path);
  const archive = joinPath(folder, "..");
  if (snapshotName.test(name) && joinPath(folder) === snapshotsFolder(archive)) {
    const manifest = await readManifest(archive, name);
    if (manifest !== undefined) {
      return { archive, manifest };
    }
  }
  const manifest = (await readManifests(path)).at(-1);
  if (manifest === undefined) {
    throw await noArchive(path);
  }
  return { archive: path, manifest };
}

/** The error for a folder without a complete snapshot. @throws DecampError `usage`, `storage` */
export async function noArchive(path: string): Promise<DecampError> {
  const isThere = await isFolder(path);
  return (await notComplete(path)) ?? noArchiveIn(path, isThere);
}

/**
 * The error for an archive that was begun and has no complete snapshot, with the command that goes on; undefined for
 * any other folder.
 *
 * @throws DecampError `usage`, `storage`
 */
export async function notComplete(path: string): Promise<DecampError | undefined> {
  const begun = await findBegun(path);
  if (begun === undefined) {
    return undefined;
  }
  const { did } = begun;
  return new DecampError("incomplete", `No snapshot of the archive in ${path} is complete.`, {
    hint: "Run its export again: it goes on from what is there.",
    data: { path, did, ...(did === undefined ? {} : { next: ["export", did, "-o", path] }) },
  });
}
