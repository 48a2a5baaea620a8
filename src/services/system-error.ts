/** What the operating system says when it refuses something. */
import { statSync } from "node:fs";
import { dirname } from "node:path";

/** The code of an error of the system, such as `ENOENT`; undefined for an error that has none. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Whether the system says that there is nothing of that name. */
export function isAbsent(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "");
}

/**
 * What is wrong with a path that can lead nowhere, whatever is done about the disk; undefined if it is not the path.
 */
export function pathFault(path: string, error: unknown): string | undefined {
  switch (systemCode(error)) {
    case "ENOTDIR": {
      const file = fileOn(path);
      return file === undefined ? "a part of the path is not a folder" : `${file} is a file, and no folder`;
    }
    case "ENAMETOOLONG":
      return "a name in it is too long";
    case "ELOOP":
      return "its links lead in a circle";
    default:
      return undefined;
  }
}

/** The last part of a path that is there, if that is no folder. */
function fileOn(path: string): string | undefined {
  for (let at = path; dirname(at) !== at; at = dirname(at)) {
    try {
      return statSync(at).isDirectory() ? undefined : at;
    } catch {
      // Further up, then.
    }
  }
  return undefined;
}

/** So much of a path is repeated (letters). */
const shownLetters = 300;

/** A path for a sentence: one that is too long to be one is cut. */
export function shownPath(path: string): string {
  return path.length > shownLetters ? `${path.slice(0, shownLetters)}…` : path;
}
