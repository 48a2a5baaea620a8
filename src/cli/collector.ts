/** The garbage collector of this process. Only the command line may ask for it: it is no guest here. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Collect } from "../services/spent-memory.ts";

export function findCollector(): Collect {
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("gc");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as V8 has it
  return typeof found === "function" ? (found as Collect) : () => undefined;
}
