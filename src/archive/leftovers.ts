/**
 * What interrupted runs have left behind in an archive, once a later one has gone on from there. Only plain files go,
 * of names that decamp gives, in the places where it gives them, and folders that are empty then.
 */

import { joinPath } from "../services/disk/files.ts";
import { listEntries, removeEmptyFolder, removeFile, renameFile } from "../services/disk/plain-entries.ts";
import { readHeld } from "./held.ts";
import {
  compareSnapshotNames,
  heldFolder,
  isUnfinishedFile,
  removedManifest,
  snapshotFile,
  snapshotFiles,
  snapshotFolder,
  snapshotName,
} from "./layout.ts";
import { listSnapshots, readableManifests } from "./manifest.ts";
import { isOnlyBegun } from "./odd-snapshots.ts";
import { listStoredBlobs } from "./stored-blobs.ts";

/**
 * Removes files that were never finished, and snapshots that were only begun and are older than the newest complete
 * one. One that has more and no manifest may have lost it, and stays; so does one that is held. To be called with the
 * lock held.
 *
 * @throws DecampError `storage`
 */
export async function removeLeftovers(archive: string): Promise<void> {
  const complete = (await readableManifests(archive)).map(({ snapshot }) => snapshot);
  const newest = complete.at(-1);
  for (const { name } of (await listEntries(archive)).filter((entry) => isUnfinishedFile(entry.name))) {
    await removeFile(joinPath(archive, name));
  }
  for (const path of (await listStoredBlobs(archive)).leftovers) {
    await removeFile(path);
  }
  for (const { name } of await listEntries(heldFolder(archive))) {
    if (snapshotName.test(name.replace(/\.json\.part$/, ""))) {
      await removeFile(joinPath(heldFolder(archive), name));
    }
  }
  const held = new Set((await readHeld(archive)).keys());
  for (const name of await listSnapshots(archive)) {
    if (!complete.includes(name) && (await isLeftover(archive, name, { newest, held }))) {
      await removeSnapshot(archive, name);
    }
  }
}

/**
 * Whether a snapshot without manifest is one that `removeLeftovers` removes. What was complete once, as far as can be
 * seen, is damaged, and not left over: however old it is, it stays.
 *
 * @param bounds the newest complete snapshot, and those that are held
 * @throws DecampError `storage`
 */
export async function isLeftover(
  archive: string,
  name: string,
  bounds: {
    readonly newest: string | undefined;
    readonly held: ReadonlySet<string>;
  },
): Promise<boolean> {
  const { newest, held } = bounds;
  if (held.has(name) || newest === undefined || compareSnapshotNames(name, newest) > 0) {
    return false;
  }
  return isOnlyBegun(archive, name);
}

/**
 * Removes the files of a snapshot. The manifest goes first, in one step that also says what the rest is: an interrupted
 * run leaves no snapshot that only seems to be complete, and none that seems to have lost its manifest. What is not
 * decamp's stays, and the folder with it.
 *
 * @throws DecampError `storage`
 */
export async function removeSnapshot(archive: string, name: string): Promise<void> {
  const folder = snapshotFolder(archive, name);
  await renameFile(snapshotFile(archive, name, "manifest"), joinPath(folder, removedManifest));
  for (const file of Object.values(snapshotFiles)) {
    await removeFile(joinPath(folder, file));
    await removeFile(joinPath(folder, `${file}.part`));
  }
  await removeFile(joinPath(folder, removedManifest));
  await removeEmptyFolder(folder);
}
