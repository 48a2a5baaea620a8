/** What interrupted runs have left behind in an archive, once a later one has gone on from there. */

import { joinPath, listFolder, removeAll } from "../services/files.ts";
import { readHeld } from "./held.ts";
import { compareSnapshotNames, snapshotFolder } from "./layout.ts";
import { listSnapshots, readManifests } from "./manifest.ts";
import { listStoredBlobs } from "./stored-blobs.ts";

/**
 * Removes files that were never finished, and snapshots without manifest that are older than the newest complete one and not
 * held. To be called with the lock held.
 *
 * @throws DecampError `storage`, `damaged`
 */
export async function removeLeftovers(archive: string): Promise<void> {
  const complete = (await readManifests(archive)).map(({ snapshot }) => snapshot);
  const newest = complete.at(-1);
  const parts = (await listFolder(archive)).filter((name) => name.endsWith(".part"));
  const held = await readHeld(archive);
  const outdated = (await listSnapshots(archive)).filter(
    (name) =>
      !complete.includes(name) && !held.has(name) && newest !== undefined && compareSnapshotNames(name, newest) < 0,
  );
  const { leftovers } = await listStoredBlobs(archive);
  for (const path of [
    ...parts.map((name) => joinPath(archive, name)),
    ...outdated.map((name) => snapshotFolder(archive, name)),
    ...leftovers,
  ]) {
    await removeAll(path);
  }
}
