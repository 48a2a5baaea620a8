/** JSON that a command is told to read: from a file, or from the standard input. */
import { DecampError } from "../errors.ts";
import { readJsonFile, readJsonStream, type NotJson } from "../services/json-file.ts";
import type { Terminal } from "./terminal.ts";

/**
 * @param path a path, or `-` for the standard input
 * @throws DecampError `usage` if the standard input is a terminal; as `readJsonFile`
 */
export async function readJsonInput(
  path: string,
  { stdin }: Pick<Terminal, "stdin">,
  notJson?: NotJson,
): Promise<unknown> {
  if (path !== "-") {
    return readJsonFile(path, notJson);
  }
  if (stdin.isTTY) {
    throw new DecampError("usage", "- reads the standard input, but that is a terminal.", {
      hint: "Give the path of a file, or pipe the JSON in.",
    });
  }
  return readJsonStream(stdin, "the standard input", notJson);
}
