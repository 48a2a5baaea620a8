/**
 * `npm test`: the static checks, a fresh build, what npm would publish, then every test.
 * `npm test -- FILE...`, or with any other argument of vitest: only those tests, and a build if dist is stale.
 */
import { buildIfStale } from "./dist.ts";
import { run, runAll } from "./run.ts";

const args = process.argv.slice(2);
if (args.length > 0) {
  const built = await buildIfStale();
  process.exitCode = built === 0 ? await run("vitest", ["run", ...args]) : built;
} else {
  await runAll([
    ["node", "test/tools/check.ts"],
    ["node", "test/tools/build.ts"],
    ["publint", "--strict"],
    ["attw", "--pack", ".", "--profile", "esm-only", "--quiet"],
    ["vitest", "run"],
  ]);
}
