/** What is used where nobody says anything else. The command line reads it before anything else is loaded. */
import { homedir } from "node:os";
import { DecampError, isDecampError } from "../errors.ts";
import { ownRules, ownSystem, systemRules } from "./system-rules.ts";

/** The directory of did:plc that everybody uses. */
export const defaultPlcUrl = "https://plc.directory";

/** Asked about the new server when nobody names another one. Servers on private networks are no business of its. */
export const publicRelay = "https://bsky.network";

/** Asked what people see of an account when nobody names another one. */
export const publicAppView = "https://public.api.bsky.app";

/** Blobs that are fetched at once. */
export const defaultDownloads = 24;
/** Blobs that are sent, or read back, at once: more uploads than that wait for each other at the server. */
export const defaultUploads = 16;

/** How long is waited for what only a person can publish: the document of a did:web, the record of a domain (ms). */
export const defaultDocumentWait: number = 30 * 60_000;

/**
 * The folder for decamp's own state, journals, heads and locks: the one that was named (`--state-dir`), else
 * `$XDG_STATE_HOME/decamp`, else the place that the system has for such things. A relative XDG path counts as unset, as
 * its specification says.
 *
 * @throws DecampError `usage` where nothing names it, and the user has no home
 */
export function stateDirectory(
  named: string | undefined,
  env: Readonly<NodeJS.ProcessEnv>,
  platform: NodeJS.Platform = ownSystem,
  home: () => string = homedir,
): string {
  return named === undefined
    ? ownPlace("XDG_STATE_HOME", [".local", "state"], env, platform, home)
    : systemRules(platform).path.resolve(named);
}

/** Whether the environment names the folder of the state. */
export function namesState(env: Readonly<NodeJS.ProcessEnv>): boolean {
  return ownRules.path.isAbsolute(env["XDG_STATE_HOME"] ?? "");
}

/**
 * The folder in which the configuration is looked for: `$XDG_CONFIG_HOME/decamp`, else the place that the system has
 * for such things.
 *
 * @returns undefined where nothing names it, and the user has no home
 */
export function configDirectory(
  env: Readonly<NodeJS.ProcessEnv>,
  platform: NodeJS.Platform = ownSystem,
  home: () => string = homedir,
): string | undefined {
  try {
    return ownPlace("XDG_CONFIG_HOME", [".config"], env, platform, home);
  } catch (error) {
    if (isDecampError(error)) {
      return undefined;
    }
    throw error;
  }
}

function ownPlace(
  variable: string,
  below: readonly string[],
  env: Readonly<NodeJS.ProcessEnv>,
  platform: NodeJS.Platform,
  home: () => string,
): string {
  const { path } = systemRules(platform);
  const xdg = env[variable] ?? "";
  if (path.isAbsolute(xdg)) {
    return path.join(xdg, "decamp");
  }
  const local = platform === "win32" ? (env["LOCALAPPDATA"] ?? "") : "";
  if (local !== "") {
    return path.join(local, "decamp");
  }
  const inHome = {
    win32: ["AppData", "Local"],
    darwin: ["Library", "Application Support"],
  } as Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>>;
  return path.join(homeOf(home), ...(inHome[platform] ?? below), "decamp");
}

function homeOf(home: () => string): string {
  try {
    return home();
  } catch (cause) {
    // HOME is not set, and no list of users has this one, as in a container.
    throw new DecampError("usage", "This user has no home folder, and decamp keeps its state there.", {
      hint: "Name a folder with --state-dir, or set HOME or XDG_STATE_HOME.",
      cause,
    });
  }
}
