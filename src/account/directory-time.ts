/** Now, by the clock of the directory: it alone counts the hours in which an operation can be undone. */

import type { AccountServices } from "./services.ts";

/** Epoch milliseconds; by our own clock as long as the directory has not answered with a date. */
export function timeAtDirectory({
  now,
  clockOffset,
  directory,
}: Pick<AccountServices, "now" | "clockOffset" | "directory">): number {
  return now() + (clockOffset(directory.origin) ?? 0);
}
