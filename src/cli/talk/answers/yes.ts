/** The yes of a person to what cannot be seen to be wanted: typed, or given beforehand with a flag. */
import { DecampError } from "../../../errors.ts";
import type { Prompter } from "../prompter.ts";

/** What is asked. */
export interface YesQuestion {
  /** What it means, in sentences. */
  readonly lead: string;
  /** What would be done: "deactivate the account at https://pds.example". */
  readonly does: string;
  /** The flag that is the yes. */
  readonly answeredBy: string;
  /** What is said to who does not want it. */
  readonly left: string;
}

/** @throws DecampError `interrupted` where a person stops, `input-needed` where nobody can be asked */
export async function requireYes(prompter: Prompter, { lead, does, answeredBy, left }: YesQuestion): Promise<void> {
  const typed = await prompter.text({
    lead,
    message: `Type yes to ${does}, or nothing to stop here:`,
    what: `the yes to this: ${does}`,
    answeredBy,
    mayBeEmpty: true,
    check: (answer) => ["", "yes"].includes(answer.trim().toLowerCase()) || "Type yes, or leave the line empty.",
  });
  if (typed.trim() === "") {
    throw new DecampError("interrupted", left);
  }
}
