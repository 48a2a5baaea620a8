/** `npm test`: the static checks, a fresh build, what npm would publish, then every test. Arguments are handed to vitest. */
import { runAll } from "./run.ts";

const args = process.argv.slice(2);
await runAll([
  ["node", "test/tools/check.ts"],
  ["node", "test/tools/build.ts"],
  ["publint", "--strict"],
  ["attw", "--pack", ".", "--profile", "esm-only", "--quiet"],
  ["vitest", "run", ...args],
]);
