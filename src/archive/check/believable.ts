/**
 * Whether an export can go on from the newest manifest. A manifest that names another commit than the repository beside
 * it, or another revision than its folder, is damaged. An export that compared the server with it would blame the
 * server.
 */

import { isDecampError } from "../../errors.ts";
import { readRoot } from "../../repo/block-index.ts";
import { readCarStart } from "../../services/disk/car-file.ts";
import { isGoodFile } from "./damage.ts";
import { repoEntry, repoFile, snapshotName } from "../layout.ts";
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
  const { snapshot, rev, commit } = manifest;
  const path = repoFile(archive, manifest);
  const file = repoEntry(manifest);
  const isOff = snapshotName.exec(snapshot)?.[1] !== rev || !(await hasRoot(path, commit, signal));
  // Where the repository is not what was written, it is the repository that is damaged.
  return isOff && file !== undefined && isGoodFile(path, file, signal);
}

/** Whether a repository names this commit; true also if it cannot be read, which is found elsewhere. */
async function hasRoot(path: string, commit: string, signal: AbortSignal): Promise<boolean> {
  try {
    return readRoot(await readCarStart(path, { signal })) === commit;
  } catch (error) {
    if (isDecampError(error, "damaged", "unreadable-file", "limit-exceeded")) {
      return true;
    }
    throw error;
  }
}
