/** decamp, installed as the README says: `npm link` in a clone that is built. */
import { execFile } from "node:child_process";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "./run-page.ts";

const run = promisify(execFile);

/** What npm has for where it installs, in the environment. */
export function prefixOf(folder: string): NodeJS.ProcessEnv {
  return { npm_config_prefix: folder, npm_config_offline: "true", npm_config_update_notifier: "false" };
}

/** @returns the folder with `decamp`, `node` and `npm`, below `folder` */
export async function install(folder: string): Promise<string> {
  const programs = path.join(folder, "bin");
  await mkdir(programs, { recursive: true });
  const { stdout: npm } = await run("sh", ["-c", "command -v npm"]);
  await symlink(process.env["DECAMP_NODE"] ?? process.execPath, path.join(programs, "node"));
  await writeFile(path.join(programs, "npm"), `#!/bin/sh\nexec ${npm.trim()} "$@"\n`);
  await chmod(path.join(programs, "npm"), 0o755);
  await run("npm", ["link"], { cwd: root, env: { ...process.env, ...prefixOf(folder) } });
  return programs;
}
