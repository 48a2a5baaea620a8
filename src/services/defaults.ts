/** What is used where nobody says anything else. The command line reads it before anything else is loaded. */
import { homedir } from "node:os";
import { ownSystem, systemRules } from "./system-rules.ts";

/** The directory of did:plc that everybody uses. */
export const defaultPlcUrl = "https://plc.directory";

/** Asked about the new server when nobody names another one. Servers on private networks are no business of its. */
export const publicRelay = "https://bsky.network";

/** Blobs that are fetched at once. */
export const defaultDownloads = 24;
/** Blobs that are sent, or read back, at once: more uploads than that wait for each other at the server. */
export const defaultUploads = 16;

/** How long is waited until a person has published the document of a did:web (milliseconds). */
export const defaultDocumentWait: number = 30 * 60_000;

/**
 * The folder for decamp's own state, journals, heads and locks: the one that was named (`--state-dir`), else
 * `$XDG_STATE_HOME/decamp`, else the place that the system has for such things. A relative XDG path counts as unset, as
 * its specification says.
 */
export function stateDirectory(
  named: string | undefined,
  env: Readonly<NodeJS.ProcessEnv>,
  platform: NodeJS.Platform = ownSystem,
  home: string = homedir(),
): string {
  const { path } = systemRules(platform);
  if (named !== undefined) {
    return path.resolve(named);
  }
  const xdg = env["XDG_STATE_HOME"] ?? "";
  if (path.isAbsolute(xdg)) {
    return path.join(xdg, "decamp");
  }
  if (platform === "win32") {
    return path.join(env["LOCALAPPDATA"] ?? path.join(home, "AppData", "Local"), "decamp");
  }
  if (platform === "darwin") {
    return path.join(home, "Library", "Application Support", "decamp");
  }
  return path.join(home, ".local", "state", "decamp");
}
