/**
 * How files are opened that decamp has written itself. A pipe that somebody put in the place of one would else be
 * waited for, for ever; a device would be read without end.
 */
import { constants } from "node:fs";
import { DecampError } from "../../errors.ts";

/** The flags of `open` with which nothing is waited for. */
export const readPlain: number = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** The `reason` of the error for what is no plain file. */
export const notPlain = "not-plain";

/** @throws DecampError `unreadable-file` for what was opened and is no plain file */
export function checkPlain(path: string, stat: { isFile(): boolean }): void {
  if (!stat.isFile()) {
    throw new DecampError("unreadable-file", `Cannot read ${path}: it is no plain file.`, {
      data: { reason: notPlain },
    });
  }
}
