/**
 * What interrupted runs have left behind in an archive, once a later one has gone on from there. Only plain files go, of names
 * that decamp gives, in the places where it gives them, and folders that are empty then.
 */

import { joinPath } from "../services/files.ts";
import { listEntries, removeEmptyFolder, removeFile } from "../services/plain-entries.ts";
import { readHeld } from "./held.ts";
import { compareSnapshotNames, isUnfinishedFile, snapshotFile, snapshotFiles, snapshotFolder } from "./layout.ts";
import { listSnapshots, readManifests } from "./manifest.ts";
import { isOnlyBegun } from "./odd-snapshots.ts";
import { listStoredBlobs } from "./stored-blobs.ts";

/**
 * Removes files that were never finished, and snapshots that were only begun and are older than the newest complete one. One
 * that has more and no manifest may have lost it, and stays; so does one that is held. To be called with the lock held.
 *
 * @param oldest such a one goes too if it is older than this snapshot: the oldest that somebody wants to keep
 * @throws DecampError `storage`, `damaged`
 */
export async function removeLeftovers(archive: string, oldest?: string): Promise<void> {
  const complete = (await readManifests(archive)).map(({ snapshot }) => snapshot);
  const newest = complete.at(-1);
  for (const { name } of (await listEntries(archive)).filter((entry) => isUnfinishedFile(entry.name))) {
    await removeFile(joinPath(archive, name));
  }
  for (const path of (await listStoredBlobs(archive)).leftovers) {
    await removeFile(path);
  }
  const held = await readHeld(archive);
  for (const name of await listSnapshots(archive)) {
    if (complete.includes(name) || held.has(name) || newest === undefined || compareSnapshotNames(name, newest) > 0) {
      continue;
    }
    const isUnwanted = oldest !== undefined && compareSnapshotNames(name, oldest) < 0;
    if (isUnwanted || (await isOnlyBegun(archive, name))) {
      await removeSnapshot(archive, name);
    }
  }
}

/**
 * Removes the files of a snapshot, the manifest first: an interrupted run leaves no snapshot that only seems to be complete.
 * What is not decamp's stays, and the folder with it.
 *
 * @throws DecampError `storage`
 */
export async function removeSnapshot(archive: string, name: string): Promise<void> {
  await removeFile(snapshotFile(archive, name, "manifest"));
  const folder = snapshotFolder(archive, name);
  for (const file of Object.values(snapshotFiles)) {
    await removeFile(joinPath(folder, file));
    await removeFile(joinPath(folder, `${file}.part`));
  }
  await removeEmptyFolder(folder);
}
