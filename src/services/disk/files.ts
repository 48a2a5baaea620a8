/**
 * Files that are whole or not there: written beside their place, synced, and renamed into it. Failures of the disk
 * become one sentence with the path (code `storage`).
 *
 * What only changes names is done in place: an account has a dozen small files, and to give way for each name takes ten
 * times as long as to change it. What brings bytes to the disk, or takes all that is in a folder away, gives way.
 */

import { createHash, randomBytes, type Hash } from "node:crypto";
import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdir,
  readdirSync,
  readFile,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { copyFile, open, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { DecampError, isDecampError } from "../../errors.ts";
import { checkPlain, readPlain } from "./plain-file.ts";
import { noteSpent } from "../spent-memory.ts";
import { pathFault, shownPath, systemCode } from "../system-error.ts";
import { ownRules, type SystemRules } from "../system-rules.ts";
import { atOnce, syncNames, WrittenFile } from "./write-whole.ts";

/** Permissions: state and private parts are for their owner alone. */
export const privateFile = 0o600;
export const privateFolder = 0o700;
/** What everybody may read. */
const sharedFile = 0o644;

/** The names in a folder, sorted; none if it does not exist. */
export async function listFolder(path: string): Promise<string[]> {
  // An error for each folder that is not there would cost most of the time of a look at very many.
  return onDisk(path, async () => {
    const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
    return isThere ? readdirSync(path).sort() : [];
  });
}

/**
 * The content of a file of ours, or undefined if there is none. @throws DecampError `unreadable-file` for what is no
 * plain file
 */
export async function readWhole(path: string): Promise<Uint8Array | undefined> {
  return onDisk(path, async () => {
    if (isAbsentAt(path)) {
      return undefined;
    }
    let file: number;
    try {
      file = openSync(path, readPlain);
    } catch (error) {
      if (systemCode(error) === "ENOENT") {
        return undefined;
      }
      throw error;
    }
    try {
      const found = fstatSync(file);
      checkPlain(path, found);
      return found.size <= atOnce ? readFileSync(file) : await promisify(readFile)(file);
    } finally {
      closeSync(file);
    }
  });
}

/**
 * Whether nothing has this name, in a folder or where none is: told without an error, which costs ten times as much.
 * False also where that is not clear; then to open it says what is the matter. Throws what the disk says.
 */
export function isAbsentAt(path: string): boolean {
  return (
    lstatSync(path, { throwIfNoEntry: false }) === undefined &&
    // Newer versions of Node say nothing of a file in the place of the folder above, either.
    statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() !== false
  );
}

/** Of a large file so much waits in memory for the disk, about (bytes). */
const unsynced = 8 << 20;

/** A file that grows, and gets its name only when it is whole. */
export class NewFile {
  readonly path: string;
  readonly #part: string;
  readonly #file: WrittenFile;
  readonly #hash: Hash = createHash("sha256");
  #size = 0;
  /** Up to where it was, or is being, brought to the disk. */
  #synced = 0;
  #syncing: Promise<void> | undefined;
  #syncFailure: { readonly error: unknown } | undefined;
  readonly #isPassing: boolean;

  private constructor(path: string, part: string, file: WrittenFile, isPassing: boolean) {
    this.path = path;
    this.#part = part;
    this.#file = file;
    this.#isPassing = isPassing;
  }

  /**
   * Opens `path`.part beside `path`; what an interrupted run left there is overwritten.
   *
   * @param isPassing whether it will hardly be kept: then nothing is brought to the disk before that is known
   */
  static async create(path: string, { isPassing = false }: { readonly isPassing?: boolean } = {}): Promise<NewFile> {
    return onDisk(path, async () => {
      const part = `${path}.part`;
      return new NewFile(path, part, await openNew(part), isPassing);
    });
  }

  /** Bytes that were given to `write` so far. */
  get size(): number {
    return this.#size;
  }

  /** The descriptor, to read back what was written. */
  get descriptor(): number {
    return this.#file.descriptor;
  }

  /** Lets every user of the machine read it, whatever the umask says. */
  async share(): Promise<void> {
    await onDisk(this.path, async () => this.#file.permit(sharedFile));
  }

  /** Adds bytes; they have to stay as they are until it resolves. The next ones may be added before that. */
  async write(bytes: Uint8Array): Promise<void> {
    const start = this.#size;
    this.#size += bytes.length;
    const writing = onDisk(this.path, async () => this.#file.write(bytes, start));
    // While it is on its way to the disk.
    this.#hash.update(bytes);
    await writing;
    this.#syncEarly();
  }

  /** Has what was written brought to the disk meanwhile, so that there is little left to wait for at the end. */
  #syncEarly(): void {
    if (this.#isPassing || this.#syncing !== undefined || this.#size - this.#synced < unsynced) {
      return;
    }
    this.#synced = this.#size;
    this.#syncing = this.#file
      .datasync()
      .catch((error: unknown) => {
        // The system tells a failure only once.
        this.#syncFailure = { error };
      })
      .finally(() => {
        this.#syncing = undefined;
      });
  }

  /** The SHA-256 of all that was written, 32 bytes. To be asked once, when everything is written. */
  digest(): Uint8Array {
    return this.#hash.digest();
  }

  /** What was written, as the body of a request; as often as it is asked for, as long as the file is open. */
  openForUpload(): Readable {
    const { descriptor: fd } = this.#file;
    const whole = { fd, autoClose: false, start: 0 };
    return this.#size === 0
      ? createReadStream("", whole)
      : createReadStream("", { ...whole, end: this.#size - 1, highWaterMark: Math.min(this.#size, uploadPiece) });
  }

  /** Makes the file durable under its name, or under another name on the same disk. */
  async keep(as: string = this.path): Promise<void> {
    await onDisk(as, async () => {
      if (as !== this.path) {
        await makeDurableFolder(dirname(as));
      }
      await this.#syncContent();
      this.#requireOwnPart();
      this.#file.close();
      renameSync(this.#part, as);
      await syncFolder(dirname(as));
    });
  }

  /**
   * The same under a name that nothing may have yet; what killed runs have left beside it is removed.
   *
   * @throws DecampError `refused` if there is something of that name
   */
  async keepNew(as: string): Promise<void> {
    await onDisk(as, async () => {
      await this.#syncContent();
      if (!(await nameNew(this.#part, as))) {
        throw alreadyThere(as);
      }
      this.#file.close();
      await removeName(this.#part);
      await syncFolder(dirname(as));
      // What was to be kept is kept, whatever comes of this.
      await removeParts(as).catch(() => undefined);
    });
  }

  /**
   * The same for one of many: its content is durable, its name only after `syncFolders`. Until then a crash of the
   * machine can take the file away, and never leaves a half of it.
   */
  async place(as: string = this.path): Promise<void> {
    await onDisk(as, async () => {
      if (as !== this.path) {
        await makeFolder(dirname(as));
      }
      await this.#syncContent();
      this.#requireOwnPart();
      this.#file.close();
      renameSync(this.#part, as);
    });
  }

  async #syncContent(): Promise<void> {
    await this.#syncing;
    if (this.#syncFailure !== undefined) {
      throw this.#syncFailure.error;
    }
    await this.#file.sync();
  }

  /**
   * A run that was held up for minutes may have lost its lock, and another one write under the same name: half of that
   * file must not be taken for this one.
   *
   * @throws DecampError `locked`
   */
  #requireOwnPart(): void {
    if (this.#file.isReplacedAt(this.#part)) {
      throw new DecampError("locked", `Another run writes ${this.#part} at this moment.`, {
        hint: "It may have taken this one for ended. Run the same command again once no other run is at work.",
        data: { path: this.#part },
      });
    }
  }

  /**
   * Leaves nothing behind, as far as the disk lets it: what has gone wrong before is to be told, and the next run
   * removes what stays.
   */
  async discard(): Promise<void> {
    let isOurs = true;
    try {
      isOurs = !this.#file.isReplacedAt(this.#part);
    } catch {
      // Then to remove it does not go well, either.
    }
    try {
      this.#file.close();
    } catch {
      // Nobody needs it any more.
    }
    if (isOurs) {
      // To take a large one away can last.
      await rm(this.#part, { force: true }).catch(() => undefined);
    }
  }
}

/**
 * Opens a file that is not there yet; what an interrupted run left of that name is removed, and never followed as a
 * link.
 */
async function openNew(path: string): Promise<WrittenFile> {
  if (statSync(dirname(path), { throwIfNoEntry: false }) === undefined) {
    await makeFolder(dirname(path));
  }
  try {
    return await WrittenFile.create(path, privateFile);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") {
      throw error;
    }
    await onDisk(path, async () => rm(path, { force: true }));
  }
  return WrittenFile.create(path, privateFile);
}

/** Makes the names durable of the files in these folders that were placed. */
export async function syncFolders(paths: Iterable<string>): Promise<void> {
  for (const path of new Set(paths)) {
    await onDisk(path, async () => syncFolder(path));
  }
}

/** Writes a small file whole or not at all. */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  await writeAs(path, content, async (file) => file.keep());
}

/** The same for one of several: its name is durable only after `syncFolders`. */
export async function placeWhole(path: string, content: Uint8Array | string): Promise<void> {
  await writeAs(path, content, async (file) => file.place());
}

/** The same for a file that other runs may write at this moment: the last one wins. */
export async function writeShared(path: string, content: Uint8Array | string): Promise<void> {
  await writeAs(unusedName(path), content, async (file) => file.keep(path));
}

async function writeAs(
  path: string,
  content: Uint8Array | string,
  keep: (file: NewFile) => Promise<void>,
): Promise<void> {
  const file = await NewFile.create(path);
  try {
    await file.write(typeof content === "string" ? new TextEncoder().encode(content) : content);
    await keep(file);
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** A name beside `path` that nothing else has. */
export function unusedName(path: string): string {
  return `${path}.${randomBytes(8).toString("hex")}`;
}

/**
 * Writes a small file that must not exist yet, for its owner alone; durable when this resolves. However it ends, by a
 * full disk or by a kill, there is a whole file of that name or none. What a killed run has left beside it is removed.
 *
 * @throws DecampError `refused` if there is something of that name; `storage`
 */
export async function writeNew(path: string, content: string): Promise<void> {
  await onDisk(path, async () => {
    const part = `${unusedName(path)}.part`;
    const file = await WrittenFile.create(part, privateFile);
    let named = false;
    try {
      await file.write(new TextEncoder().encode(content), 0);
      await file.sync();
      file.close();
      named = await nameNew(part, path);
      if (!named) {
        throw alreadyThere(path);
      }
      await removeName(part);
      await syncFolder(dirname(path));
    } catch (error) {
      file.close();
      await removeName(part).catch(() => undefined);
      if (named) {
        await removeName(path).catch(() => undefined);
      }
      throw error;
    }
    // What was to be kept is kept, whatever comes of this.
    await removeParts(path).catch(() => undefined);
  });
}

/** Gives a file a name that nothing may have yet. @returns whether that went well */
async function nameNew(part: string, path: string): Promise<boolean> {
  try {
    return await linkNew(part, path);
  } catch {
    // A disk that knows no links cannot do both at once.
    if (await isThere(path)) {
      return false;
    }
    renameSync(part, path);
    return true;
  }
}

/**
 * Gives a file a second name that nothing may have yet.
 *
 * @returns false if something has that name
 * @throws what the system says, such as on a disk that knows no links
 */
export async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) !== "EEXIST") {
      throw error;
    }
    // A disk in the network may have done it, and lost the answer.
    return statSync(from).nlink > 1;
  }
}

/** Whether there is something of that name. Throws what the disk says. */
export async function isThere(path: string): Promise<boolean> {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Removes the name of a file, if there is one. Throws what the disk says. */
export async function removeName(path: string): Promise<void> {
  try {
    unlinkSync(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") {
      throw error;
    }
  }
}

/**
 * Removes what killed runs have left of files with an `unusedName`. One that is at work at this moment finds that the
 * name is taken.
 */
async function removeParts(path: string): Promise<void> {
  const folder = dirname(path);
  const start = `${basename(path)}.`;
  for (const name of await promisify(readdir)(folder)) {
    if (name.startsWith(start) && /^[0-9a-f]{16}\.part$/.test(name.slice(start.length))) {
      await rm(join(folder, name), { force: true });
    }
  }
}

/**
 * Looks, before any work is done, whether `writeNew` can succeed.
 *
 * @throws DecampError `refused` if there is something of that name, `storage` if there is no such folder
 */
export async function refuseExisting(path: string): Promise<void> {
  await onDisk(path, async () => {
    if ((await promisify(readdir)(dirname(path))).includes(basename(path))) {
      throw alreadyThere(path);
    }
  });
}

/** The error for a name that is taken. */
export function alreadyThere(path: string): DecampError {
  return new DecampError("refused", `${path} is there already, and is not overwritten.`, {
    hint: "Give another name, or move what is there away.",
    data: { path },
  });
}

/** Most blobs are one piece, or two: fewer reads, and less for the garbage collector (bytes). */
const uploadPiece = 256 * 1024;

/** Opens a file of `size` bytes to read them, as the body of a request. @param start where to begin, in bytes */
export function openForUpload(path: string, size: number, start: number = 0): Readable {
  if (size <= start) {
    return createReadStream(path, { start });
  }
  const file = createReadStream(path, { start, end: size - 1, highWaterMark: Math.min(size - start, uploadPiece) });
  return file.on("close", () => noteSpent(file.bytesRead));
}

/** The size of a file in bytes, or undefined if there is none. */
export async function fileSize(path: string): Promise<number | undefined> {
  return onDisk(path, async () => {
    return statSync(path, { throwIfNoEntry: false })?.size;
  });
}

/**
 * Gives a file that never changes a second name; where the disk knows no links, it is copied.
 *
 * @throws DecampError `storage`, also when something has the new name already
 */
export async function linkFile(from: string, to: string): Promise<void> {
  await onDisk(to, async () => {
    await makeFolder(dirname(to));
    try {
      linkSync(from, to);
    } catch (error) {
      if (["ENOENT", "EEXIST"].includes(systemCode(error) ?? "")) {
        throw error;
      }
      const part = `${to}.part`;
      await rm(part, { force: true });
      await copyFile(from, part, constants.COPYFILE_EXCL);
      const handle = await open(part, "r+");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
      renameSync(part, to);
    }
    await syncFolder(dirname(to));
  });
}

/** Makes a folder for its owner alone, and those above it. Throws what the disk says. */
export async function makeFolder(path: string): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    return;
  }
  try {
    mkdirSync(path, { recursive: true, mode: privateFolder });
  } catch (error) {
    // Of a disk that is read-only, and more, Node says here that there is no such folder.
    if (systemCode(error) !== "ENOENT") {
      throw error;
    }
    const above = dirname(path);
    // A link that leads nowhere, such as to a disk that is not there: its name is taken, and it is no folder.
    if (statSync(above, { throwIfNoEntry: false }) === undefined && (await isThere(above))) {
      throw Object.assign(new Error("ENOTDIR: a link leads nowhere"), { code: "ENOTDIR" });
    }
    if (above !== path) {
      await makeFolder(above);
    }
    mkdirSync(path, { mode: privateFolder });
  }
}

/** The same, and durable. Throws what the disk says. */
export async function makeDurableFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(path); dirname(at) !== at && !(await isThere(at)); at = dirname(at)) {
    missing.push(at);
  }
  await makeFolder(path);
  for (const made of missing) {
    await syncFolder(dirname(made));
  }
}

/** Removes a file, or a folder with all that is in it, if it is there. */
export async function removeAll(path: string): Promise<void> {
  await onDisk(path, async () => rm(path, { recursive: true, force: true }));
}

/** Joins parts to a path. Here, because only services knows the file system. */
export function joinPath(...parts: readonly string[]): string {
  return join(...parts);
}

/** A path from the root on. */
export function wholePath(path: string): string {
  return resolve(path);
}

/** The folder and the last name of a path, whole. */
export function splitPath(path: string): { folder: string; name: string } {
  const whole = resolve(path);
  return { folder: dirname(whole), name: basename(whole) };
}

/** Makes the names durable in a folder. Throws what the disk says. */
export async function syncFolder(
  path: string,
  { syncsFolders }: Pick<SystemRules, "syncsFolders"> = ownRules,
): Promise<void> {
  if (!syncsFolders) {
    return;
  }
  try {
    await syncNames(path);
  } catch (error) {
    // Disks in the network need not know this, and keep names in their own way.
    if (!["EINVAL", "ENOTSUP"].includes(systemCode(error) ?? "")) {
      throw error;
    }
  }
}

/**
 * Has the failures of the system become DecampError, as `storageError` has it; others stay as they are. @param path for
 * the sentence
 */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isDecampError(error) ? error : storageError(path, error);
  }
}

