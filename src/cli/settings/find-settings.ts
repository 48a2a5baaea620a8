/** Looks for the configuration file. Where there is none, nothing else is loaded. */
import { findConfig } from "../../services/config-place.ts";
import type { FileSettings } from "./apply-settings.ts";

/** Help and the version are the same whatever a file says, also where it is in no order. */
const withoutSettings = new Set(["help", "completion", "--help", "-h", "--version"]);

/**
 * The settings of the file, if there is one that counts for what was typed.
 *
 * @param argv the arguments up to `--`
 * @throws DecampError as findConfig and readSettings
 */
export async function findSettings(
  argv: readonly string[],
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<FileSettings | undefined> {
  const [first = "help"] = argv;
  if (withoutSettings.has(first) || argv.some((one) => one.startsWith("-") && withoutSettings.has(one))) {
    return undefined;
  }
  const place = findConfig(env);
  return place === undefined ? undefined : (await import("./read-settings.ts")).readSettings(place, env);
}
