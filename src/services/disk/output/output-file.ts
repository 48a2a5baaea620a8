/**
 * A file that a user names for what a command makes: whole under its name, or not there; what is a device or a pipe is
 * written to.
 */
import { lstat, open, realpath, stat } from "node:fs/promises";
import { DecampError } from "../../../errors.ts";
import { NewFile, onDisk, unusedName } from "../files.ts";
import { systemCode } from "../../system-error.ts";
import { writeAll } from "../write-whole.ts";

/**
 * Writes a small file; what lies under its name is replaced when the new one is whole. A link of the user's is
 * followed.
 *
 * @param readers `everybody` for what other users of the machine are to read, such as those who watch it
 * @throws DecampError `refused` for a link that leads nowhere, `storage`
 */
export async function writeOutput(
  path: string,
  content: string,
  readers: "owner" | "everybody" = "owner",
): Promise<void> {
  await onDisk(path, async () => {
    const bytes = new TextEncoder().encode(content);
    const { place, isPlain } = await look(path);
    if (!isPlain) {
      await using handle = await open(place, "w");
      await writeAll(handle, bytes);
      return;
    }
    const file = await NewFile.create(unusedName(place));
    try {
      await file.write(bytes);
      if (readers === "everybody") {
        await file.share();
      }
      await file.keep(place);
    } catch (error) {
      await file.discard();
      throw error;
    }
  });
}

/** Where a path leads, and whether a plain file is there or nothing: what is neither must not be replaced by one. */
async function look(path: string): Promise<{ place: string; isPlain: boolean }> {
  try {
    const found = await stat(path);
    return { place: found.isFile() ? await realpath(path) : path, isPlain: found.isFile() };
  } catch (error) {
    if (systemCode(error) !== "ENOENT") {
      throw error;
    }
  }
  if (await isLink(path)) {
    throw new DecampError("refused", `${path} is a link that leads nowhere.`, {
      hint: "Give another name, or remove the link.",
    });
  }
  return { place: path, isPlain: true };
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      return false;
    }
    throw error;
  }
}
