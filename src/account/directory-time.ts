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
  return clocksApart(services) === undefined ? timeAtDirectory(services) : undefined;
}

/** Milliseconds by which the directory's clock is ahead of ours, where that is too far for any deadline. */
export function clocksApart({
  clockOffset,
  directory,
}: Pick<ClockServices, "clockOffset" | "directory">): number | undefined {
  const offset = clockOffset(directory.origin) ?? 0;
  return Math.abs(offset) > tooFarApart ? offset : undefined;
}

/** A sentence without its end. @param offset milliseconds by which the clock of the host is ahead of ours */
export function clockDifference(offset: number, host: string): string {
  return `This machine's clock is ${span(offset)} ${offset > 0 ? "behind" : "ahead of"} that of ${host}`;
}

/** How far clocks are apart, in words. @param milliseconds in either direction */
export function span(milliseconds: number): string {
  const seconds = Math.round(Math.abs(milliseconds) / 1000);
  const units: readonly (readonly [number, string])[] = [
    [86_400, "days"],
    [3600, "hours"],
    [60, "minutes"],
  ];
  const [length, unit] = units.find(([one]) => seconds >= 2 * one) ?? [1, "seconds"];
  return `${Math.round(seconds / length)} ${unit}`;
}
