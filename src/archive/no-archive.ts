/** What is plainly no archive. It can be told without the code that reads one. */
import { DecampError } from "../errors.ts";
import { holdsNothing, isFolder, isNoFolder } from "../services/disk/hash-file.ts";

/** Refuses a file that is named in place of an archive. @throws DecampError `unreadable-file` */
export async function refuseFile(path: string): Promise<void> {
  if (await isNoFolder(path)) {
    throw new DecampError("unreadable-file", `${path} is a file, not an archive.`, {
      hint: "Give the folder of an archive. decamp repo ls and decamp repo diff look into CAR files.",
      data: { path },
    });
  }
}

/**
 * Refuses a folder that is not there, or that nothing is in. One that cannot be looked at is for others to judge.
 *
 * @throws DecampError `unreadable-file`
 */
export async function refuseEmpty(path: string): Promise<void> {
  if (await holdsNothing(path)) {
    throw noArchiveIn(path, await isFolder(path));
  }
}

/** @param isThere whether there is a folder at `path` */
export function noArchiveIn(path: string, isThere: boolean): DecampError {
  return new DecampError("unreadable-file", `There is no ${isThere ? "archive in the folder" : "folder"} ${path}.`, {
    hint: "An archive is a folder that decamp export or decamp migrate has made. In it is a folder snapshots, with a manifest.json in each snapshot that is complete.",
    data: { path },
  });
}
