/** What a program that runs months from now needs to know of this system: where links lead, and what starts it. */
import { existsSync, realpathSync } from "node:fs";

/** The path behind all links; undefined where there is nothing. */
export function behindLinks(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** Whether systemd runs here: this folder says it, by sd_booted(3). */
export function runsSystemd(): boolean {
  return existsSync("/run/systemd/system");
}
