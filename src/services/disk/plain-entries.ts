/**
 * What lies in a folder, told apart by its kind, and removed by its kind: a link is never followed, and a folder goes
 * only when it is empty. For folders that others may have put something in.
 */
import { linkSync, lstatSync, readdirSync, renameSync, statSync } from "node:fs";
import { copyFile, link, lstat, open, rename, rm, rmdir, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { isDecampError } from "../../errors.ts";
import {
  isAbsentAt,
  makeDurableFolder,
  privateFile,
  readWhole,
  removeName,
  storageError,
  syncFolders,
  unusedName,
} from "./files.ts";
import { entriesInTurn } from "./folder-names.ts";
import { isAbsent, systemCode } from "../system-error.ts";
import { WrittenFile } from "./write-whole.ts";

export interface Entry {
  readonly name: string;
  /** `other` is a link, whatever it leads to, a pipe, a device. */
  readonly kind: "file" | "folder" | "other";
}

/**
 * Whether all that is in a folder passes a test, which stops at the first that does not: also where a folder has very
 * many, little of it is in memory.
 *
 * @returns true for an empty folder, and for none
 * @throws DecampError `storage`
 */
export async function holdsOnly(path: string, test: (entry: Entry) => boolean): Promise<boolean> {
  try {
    for (const entry of entriesInTurn(path)) {
      if (!test({ name: entry.name, kind: kindOf(entry) })) {
        return false;
      }
    }
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      return true;
    }
    throw storageError(path, error);
  }
}

/** What is in a folder, in the order of the names; nothing if it does not exist. @throws DecampError `storage` */
export async function listEntries(path: string): Promise<Entry[]> {
  try {
    // In place: to give way costs ten times what the look does.
    if (isAbsentAt(path)) {
      return [];
    }
    const entries = readdirSync(path, { withFileTypes: true });
    return entries
      .map((entry): Entry => ({ name: entry.name, kind: kindOf(entry) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      return [];
    }
    throw storageError(path, error);
  }
}

/**
 * The size of a plain file in bytes; undefined if there is none, or something else has its name. @throws DecampError
 * `storage`
 */
export async function plainSize(path: string): Promise<number | undefined> {
  const found = lookAt(path, (at) => statSync(at, { throwIfNoEntry: false }));
  return found?.isFile() === true ? found.size : undefined;
}

/** Whether there is a folder of that name; a link to one is none. @throws DecampError `storage` */
export async function isPlainFolder(path: string): Promise<boolean> {
  return lookAt(path, (at) => lstatSync(at, { throwIfNoEntry: false }))?.isDirectory() === true;
}

/**
 * How many bytes of the disk are free again when these plain files are removed. A file counts once, and only if all its
 * names (hard links) are among them. A path without a file counts nothing.
 *
 * @throws DecampError `storage`
 */
export async function freedBytes(paths: Iterable<string>): Promise<number> {
  const counted = new Map<string, number>();
  let bytes = 0;
  for (const path of paths) {
    const file = lookAt(path, (at) => lstatSync(at, { bigint: true, throwIfNoEntry: false }));
    if (file?.isFile() !== true) {
      continue;
    }
    const key = `${file.dev}:${file.ino}`;
    const names = (counted.get(key) ?? 0) + 1;
    if (names < Number(file.nlink)) {
      counted.set(key, names);
    } else {
      bytes += Number(file.size);
    }
  }
  return bytes;
}

/**
 * What keeps a file from being put in its place: a folder of its name, or what is no folder where the one is to be that
 * it lies in. A link, a pipe and the like do not: they are replaced.
 *
 * @returns the path of that; undefined if nothing does
 * @throws DecampError `storage`
 */
export async function inTheWay(path: string): Promise<string | undefined> {
  const folder = dirname(path);
  const above = lookAt(folder, (at) => statSync(at, { throwIfNoEntry: false }));
  if (above !== undefined && !above.isDirectory()) {
    return folder;
  }
  for (const name of [path, `${path}.part`]) {
    if (lookAt(name, (at) => lstatSync(at, { throwIfNoEntry: false }))?.isDirectory() === true) {
      return name;
    }
  }
  return undefined;
}

/**
 * What there is of that name, as `look` sees it in place; undefined if there is nothing. @throws DecampError `storage`
 */
function lookAt<T>(path: string, look: (path: string) => T): T | undefined {
  try {
    return look(path);
  } catch (error) {
    if (isAbsent(error)) {
      return undefined;
    }
    throw storageError(path, error);
  }
}

/**
 * The content of a plain file; undefined if there is none, or something else has its name. @throws DecampError
 * `storage`
 */
export async function readPlainFile(path: string): Promise<Uint8Array | undefined> {
  return (await plainSize(path)) === undefined ? undefined : readWhole(path);
}

/** Removes a plain file; whatever else has that name stays. @throws DecampError `storage` */
export async function removeFile(path: string): Promise<void> {
  try {
    // Mostly there is none.
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === true) {
      await unlink(path);
    }
  } catch (error) {
    if (!isAbsent(error)) {
      throw storageError(path, error);
    }
  }
}

/**
 * Gives a plain file another name in its folder; whatever else has the old name stays. @throws DecampError `storage`
 */
export async function renameFile(from: string, to: string): Promise<void> {
  try {
    if ((await lstat(from)).isFile()) {
      await rename(from, to);
    }
  } catch (error) {
    if (!isAbsent(error)) {
      throw storageError(from, error);
    }
  }
}

/**
 * Gives a folder another name beside it, in one step that is durable. A link to one stays.
 *
 * @returns whether there was a folder, and nothing of the new name
 * @throws DecampError `storage`
 */
export async function renameFolder(from: string, to: string): Promise<boolean> {
  try {
    if (
      !(await lstat(from)).isDirectory() ||
      lookAt(to, (at) => lstatSync(at, { throwIfNoEntry: false })) !== undefined
    ) {
      return false;
    }
    await rename(from, to);
  } catch (error) {
    if (isAbsent(error)) {
      return false;
    }
    throw isDecampError(error) ? error : storageError(from, error);
  }
  await syncFolders([dirname(to)]);
  return true;
}

/**
 * Removes a folder with all that is in it; of a link the link. It has to be known that all of it may go.
 *
 * @throws DecampError `storage`
 */
export async function removeWithContent(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
    await syncFolders([dirname(path)]);
  } catch (error) {
    throw isDecampError(error) ? error : storageError(path, error);
  }
}