/** Whether it is the disk that an error is about, or a path: one that `storageError` makes. */
export function isStorageError(error: unknown): error is DecampError {
  return isDecampError(error, "storage", "usage");
}

/**
 * The error for a file or folder that cannot be read or written: `usage` if it is the path that is wrong, else
 * `storage`.
 */
export function storageError(path: string, error: unknown): DecampError {
  const code = systemCode(error) ?? "unknown";
  const fault = pathFault(path, error);
  if (fault !== undefined) {
    return new DecampError("usage", `${shownPath(path)} cannot be used: ${fault}.`, {
      hint: "Check the path.",
      data: { path: shownPath(path), reason: code },
      cause: error,
    });
  }
  const known: Record<string, string> = {
    ENOSPC: "the disk is full",
    EDQUOT: "the quota of the disk is used up",
    EROFS: "the disk is read-only",
    EFBIG: "it would become longer than this disk or this user's limit allows",
    EACCES: "permission is denied",
    EPERM: "it is not permitted",
    EISDIR: "it is a folder",
    ERR_FS_EISDIR: "it is a folder",
    EMFILE: "too many files are open",
    EEXIST: "there is something of that name already",
    ENOENT: "there is no such folder",
  };
  return new DecampError("storage", `${path} cannot be used: ${known[code] ?? code}.`, {
    data: { path, reason: code },
    cause: error,
  });
}
