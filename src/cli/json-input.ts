/** JSON that a command is told to read: from a file, or from the standard input. */
import { DecampError } from "../errors.ts";
import { readJsonFile, readJsonStream } from "../services/json-file.ts";
import type { Terminal } from "./terminal.ts";

/**
 * @param path a path, or `-` for the standard input
 * @throws DecampError `usage` if the standard input is a terminal; `unreadable-file`
 */
export async function readJsonInput(path: string, { stdin }: Pick<Terminal, "stdin">): Promise<unknown> {
  if (path !== "-") {
    return readJsonFile(path);
  }
  if (stdin.isTTY) {
    throw new DecampError("usage", "- reads the standard input, but that is a terminal.", {
      hint: "Give the path of a file, or pipe the JSON in.",
    });
  }
  return readJsonStream(stdin, "the standard input");
}
