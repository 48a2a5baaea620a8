/**
 * The text of a configuration file. What stands in it decides for its user, so nobody else may write to it: it belongs
 * to the user or to the administrator, as ssh has it. Links are followed: who keeps such files elsewhere makes them.
 */
import { closeSync, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { budgets } from "../../../data/budgets.ts";
import { DecampError, isDecampError } from "../../../errors.ts";
import { configVariable, type ConfigPlace } from "../../config-place.ts";
import { checkPlain, readPlain } from "../plain-file.ts";
import { unreadable } from "../unreadable.ts";
import { administrator, currentUser, othersWrite } from "./users.ts";

/** How to go on for now. */
export const withoutConfig: string = `${configVariable}=/dev/null in the environment goes on without it.`;

/** @throws DecampError `unreadable-file` for what is no plain file, too large, no text, or open to others */
export function readConfigFile({ path, isNamed }: ConfigPlace): string {
  try {
    const file = openSync(path, readPlain);
    try {
      const found = fstatSync(file);
      checkPlain(path, found);
      checkWhose(path, found, isNamed);
      return decode(path, readAll(path, file));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const told = isDecampError(error) ? error : unreadable(path, error);
    throw new DecampError(told.code, told.message, {
      hint: `${told.hint} ${withoutConfig}`,
      data: { ...told.data, path },
      cause: told.cause,
    });
  }
}

/** One that the environment names may be another user's: whoever has set that knows. */
function checkWhose(path: string, found: Stats, isNamed: boolean): void {
  const user = currentUser();
  if (user === undefined) {
    return;
  }
  if (!isNamed && found.uid !== user && found.uid !== administrator) {
    throw new DecampError(
      "unreadable-file",
      `Cannot use ${path}: it belongs to another user, who would decide for you.`,
      {
        hint: `Give it to the user who runs decamp (chown), or name it with ${configVariable} if it is meant.`,
      },
    );
  }
  if ((found.mode & othersWrite) !== 0) {
    throw new DecampError("unreadable-file", `Cannot use ${path}: others may write to it.`, {
      hint: `Look whether what it says is yours, then take that from them: chmod go-w ${path}.`,
    });
  }
}

function readAll(path: string, file: number): Uint8Array {
  const { most } = budgets.configBytes;
  const bytes = Buffer.alloc(most + 1);
  let size = 0;
  for (;;) {
    const came = readSync(file, bytes, size, bytes.length - size, null);
    size += came;
    if (size > most) {
      throw new DecampError("unreadable-file", `Cannot use ${path}: it has more than ${most} bytes.`, {
        data: { limit: "config-bytes", most },
      });
    }
    if (came === 0) {
      return bytes.subarray(0, size);
    }
  }
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new DecampError("unreadable-file", `Cannot use ${path}: it is no text in UTF-8.`);
  }
}
