/** `npm test`: the static checks, a fresh build, then every test. Arguments are handed to vitest. */
import { runAll } from "./run.ts";

const args = process.argv.slice(2);
await runAll([
  ["node", "test/tools/check.ts"],
  ["node", "test/tools/build.ts"],
  ["vitest", "run", ...args],
]);
