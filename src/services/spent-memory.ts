/**
 * Memory of pieces of a body that nobody needs any more. Each lies outside of the JavaScript heap, which stays small
 * however many there are, so that the engine sees no reason to look after them until there are 64 MB and more. So it is
 * asked to look at what is new every few megabytes, which takes well under a millisecond; and now and then at all: pieces
 * that were in use at such a moment count as old.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { type: "minor" | "major" }) => void;

/** Bytes between two looks at what is new, and which of them goes for all. */
const every = 2 * 1024 * 1024;
const everyMajor = 16;

let spent = 0;
let looks = 0;
let collect: Collect | undefined;

/** Notes that so many bytes came from the network or the disk, and went where they had to go. */
export function noteSpent(bytes: number): void {
  spent += bytes;
  if (spent >= every) {
    spent = 0;
    collect ??= findCollector();
    looks += 1;
    collect({ type: looks % everyMajor === 0 ? "major" : "minor" });
  }
}

function findCollector(): Collect {
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("gc");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as V8 has it
  return typeof found === "function" ? (found as Collect) : () => undefined;
}
