/** What was typed, so that it can be typed again. */
import { DecampError, isDecampError } from "../errors.ts";
import { ownRules } from "../services/system-rules.ts";

/** The command line, quoted for a shell. Flags never hold secrets. */
export function commandLine(argv: readonly string[]): string {
  return ["decamp", ...argv.map(ownRules.quoted)].join(" ");
}

/**
 * The error of a run; one that was interrupted says how to take it up again, unless it does already. What else its hint
 * says stays.
 *
 * @param lead what is said before the command
 */
export function resumable(error: unknown, argv: readonly string[], lead = "To go on from here, run:"): unknown {
  if (!isDecampError(error, "interrupted") || error.data["resume"] !== undefined) {
    return error;
  }
  const resume = commandLine(argv);
  const more = error.hint
    .replace(error.known?.sentence ?? "", "")
    .replace(usualHint, "")
    .trim();
  const way =
    resume.length > mostShown ? `${lead.replace(/,? run:$/, ", run")} the same command again.` : `${lead}\n  ${resume}`;
  return new DecampError("interrupted", error.message, {
    hint: `${more}${more === "" ? "" : " "}${way}`,
    data: { ...error.data, resume },
    cause: error,
    known: error.known,
  });
}

/** A longer command is not shown: whoever has typed it, or had it made, has it (letters). */
const mostShown = 2000;

/** Says the same without the command. */
const usualHint = new DecampError("interrupted", "").hint;
