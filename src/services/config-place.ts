/**
 * Where the configuration file lies, and whether jobs are remembered. Every start asks, and most have none: so nothing
 * else is loaded for that.
 */
import { existsSync } from "node:fs";
import { devNull } from "node:os";
import { isAbsolute, join } from "node:path";
import { DecampError } from "../errors.ts";
import { configDirectory } from "./defaults.ts";

/** A configuration file. */
export interface ConfigPlace {
  readonly path: string;
  /** Whether the environment names it, and it has to be there. */
  readonly isNamed: boolean;
}

/** The variable that names another file, and its value for none. */
export const configVariable = "DECAMP_CONFIG";
const none: ReadonlySet<string> = new Set(["/dev/null", devNull]);

/** Whether a path is the one that stands for nothing, on any system. */
export function isNowhere(path: string): boolean {
  return none.has(path);
}

/**
 * The file that `DECAMP_CONFIG` names, else the one in its usual place, if there is one.
 *
 * @throws DecampError `usage` for a variable that depends on the folder at hand: whoever made that would decide
 */
export function findConfig(
  env: Readonly<NodeJS.ProcessEnv>,
  directory: (env: Readonly<NodeJS.ProcessEnv>) => string | undefined = configDirectory,
): ConfigPlace | undefined {
  const named = env[configVariable] ?? "";
  if (isNowhere(named)) {
    return undefined;
  }
  if (named !== "") {
    if (!isAbsolute(named)) {
      throw new DecampError("usage", `${configVariable} in the environment does not name a whole path.`, {
        hint: "It has to begin at the root, as in /etc/decamp.toml; /dev/null stands for no configuration.",
      });
    }
    return { path: named, isNamed: true };
  }
  const folder = directory(env);
  const path = folder === undefined ? undefined : join(folder, "config.toml");
  return path !== undefined && existsSync(path) ? { path, isNamed: false } : undefined;
}

/** The folder, in that of the state, in which the jobs of an insurance remember when they ended well. */
export const insuredFolder = "insured";

/** Whether any job has. Every start that somebody sees asks: so this, too, loads nothing more. */
export function hasInsurance(stateDir: string): boolean {
  return existsSync(join(stateDir, insuredFolder));
}
