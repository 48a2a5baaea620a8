/**
 * Whether an export can go on from the newest manifest. A manifest that names another commit than the repository beside
 * it, or another revision than its folder, is damaged. An export that compared the server with it would blame the
 * server.
 */

import { isDecampError } from "../../errors.ts";
import { readRoot } from "../../repo/block-index.ts";
import { openCarFile } from "../../services/disk/car-file.ts";
import { isGoodFile } from "./damage.ts";
import { snapshotFile, snapshotFiles, snapshotName } from "../layout.ts";
import type { Manifest } from "../manifest.ts";

/**
 * The manifests without those at the end that contradict what they describe. Such a one is as good as lost.
 *
 * @param manifests oldest first
 * @throws DecampError `unreadable-file`, `storage`; the signal's reason
 */
export async function believableManifests(
  archive: string,
  manifests: readonly Manifest[],
  signal: AbortSignal,
): Promise<readonly Manifest[]> {
  let count = manifests.length;
  while (count > 0 && (await isContradicted(archive, manifests[count - 1]!, signal))) {
    count -= 1;
  }
  return manifests.slice(0, count);
}

async function isContradicted(archive: string, manifest: Manifest, signal: AbortSignal): Promise<boolean> {
  const { snapshot, rev, commit, files } = manifest;
  const path = snapshotFile(archive, snapshot, "repo");
  const file = files[snapshotFiles.repo];
  const isOff = snapshotName.exec(snapshot)?.[1] !== rev || !hasRoot(path, commit);
  // Where the repository is not what was written, it is the repository that is damaged.
  return isOff && file !== undefined && isGoodFile(path, file, signal);
}

/** Whether a repository names this commit; true also if it cannot be read, which is found elsewhere. */
function hasRoot(path: string, commit: string): boolean {
  try {
    const car = openCarFile(path);
    try {
      return readRoot(car.source) === commit;
    } finally {
      car.close();
    }
  } catch (error) {
    if (isDecampError(error, "damaged", "unreadable-file")) {
      return true;
    }
    throw error;
  }
}
