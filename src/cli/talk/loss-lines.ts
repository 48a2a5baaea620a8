/** What a person can do about a snapshot that is held, because much of what it has is gone from the account. */
import { snapshotFolder } from "../../archive/layout.ts";
import { commandLine } from "../command-line.ts";

/**
 * How to see what is gone, and how to let it go. Both commands ask nobody, and need no flags of the run.
 *
 * @param held names of snapshots that have what is gone, oldest first
 * @param later a snapshot that does not have it
 */
export function lossSteps(archive: string, held: readonly string[], later: string): string[] {
  const [oldest] = held;
  if (oldest === undefined) {
    return [];
  }
  const paths = [oldest, later].map((name) => snapshotFolder(archive, name));
  return [
    "To see what is gone:",
    `  ${commandLine(["archive", "diff", ...paths])}`,
    "If that was meant, what had it need not be held any longer:",
    `  ${commandLine(["archive", "prune", archive, ...held.flatMap((name) => ["--release", name])])}`,
  ];
}
