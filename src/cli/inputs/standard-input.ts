/** The standard input in the place of a file, for a command that is pointed at `-`. */
import { DecampError } from "../../errors.ts";
import type { Terminal } from "../talk/terminal.ts";

/**
 * @param hint what else would do
 * @throws DecampError `usage` if it is a terminal: nobody types such a thing
 */
export function requirePipe({ isTTY }: Terminal["stdin"], hint: string): void {
  if (isTTY) {
    throw new DecampError("usage", "- reads the standard input, but that is a terminal.", { hint });
  }
}
