/** Where decamp keeps its state, by the customs of each system. */
import { homedir, platform as systemOf } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/**
 * The folder for journals and locks: `--state-dir`, else `$XDG_STATE_HOME/decamp`, else the place that the system has
 * for such things. A relative XDG path counts as unset, as its specification says.
 */
export function stateDirectory(
  flag: string | undefined,
  env: Readonly<NodeJS.ProcessEnv>,
  platform: NodeJS.Platform = systemOf(),
  home: string = homedir(),
): string {
  if (flag !== undefined) {
    return resolve(flag);
  }
  const xdg = env["XDG_STATE_HOME"] ?? "";
  if (isAbsolute(xdg)) {
    return join(xdg, "decamp");
  }
  if (platform === "win32") {
    return join(env["LOCALAPPDATA"] ?? join(home, "AppData", "Local"), "decamp");
  }
  if (platform === "darwin") {
    return join(home, "Library", "Application Support", "decamp");
  }
  return join(home, ".local", "state", "decamp");
}
