/** The folder that an export of many accounts makes: an archive of each, and nothing of its own. */

import { setImmediate } from "node:timers/promises";
import { folderNames } from "../services/disk/folder-names.ts";
import { joinPath } from "../services/disk/files.ts";
import { isFolder } from "../services/disk/hash-file.ts";
import { listEntries, plainSize } from "../services/disk/plain-entries.ts";
import { isBeingRemoved, markerFile, snapshotFile, snapshotName, snapshotsFolder } from "./layout.ts";

/** After so many archives whatever else waits has its turn: most of what is done with one is done in place. */
const inARow = 64;

/** What `archiveName` makes of a DID. */
const nameOfAccount = /^did-(?:plc-[2-7a-z]{24}|web-.+)$/;

/** Whether a path is a folder that holds archives, and is none itself. What cannot be looked at is none. */
export async function holdsArchives(path: string): Promise<boolean> {
  if (!(await isFolder(path)) || (await isFolder(snapshotsFolder(path))) || (await hasMarker(path))) {
    return false;
  }
  for await (const _ of archivesIn(path)) {
    return true;
  }
  return false;
}

/**
 * The paths of the archives in a folder: what has the marker of one, whatever has become of the rest; what has
 * snapshots, as versions that wrote no marker made it; and whatever is named like an account, even if it is no archive
 * or no folder any more, so that its loss is noticed. Other things are passed over, and so is what is being removed.
 *
 * @throws DecampError `storage`
 */
export async function* archivesIn(folder: string): AsyncGenerator<string> {
  let given = 0;
  for await (const name of folderNames(folder)) {
    const path = joinPath(folder, name);
    if (
      nameOfAccount.test(name) ||
      (!isBeingRemoved(name) && (await isFolder(path)) && ((await hasMarker(path)) || (await hasSnapshots(path))))
    ) {
      yield path;
      given += 1;
      if (given % inARow === 0) {
        await setImmediate();
      }
    }
  }
}

/** A folder that may not be looked into, such as `lost+found`, has no marker. */
async function hasMarker(path: string): Promise<boolean> {
  return isFileAt(markerFile(path));
}

async function isFileAt(path: string): Promise<boolean> {
  return (await plainSize(path).catch(() => undefined)) !== undefined;
}

async function hasSnapshots(path: string): Promise<boolean> {
  if (!(await isFolder(snapshotsFolder(path)))) {
    return false;
  }
  for (const { name } of await listEntries(snapshotsFolder(path)).catch(() => [])) {
    if (snapshotName.test(name) || (await isFileAt(snapshotFile(path, name, "manifest")))) {
      return true;
    }
  }
  return false;
}
