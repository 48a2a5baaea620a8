/** A text, line by line, however long it is. */

import { DecampError, isDecampError } from "../../errors.ts";
import { pieces, readNamed, Turns } from "./incoming.ts";
import { unreadable } from "./unreadable.ts";

/** A line that is longer (letters) has no end, for all we know: memory is bounded, whatever somebody pipes in. */
const longestLine = 100_000;

/** The lines of a file, or of whatever else a path leads to. @throws as `streamLines` */
export async function* fileLines(path: string, signal?: AbortSignal): AsyncGenerator<string> {
  yield* linesOf(readNamed(path, signal), path, signal);
}

/**
 * The lines of a stream, without their ends. Between two of them others have their turn now and then.
 *
 * @param name the stream's name, for messages
 * @throws DecampError `unreadable-file` if the stream breaks, or a line does not end; the signal's reason
 */
export async function* streamLines(
  stream: AsyncIterable<Uint8Array | string>,
  name: string,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  yield* linesOf(pieces(stream, signal), name, signal);
}

async function* linesOf(bytes: AsyncIterable<Uint8Array>, name: string, signal?: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const turns = new Turns(signal);
  let rest = "";
  try {
    for await (const piece of bytes) {
      rest += decoder.decode(piece, { stream: true });
      const lines = rest.split(/\r?\n/);
      rest = lines.pop() ?? "";
      for (const line of lines) {
        yield requireText(requireShort(line, name), name);
        await turns.take();
      }
      requireShort(rest, name);
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw isDecampError(error) ? error : unreadable(name, error);
  }
  if (rest !== "") {
    yield requireText(rest, name);
  }
}

function requireShort(line: string, name: string): string {
  if (line.length > longestLine) {
    throw new DecampError("unreadable-file", `Cannot read ${name}: a line is longer than ${longestLine} letters.`, {
      hint: "Give a text with one account in each line.",
    });
  }
  return line;
}

function requireText(line: string, name: string): string {
  if (line.includes("\0")) {
    throw new DecampError("unreadable-file", `Cannot read ${name}: it is not a text.`, {
      hint: "Give a text with one account in each line.",
    });
  }
  return line;
}
