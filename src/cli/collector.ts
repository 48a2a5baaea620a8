/** The garbage collector of this process. Only the command line may ask for it: it is no guest here. */
import type { Collect } from "../services/spent-memory.ts";

/** Loads what it needs only now: most runs end before memory has to be looked at. */
export function findCollector(): Collect {
  process.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
  const found: unknown = process.getBuiltinModule("node:vm").runInNewContext("gc");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as V8 has it
  return typeof found === "function" ? (found as Collect) : () => undefined;
}
