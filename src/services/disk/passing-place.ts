/**
 * Where a file is made that only passes through: nobody else can look in, and where the system allows it the file has
 * no name.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownRules, type SystemRules } from "../system-rules.ts";

/** The place of a file. */
export interface PassingPlace {
  readonly path: string;
  /** To be called once the file is open: where the system allows that, it has no name from then on. */
  opened(): void;
  /** To be called when it is closed, or was not opened. */
  remove(): void;
}

/** A place in a folder that nobody else can look into. @throws what the system says */
export function passingPlace({ removesOpenFiles }: Pick<SystemRules, "removesOpenFiles"> = ownRules): PassingPlace {
  const folder = mkdtempSync(join(tmpdir(), "decamp-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  return {
    path: join(folder, "repo.car"),
    opened: () => {
      if (removesOpenFiles) {
        remove();
      }
    },
    remove,
  };
}
