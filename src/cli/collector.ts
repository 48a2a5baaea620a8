/** How the engine of this process handles memory. Only the command line may say so: it is no guest here. */
import type { Collect } from "../services/spent-memory.ts";

/**
 * Keeps the memory for what is new as it is, and clears up what is old as soon as it has grown by a third. Work that
 * goes through very many small things, one after another, leaves nothing behind, and would have both grow to their most
 * all the same. To be called before that work begins: what has grown stays.
 */
export function staySmall(): void {
  for (const flag of ["--semi-space-growth-factor=1", "--heap-growing-percent=30"]) {
    process.getBuiltinModule("node:v8").setFlagsFromString(flag);
  }
}

/** Loads what it needs only now: most runs end before memory has to be looked at. */
export function findCollector(): Collect {
  process.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
  const found: unknown = process.getBuiltinModule("node:vm").runInNewContext("gc");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as V8 has it
  return typeof found === "function" ? (found as Collect) : () => undefined;
}

/**
 * For a process that runs for months, and mostly waits: memory before speed. Beside that, no code is optimized: the
 * optimizing compilers alone take some 30 MB, for work that waits for servers anyway.
 */
export function stayLean(): void {
  staySmall();
  for (const flag of ["--no-turbofan", "--no-maglev"]) {
    process.getBuiltinModule("node:v8").setFlagsFromString(flag);
  }
}
