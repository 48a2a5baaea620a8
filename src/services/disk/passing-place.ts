/**
 * Where a file is made that only passes through: nobody else can look in, and where the system allows it the file has
 * no name.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";

/** The place of a file. */
export interface PassingPlace {
  readonly path: string;
  /** To be called once the file is open: where the system allows that, it has no name from then on. */
  opened(): void;
  /** To be called when it is closed, or was not opened. */
  remove(): void;
}

/** A place in a folder that nobody else can look into. @throws what the system says */
export function passingPlace(): PassingPlace {
  const folder = mkdtempSync(join(tmpdir(), "decamp-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  return {
    path: join(folder, "repo.car"),
    opened: () => {
      // On Windows an open file keeps its name.
      if (platform() !== "win32") {
        remove();
      }
    },
    remove,
  };
}
