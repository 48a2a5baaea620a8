/** A hint is written where nobody knows which command runs: what it says of flags is said only where there are such. */
import { isDecampError, ownHint, withOwnHint } from "../../errors.ts";

/**
 * The error of a command, without the sentences of its hint that name a flag which the command does not take. What
 * names a command, or another program, speaks of the flags of that one, and stays.
 *
 * @param takes whether the command has a flag
 */
export function withFittingHint(error: unknown, takes: (flag: string) => boolean): unknown {
  if (!isDecampError(error)) {
    return error;
  }
  const own = ownHint(error);
  const hint = fittingHint(own, takes);
  return hint === own ? error : withOwnHint(error, hint);
}

/** The same for the hint alone. A line of its own is a command. */
export function fittingHint(hint: string, takes: (flag: string) => boolean): string {
  const isTaken = (flag: string): boolean => flag === "--help" || takes(flag);
  const [prose = "", ...lines] = hint.split(/(?=\n)/);
  const sentences = prose
    .split(/(?<=[.?!]) (?=[A-Z])/)
    .filter((one) => /\b(?:decamp|age) /.test(one) || (one.match(/(?<=^|[ (])--[a-z][a-z-]*/g) ?? []).every(isTaken));
  return [sentences.join(" "), ...lines].join("");
}
