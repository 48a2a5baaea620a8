/** The SHA-256 and the size of a file, however large it is. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { DecampError } from "../errors.ts";
import { systemCode } from "./system-error.ts";

/** So much is read at a time, in bytes. */
const pieceSize = 256 * 1024;

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
  let size = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: pieceSize })) {
      signal.throwIfAborted();
      const bytes: Uint8Array = chunk;
      hash.update(bytes);
      size += bytes.length;
    }
  } catch (error) {
    signal.throwIfAborted();
    const code = systemCode(error) ?? String(error);
    if (code === "ENOENT") {
      return undefined;
    }
    throw new DecampError("unreadable-file", `Cannot read ${path}: ${code}.`, { cause: error });
  }
  return { size, sha256: hash.digest() };
}

/** Whether there is a folder at `path`. What cannot be looked at is none. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
