/**
 * Short looks at the disk that wait for it in place: for work that looks at many small things, where giving way at each
 * costs many times what the look does. What cannot be seen, for whatever reason, is `undefined`: whoever needs the
 * reason looks again in the usual way.
 */
import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readSync } from "node:fs";
import { readPlain } from "./plain-file.ts";

/** The size of a plain file in bytes; undefined also for a link. */
export function sizeAtOnce(path: string): number | undefined {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return found?.isFile() === true ? found.size : undefined;
  } catch {
    return undefined;
  }
}

/** The content of a plain file that nobody writes. @param most undefined also for one with more bytes */
export function contentAtOnce(path: string, most: number): Uint8Array | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, readPlain);
    const found = fstatSync(file);
    if (!found.isFile() || found.size > most) {
      return undefined;
    }
    const content = Buffer.allocUnsafe(found.size);
    return readSync(file, content, 0, content.length, 0) === content.length ? content : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) {
      closeSync(file);
    }
  }
}

/**
 * How many bytes of the disk a folder takes with all that is in it. A file with several names in it counts once, a link
 * for itself, and what cannot be looked at for nothing.
 */
export function diskUsageAtOnce(path: string, counted: Set<number> = new Set()): number {
  try {
    const found = lstatSync(path);
    if (found.nlink > 1 && found.isFile()) {
      if (counted.has(found.ino)) {
        return 0;
      }
      counted.add(found.ino);
    }
    const inside = found.isDirectory() ? readdirSync(path) : [];
    // Where the system does not say how much of the disk a file takes, its size stands for that.
    const own = Number.isFinite(found.blocks) ? found.blocks * diskBlock : found.size;
    return inside.reduce((sum, name) => sum + diskUsageAtOnce(`${path}/${name}`, counted), own);
  } catch {
    return 0;
  }
}

/** What `stat` counts in, in bytes, whatever the disk does. */
const diskBlock = 512;

/** The names of the folders in a folder, in no order. A link to one is none. */
export function foldersAtOnce(path: string): string[] | undefined {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
  } catch {
    return undefined;
  }
}

/** The names in a folder, in no order. */
export function namesAtOnce(path: string): string[] | undefined {
  try {
    return readdirSync(path);
  } catch {
    return undefined;
  }
}
