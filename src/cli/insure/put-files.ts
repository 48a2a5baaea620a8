/** The files of an insurance, put into a folder. What is there already and says something else stays as it is. */
import { DecampError } from "../../errors.ts";
import { joinPath, makeFolder, onDisk, readWhole, writeNew } from "../../services/disk/files.ts";
import type { Unit } from "./jobs.ts";

/**
 * Writes them, readable by their user alone: a command in them may name what is nobody else's.
 *
 * @returns their paths
 * @throws DecampError `refused` if one is there and differs: then nothing is written; `storage`
 */
export async function putFiles(folder: string, units: readonly Unit[]): Promise<string[]> {
  const missing: [path: string, content: string][] = [];
  for (const { name, content } of units) {
    const path = joinPath(folder, name);
    const there = await readWhole(path);
    if (there === undefined) {
      missing.push([path, content]);
    } else if (new TextDecoder().decode(there) !== content) {
      throw new DecampError("refused", `${path} is there already, and says something else. Nothing was written.`, {
        hint: "Compare the two, and name another folder, or move the old file away.",
        data: { path },
      });
    }
  }
  await onDisk(folder, async () => makeFolder(folder));
  for (const [path, content] of missing) {
    await writeNew(path, content);
  }
  return units.map(({ name }) => joinPath(folder, name));
}