/** Removes a folder if it is empty. A link to one stays. @throws DecampError `storage` */
export async function removeEmptyFolder(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!["ENOENT", "ENOTDIR", "ENOTEMPTY", "EEXIST"].includes(systemCode(error) ?? "")) {
      throw storageError(path, error);
    }
  }
}

/**
 * Puts a file that never changes in the place of another, by a second name for it; where the disk knows no links, as a
 * copy. At every moment one of the two is there.
 *
 * @throws DecampError `storage`
 */
export async function replaceByLink(from: string, to: string): Promise<void> {
  const part = `${to}.part`;
  try {
    await rm(part, { force: true });
    try {
      await link(from, part);
    } catch {
      await copyFile(from, part);
      const handle = await open(part, "r+");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
    await rename(part, to);
    await syncFolders([dirname(to)]);
  } catch (error) {
    throw isDecampError(error) ? error : storageError(to, error);
  } finally {
    // Where both are the same file already, renaming leaves both names.
    await rm(part, { force: true }).catch(() => undefined);
  }
}

/**
 * Writes a small file that must not exist yet, for its owner alone: whole and durable, or not there at all. Of two runs
 * that do so at the same time one wins. A run that is killed can leave `path`, a dot, 16 hexadecimal digits and `.part`
 * behind.
 *
 * @returns whether it was written; false if there is something of that name
 * @throws DecampError `storage`
 */
export async function writeOnce(path: string, content: string): Promise<boolean> {
  const part = `${unusedName(path)}.part`;
  try {
    await makeDurableFolder(dirname(path));
    const file = await WrittenFile.create(part, privateFile);
    try {
      await file.write(new TextEncoder().encode(content), 0);
      await file.sync();
    } finally {
      file.close();
    }
    const written = giveName(part, path);
    await syncFolders([dirname(path)]);
    return written;
  } catch (error) {
    throw isDecampError(error) ? error : storageError(path, error);
  } finally {
    await removeName(part).catch(() => undefined);
  }
}

function giveName(part: string, path: string): boolean {
  try {
    linkSync(part, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") {
      return false;
    }
  }
  // A disk that knows no links.
  const isTaken = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  if (!isTaken) {
    renameSync(part, path);
  }
  return !isTaken;
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): Entry["kind"] {
  return entry.isFile() ? "file" : entry.isDirectory() ? "folder" : "other";
}
