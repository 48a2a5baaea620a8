/** How much a disk still takes. */
import { statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/** Bytes that are free where `path` lies or would lie; undefined where the system does not tell. */
export async function freeSpace(path: string): Promise<number | undefined> {
  for (let place = resolve(path); ; place = dirname(place)) {
    try {
      const { bavail, bsize } = await statfs(place);
      // Some file systems count nothing.
      return bavail === 0 && bsize === 0 ? undefined : bavail * bsize;
    } catch {
      if (place === dirname(place)) {
        return undefined;
      }
    }
  }
}
