/** Now, by the clock of the directory: it alone counts the hours in which an operation can be undone. */

import type { AccountServices } from "./services.ts";

type ClockServices = Pick<AccountServices, "now" | "clockOffset" | "directory">;

/** With a larger difference of the clocks no deadline can be told (milliseconds). */
export const tooFarApart = 300_000;

/** Epoch milliseconds; by our own clock as long as the directory has not answered with a date. */
export function timeAtDirectory({ now, clockOffset, directory }: ClockServices): number {
  return now() + (clockOffset(directory.origin) ?? 0);
}

/** The same, for deadlines that it counts; undefined if its clock is too far from ours to be believed. */
export function directoryTime(services: ClockServices): number | undefined {
  const offset = services.clockOffset(services.directory.origin) ?? 0;
  return Math.abs(offset) > tooFarApart ? undefined : timeAtDirectory(services);
}
