/**
 * `npm run storage`: docs/STORAGE.md is followed with restic and rclone (Debian's packages of these names), and with
 * more accounts than in `npm test`.
 */
import { run } from "./run.ts";

const built = await run("node", ["test/tools/build.ts"]);
const files = ["test/pages/storage.test.ts"];
process.exitCode =
  built === 0 ? await run("vitest", ["run", "--project", "network", ...files], { DECAMP_STORAGE: "long" }) : built;
