/** Whether the disk holds what the archive needs, before it is full. */

import { DecampError } from "../../errors.ts";
import { freeSpace } from "../../services/disk/free-space.ts";
import type { Context } from "../context.ts";

/** Kept free for other programs and for the small files (bytes). */
const reserve = 32 * 1024 * 1024;

/**
 * @param bytes what is about to be written, as far as it is known
 * @throws DecampError `storage` if the disk has not so much left
 */
export async function requireSpace({ archive }: Pick<Context, "archive">, bytes: number): Promise<void> {
  const free = await freeSpace(archive);
  const needed = bytes + reserve;
  if (free !== undefined && free < needed) {
    throw new DecampError(
      "storage",
      `The archive in ${archive} needs about ${megabytes(needed)} MB more, and ${megabytes(free)} MB are free there.`,
      {
        hint: "Make room, or name a folder on another disk with --archive; then run the same command again.",
        data: { path: archive, needed, free },
      },
    );
  }
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1e6);
}
