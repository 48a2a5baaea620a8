/** Opens what a command is told to look into: a CAR file, or the standard input. */
import { DecampError } from "../errors.ts";
import { openCarFile, spoolCar, type CarFile } from "../services/car-file.ts";
import type { Terminal } from "./terminal.ts";

/**
 * @param path a path, or `-` for the standard input
 * @throws DecampError `usage` if the standard input is a terminal, `unreadable-file`, `storage`
 */
export async function openInput(path: string, terminal: Terminal): Promise<CarFile> {
  if (path !== "-") {
    return openCarFile(path);
  }
  if (terminal.stdin.isTTY) {
    throw new DecampError("usage", "- reads the standard input, but that is a terminal.", {
      hint: "Give the path of a CAR file, or pipe one in.",
    });
  }
  return spoolCar(terminal.stdin, "the standard input");
}
