/**
 * The one door through which bytes go to a file. The system may take a part of what it is given and say so, on a disk
 * that is nearly full: then the rest is offered again, and what it will not take is an error at that moment.
 */
import { writeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { systemCode } from "../system-error.ts";

/**
 * Writes all bytes.
 *
 * @param position where in the file (bytes); where the file is at, or at its end if it was opened to append, unless
 *   given
 * @throws what the system says when no more of them are taken
 */
export async function writeAll(
  handle: Pick<FileHandle, "write">,
  bytes: Uint8Array,
  position: number | null = null,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const place = position === null ? null : position + at;
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, place);
    at += taken(bytesWritten);
  }
}

/**
 * The same for a descriptor, before anything else happens. @throws what the system says when no more of them are taken
 */
export function writeAllSync(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += taken(writeSync(descriptor, bytes, at));
  }
}

/**
 * The same for a pipe that was opened so that writing to it does not wait.
 *
 * @returns how many bytes were taken: less than all once it is full
 * @throws what the system says for any other reason
 */
export function writeSomeSync(descriptor: number, bytes: Uint8Array): number {
  let at = 0;
  try {
    while (at < bytes.length) {
      at += taken(writeSync(descriptor, bytes, at));
    }
  } catch (error) {
    if (systemCode(error) !== "EAGAIN") {
      throw error;
    }
  }
  return at;
}

/** Nothing taken, and no reason given: to offer it again would never end. */
function taken(bytesWritten: number): number {
  if (bytesWritten > 0) {
    return bytesWritten;
  }
  throw Object.assign(new Error("EIO: the disk takes no more, and says no reason"), { code: "EIO" });
}
