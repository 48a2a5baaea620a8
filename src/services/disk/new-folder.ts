/**
 * A folder that appears under its name only when it is whole. Its files are not waited for one by one: whoever pulls
 * the plug makes it anew, from what it was made from.
 */
import { mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { DecampError, isDecampError } from "../../errors.ts";
import { isThere, privateFile, privateFolder, storageError, syncFolder } from "./files.ts";
import { systemCode } from "../system-error.ts";
import { writeAll } from "./write-whole.ts";

/** A folder that is being written. */
export interface NewFolder {
  /**
   * Writes one new file.
   *
   * @param name its relative path, of parts that are safe file names, with `/` between them
   * @throws DecampError `storage`
   */
  write(name: string, text: string): Promise<void>;
  /** Gives the folder its name. @throws DecampError `storage` */
  finish(): Promise<void>;
  /** Removes what was written, as far as the disk lets it; does nothing after `finish`. */
  discard(): Promise<void>;
}

/**
 * Starts a folder at `path`, which must not exist yet, or be empty. Until `finish` it is called `<path>.part`.
 *
 * @throws DecampError `usage` if something is there, or the path leads nowhere; `storage` if it cannot be made
 */
export async function createNewFolder(path: string): Promise<NewFolder> {
  const target = resolve(path);
  const part = join(dirname(target), `${basename(target)}.part`);
  await stored(path, async () => {
    if (!(await isFree(target))) {
      throw new DecampError("usage", `There is something at ${path} already.`, {
        hint: "Name a folder that does not exist yet, or an empty one.",
      });
    }
    await mkdir(dirname(target), { recursive: true });
    if (await isThere(part)) {
      throw new DecampError("storage", `There is something at ${path}.part already.`, {
        hint: "Another run may be writing it. If not, it is left over: remove it.",
      });
    }
    await mkdir(part, { mode: privateFolder });
  });
  const made = new Set<string>();
  return {
    write: (name, text) =>
      stored(path, async () => {
        const file = join(part, ...name.split("/"));
        const folder = dirname(file);
        if (!made.has(folder)) {
          await mkdir(folder, { recursive: true, mode: privateFolder });
          made.add(folder);
        }
        await using handle = await open(file, "wx", privateFile);
        await writeAll(handle, new TextEncoder().encode(text));
      }),
    finish: () =>
      stored(path, async () => {
        await rmdir(target).catch(ignoreMissing);
        await rename(part, target);
        await syncFolder(dirname(target));
      }),
    // What has gone wrong before is to be told.
    discard: async () => rm(part, { recursive: true, force: true }).catch(() => undefined),
  };
}

async function isFree(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length === 0;
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      return true;
    }
    if (systemCode(error) === "ENOTDIR" && (await isThere(path))) {
      return false;
    }
    throw error;
  }
}

async function stored(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw isDecampError(error) ? error : storageError(path, error);
  }
}

function ignoreMissing(error: unknown): void {
  if (systemCode(error) !== "ENOENT") {
    throw error;
  }
}
