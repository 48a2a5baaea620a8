/**
 * The clocks. Deadlines of the identity are counted by the directory's clock, and the new server judges the age of a
 * token that the old one made. The machine's own clock says whether a revision lies in the future.
 */

import { clockDifference, span, tooFarApart } from "../../account/directory-time.ts";
import { DecampError } from "../../errors.ts";
import type { Context } from "../context.ts";

/** A difference that is worth a word (milliseconds). */
const notable = 30_000;

/**
 * Compares the clocks of this machine, the directory and both servers. After the point of no return nothing is held up.
 *
 * @throws DecampError `refused` if this machine and the directory are more than five minutes apart
 */
export function checkClocks(context: Context): void {
  const { services, source, target, switched } = context;
  const { directory, clockOffset } = services;
  const own = clockOffset(directory.origin) ?? 0;
  const host = new URL(directory.origin).host;
  if (Math.abs(own) > tooFarApart && !switched) {
    throw new DecampError("refused", `${clockDifference(own, host)}.`, {
      hint: "Set the clock, then run the same command again: the deadlines for undoing a change of the identity depend on it.",
      data: { host, seconds: Math.round(own / 1000) },
    });
  }
  if (Math.abs(own) > notable) {
    context.warn("clock-skew", `${clockDifference(own, host)}. Set it soon.`);
  }
  const [old, fresh] = [clockOffset(source.origin), clockOffset(target.origin)];
  if (old !== undefined && fresh !== undefined && Math.abs(old - fresh) > notable) {
    context.warn(
      "clock-skew",
      `The clocks of your old and your new server are ${span(old - fresh)} apart. The new one may refuse what the old one signs for it.`,
    );
  }
}
