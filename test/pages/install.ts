/** decamp, installed as the README says: `npm link` in a clone that is built. */
import { execFile } from "node:child_process";
import { chmod, copyFile, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

export interface Installation {
  /** The folder with `decamp`, `node` and `npm`. */
  readonly programs: string;
  /**
   * Where commands of npm are typed: the clone, but for what npm could do harm to. Its `node_modules` is found because
   * the programs in it are links to those of the real one.
   */
  readonly clone: string;
  /** With which npm installs there. */
  readonly env: NodeJS.ProcessEnv;
}

/** Installs it below an empty folder. */
export async function install(folder: string): Promise<Installation> {
  const programs = path.join(folder, "bin");
  const clone = path.join(folder, "clone");
  await Promise.all([programs, clone].map(async (place) => mkdir(place)));
  for (const name of await readdir(root)) {
    if (name !== "node_modules") {
      await symlink(path.join(root, name), path.join(clone, name));
    }
  }
  const { stdout: npm } = await run("sh", ["-c", "command -v npm"]);
  const node = process.env["DECAMP_NODE"] ?? process.execPath;
  // As JavaScript, which it is, it takes no time to load.
  const lightKeys = path.join(folder, "light-keys.mjs");
  await copyFile(new URL("light-keys.ts", import.meta.url), lightKeys);
  for (const [name, line] of [
    ["node", `${node} --import ${lightKeys}`],
    ["npm", npm.trim()],
  ] as const) {
    await writeFile(path.join(programs, name), `#!/bin/sh\nexec ${line} "$@"\n`);
    await chmod(path.join(programs, name), 0o755);
  }
  const env = { npm_config_prefix: folder, npm_config_offline: "true", npm_config_update_notifier: "false" };
  await run("npm", ["link"], { cwd: clone, env: { ...process.env, ...env } });
  return { programs, clone, env };
}
