/** The SHA-256 and the size of a file, however large it is. */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, read, readSync, readdir, stat, statSync } from "node:fs";
import { promisify } from "node:util";
import { isDecampError } from "../../errors.ts";
import { checkPlain, readPlain } from "./plain-file.ts";
import { isAbsent, systemCode } from "../system-error.ts";
import { unreadable } from "./unreadable.ts";
import { atOnce } from "./write-whole.ts";

/** So much is read at a time, in bytes. */
const pieceSize = 256 * 1024;
/** Memory to read into, which is used again: else the garbage collector has more to do than the hash. */
const spare: Uint8Array[] = [];
const readInto = promisify(read);

export interface HashedFile {
  /** Bytes. */
  readonly size: number;
  readonly sha256: Uint8Array;
}

/**
 * Hashes a file; undefined if there is none.
 *
 * @throws DecampError `unreadable-file` if it cannot be read; the signal's reason
 */
export async function hashFile(path: string, signal: AbortSignal): Promise<HashedFile | undefined> {
  const hash = createHash("sha256");
  const piece = spare.pop() ?? new Uint8Array(pieceSize);
  let size = 0;
  try {
    // Very many files are small: only to read a larger one is worth giving way for.
    const file = openSync(path, readPlain);
    try {
      const found = fstatSync(file);
      checkPlain(path, found);
      for (let isAtEnd = found.size <= atOnce; ;) {
        signal.throwIfAborted();
        const bytesRead: number = isAtEnd
          ? readSync(file, piece, 0, piece.length, size)
          : (await readInto(file, piece, 0, piece.length, size)).bytesRead;
        if (bytesRead === 0) {
          break;
        }
        hash.update(piece.subarray(0, bytesRead));
        size += bytesRead;
        isAtEnd = bytesRead < piece.length;
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (isDecampError(error)) {
      throw error;
    }
    if (systemCode(error) === "ENOENT") {
      return undefined;
    }
    throw unreadable(path, error);
  } finally {
    spare.push(piece);
  }
  return { size, sha256: hash.digest() };
}

/** Whether there is something at `path` that is no folder. What cannot be looked at is not. */
export async function isNoFolder(path: string): Promise<boolean> {
  try {
    return !(await promisify(stat)(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Whether there is a folder at `path`. What cannot be looked at is none. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}

/** Whether there is nothing in a folder, or no folder. One that cannot be looked into may have something. */
export async function holdsNothing(path: string): Promise<boolean> {
  try {
    return (await promisify(readdir)(path)).length === 0;
  } catch (error) {
    return isAbsent(error);
  }
}
