/**
 * Memory of pieces of a body that nobody needs any more. Each lies outside of the JavaScript heap, which stays small
 * however many there are, so that the engine sees no reason to look after them until there are 64 MB and more. It is asked
 * to look at what is new every few megabytes: that takes well under a millisecond.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { type: "minor" }) => void;

const every = 2 * 1024 * 1024;

let received = 0;
let collect: Collect | undefined;

/** Notes that so many bytes came over the network. */
export function noteReceived(bytes: number): void {
  received += bytes;
  if (received >= every) {
    received = 0;
    collect ??= findCollector();
    collect({ type: "minor" });
  }
}

function findCollector(): Collect {
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("gc");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as V8 has it
  return typeof found === "function" ? (found as Collect) : () => undefined;
}
