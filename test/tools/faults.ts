/**
 * `npm run faults`: the long form of test/faults. Every fault in every request, every crash with an account of its own,
 * and a disk that is really full, for which it has to be allowed to mount one. Hours. DECAMP_FAULTS_ONLY is a regular
 * expression for the cases of every-request.test.ts and for the operations on files, such as `importRepo`. Arguments
 * are handed to vitest.
 */
import { run } from "./run.ts";

const args = process.argv.slice(2);
const built = await run("node", ["test/tools/build.ts"]);
const files = args.length === 0 ? ["test/faults"] : args;
process.exitCode =
  built === 0 ? await run("vitest", ["run", "--project", "network", ...files], { DECAMP_FAULTS: "long" }) : built;
