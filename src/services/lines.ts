/** A text, line by line, however long it is. */

import { createReadStream } from "node:fs";
import { unreadable } from "./unreadable.ts";

/** A line that is longer comes in pieces: memory is bounded, whatever somebody pipes in. */
const longestLine = 100_000;

/** The lines of a file. @throws DecampError `unreadable-file` */
export async function* fileLines(path: string): AsyncGenerator<string> {
  yield* streamLines(createReadStream(path), path);
}

/**
 * The lines of a stream, without their ends.
 *
 * @param name the stream's name, for messages
 * @throws DecampError `unreadable-file` if the stream breaks
 */
export async function* streamLines(stream: AsyncIterable<Uint8Array | string>, name: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const iterator = stream[Symbol.asyncIterator]();
  let rest = "";
  try {
    for (;;) {
      const next = await iterator.next().catch((cause: unknown) => {
        throw unreadable(name, cause);
      });
      if (next.done === true) {
        break;
      }
      rest += typeof next.value === "string" ? next.value : decoder.decode(next.value, { stream: true });
      const lines = rest.split(/\r?\n/);
      rest = lines.pop() ?? "";
      yield* lines;
      if (rest.length > longestLine) {
        yield rest;
        rest = "";
      }
    }
  } finally {
    await iterator.return?.();
  }
  if (rest !== "") {
    yield rest;
  }
}
