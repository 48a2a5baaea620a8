/** A file or a stream that the operating system does not let us read: the reason in words, and a hint that fits it. */
import { stat } from "node:fs";
import { promisify } from "node:util";
import { DecampError } from "../../errors.ts";
import { pathFault, shownPath, systemCode } from "../system-error.ts";

const reasons: Partial<Record<string, { why: string; hint: string }>> = {
  ENOENT: { why: "there is no such file", hint: "Check the path." },
  EACCES: {
    why: "you may not read it",
    hint: "Check the permissions of the file, and of the folders that it lies in.",
  },
  EISDIR: { why: "it is a folder", hint: "Give the path of a file." },
};

/**
 * The error for what could not be read.
 *
 * @param what what is read and from where, for the sentence: a path, or "the password for your server from PATH"
 * @param error what the system has thrown
 */
export function unreadable(what: string, error: unknown): DecampError {
  const code = systemCode(error);
  const fault = pathFault("", error);
  const { why, hint } =
    fault !== undefined
      ? { why: fault, hint: "Check the path." }
      : (reasons[code ?? ""] ?? {
          why: code === undefined ? "reading failed" : `reading failed (${code})`,
          hint: "Try again, or give a copy of it.",
        });
  return new DecampError("unreadable-file", `Cannot read ${shownPath(what)}: ${why}.`, {
    hint,
    data: { reason: code },
    cause: error,
  });
}

/**
 * Says that there is no such file, before code is loaded that would read it.
 *
 * @param what as for `unreadable`
 * @throws DecampError `unreadable-file` if nothing is at `path`; whatever else is wrong is for who reads it
 */
export async function refuseAbsent(path: string, what: string): Promise<void> {
  await promisify(stat)(path).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") {
      throw unreadable(what, error);
    }
  });
}
