/** Whether a folder may become, or is, the archive of an account. */

import { DecampError, isDecampError } from "../errors.ts";
import { listFolder } from "../services/files.ts";
import { isArchivePart } from "./layout.ts";
import { readManifests, type Manifest } from "./manifest.ts";

/**
 * Makes sure that nothing else is in the way: the folder is not there, is empty, or is an archive of this account.
 *
 * @returns the manifests of its complete snapshots, oldest first
 * @throws DecampError `usage` otherwise; `damaged` for a manifest that cannot be read, `storage`
 */
export async function requireArchiveFolder(path: string, did: string): Promise<Manifest[]> {
  let names: string[];
  try {
    names = await listFolder(path);
  } catch (error) {
    if (isDecampError(error, "storage") && error.data["reason"] === "ENOTDIR") {
      throw new DecampError("usage", `${path} is no folder.`, { hint: "Name a folder for the archive.", cause: error });
    }
    throw error;
  }
  if (names.length > 0 && !names.some((name) => isArchivePart(name))) {
    throw new DecampError("usage", `${path} is not empty, and no archive of an account.`, {
      hint: "Name a folder that does not exist yet, an empty one, or an archive.",
      data: { path },
    });
  }
  const manifests = await readManifests(path);
  const other = manifests.find((manifest) => manifest.did !== did);
  if (other !== undefined) {
    throw new DecampError("usage", `${path} is the archive of another account, ${other.did}.`, {
      hint: "Name another folder: an archive holds one account.",
      data: { path, did: other.did },
    });
  }
  return manifests;
}
