/** JSON that a command is told to read: from a file, or from the standard input. */
import {
  readJsonFile,
  readJsonStream,
  readJsonValues,
  type JsonOptions,
  type JsonValues,
} from "../../services/disk/json-file.ts";
import type { Terminal } from "../talk/terminal.ts";
import { requirePipe } from "./standard-input.ts";

const otherwise = "Give the path of a file, or pipe the JSON in.";

/**
 * @param path a path, or `-` for the standard input
 * @throws DecampError `usage` if the standard input is a terminal; as `readJsonFile`
 */
export async function readJsonInput(
  path: string,
  terminal: Pick<Terminal, "stdin">,
  options: JsonOptions = {},
): Promise<unknown> {
  if (path !== "-") {
    return readJsonFile(path, options);
  }
  requirePipe(terminal.stdin, otherwise);
  return readJsonStream(terminal.stdin, "the standard input", options);
}

/** The same for what may be lines of JSON. @throws DecampError as `readJsonInput` */
export async function readJsonLinesInput(
  path: string,
  terminal: Pick<Terminal, "stdin">,
  signal?: AbortSignal,
): Promise<JsonValues> {
  if (path !== "-") {
    return readJsonValues(path, signal);
  }
  requirePipe(terminal.stdin, otherwise);
  return readJsonValues({ stream: terminal.stdin, name: "the standard input" }, signal);
}
