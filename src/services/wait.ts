/** Letting time go by, whatever number somebody else has said. */

import { setTimeout } from "node:timers/promises";

/** The longest time that Node takes for a timer (milliseconds); it would make one millisecond of what is more. */
const longestTimer = 2 ** 31 - 1;

/** Resolves after so many milliseconds, whatever number that is. @throws the signal's reason, as an `AbortError` */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await setTimeout(timerTime(milliseconds), undefined, signal === undefined ? {} : { signal });
}

/** What a timer is given: nothing negative, nothing that it would take for something else. */
export function timerTime(milliseconds: number): number {
  return Number.isNaN(milliseconds) ? 0 : Math.min(Math.max(0, milliseconds), longestTimer);
}
