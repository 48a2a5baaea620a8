/** The folder that an export of many accounts makes: an archive of each, and nothing of its own. */

import { folderNames } from "../services/folder-names.ts";
import { joinPath } from "../services/files.ts";
import { isFolder } from "../services/hash-file.ts";
import { plainSize } from "../services/plain-entries.ts";
import { markerFile, snapshotsFolder } from "./layout.ts";
import { listSnapshots } from "./manifest.ts";

/** What `archiveName` makes of a DID. */
const nameOfAccount = /^did-(?:plc-[2-7a-z]{24}|web-.+)$/;

/** Whether a path is a folder that holds archives, and is none itself. What cannot be looked at is none. */
export async function holdsArchives(path: string): Promise<boolean> {
  if (!(await isFolder(path)) || (await isFolder(snapshotsFolder(path))) || (await isMarked(path))) {
    return false;
  }
  for await (const _ of archivesIn(path)) {
    return true;
  }
  return false;
}

/**
 * The paths of the archives in a folder. Other things in it are passed over; a folder that is named like an account and is
 * no archive is not, so that it is missed.
 *
 * @throws DecampError `storage`
 */
export async function* archivesIn(folder: string): AsyncGenerator<string> {
  for await (const name of folderNames(folder)) {
    const path = joinPath(folder, name);
    if ((await isFolder(path)) && (nameOfAccount.test(name) || (await isMarked(path)) || (await hasSnapshots(path)))) {
      yield path;
    }
  }
}

async function isMarked(path: string): Promise<boolean> {
  return (await plainSize(markerFile(path))) !== undefined;
}

async function hasSnapshots(path: string): Promise<boolean> {
  return (await isFolder(snapshotsFolder(path))) && (await listSnapshots(path)).length > 0;
}
