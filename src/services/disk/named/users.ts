/** Whose a file is: what is asked of every file that others must not write. */
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { ownRules } from "../../system-rules.ts";

/** Write permission for the group or for everybody. */
export const othersWrite = 0o022;

/** The administrator, on every system that has numbers for users. */
export const administrator = 0;

let current: number | undefined;

/** The number of the user who runs this; undefined where users have none. Nothing here changes it while it runs. */
export function currentUser(): number | undefined {
  if (!ownRules.hasModes) {
    return undefined;
  }
  current ??= effectiveUser();
  return current;
}

function effectiveUser(): number {
  try {
    // A user need not have a name, in a container; and where names come from the network, they take a while.
    const [, effective] = /^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
    return effective === undefined ? userInfo().uid : Number(effective);
  } catch {
    return userInfo().uid;
  }
}
