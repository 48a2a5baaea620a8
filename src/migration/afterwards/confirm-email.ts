/**
 * After a move: the e-mail address is confirmed at the new server, if a person wants that. The move is done, and
 * nothing here makes it fail.
 */

import { DecampError, isDecampError } from "../../errors.ts";
import type { Context } from "../context.ts";
import type { MigrationResult } from "../events.ts";

/** How often a code may be wrong. */
const tries = 5;

/**
 * Offers it where a person can be asked and the new server says that the address is not confirmed. A wrong code is
 * asked for again, an empty answer has another one mailed, a second one in a row leaves it.
 *
 * @returns the result, with what the new server says in the end
 */
export async function offerConfirmation(context: Context, result: MigrationResult): Promise<MigrationResult> {
  const { answers, signal, warn, warnings } = context;
  if (answers.emailConfirmation === undefined || result.state !== "moved" || signal.aborted) {
    return result;
  }
  const { target } = context;
  if (!target.isSignedIn) {
    return result;
  }
  try {
    const { email, confirmed } = await target.address(signal);
    if (email === undefined || confirmed === undefined) {
      return result;
    }
    return { ...result, emailConfirmed: confirmed || (await confirm(context, email)) };
  } catch (error) {
    if (isDecampError(error, "interrupted") || signal.aborted) {
      return { ...result, emailConfirmed: false }; // whoever leaves here has a move that is done
    }
    if (!isDecampError(error)) {
      throw error;
    }
    warn("email-not-confirmed", `Your e-mail address could not be confirmed at ${target.host}: ${error.message}`);
    return { ...result, warnings };
  }
}

/** @returns whether it is confirmed now */
async function confirm({ target, answers, signal }: Context, email: string): Promise<boolean> {
  const { emailConfirmation: ask } = answers;
  if (ask === undefined || !(await ask.isWanted({ email, host: target.host }))) {
    return false;
  }
  await target.requestEmailConfirmation(signal);
  let again: string | undefined;
  let isAnother = false;
  for (let wrong = 0; wrong < tries;) {
    const code = (await ask.code({ email, isAnother, ...(again === undefined ? {} : { again }) })).trim();
    again = undefined;
    if (code === "" && isAnother) {
      return false;
    }
    isAnother = code === "";
    if (isAnother) {
      await target.requestEmailConfirmation(signal);
      continue;
    }
    if (code.toLowerCase() === "skip") {
      return false;
    }
    try {
      await target.confirmEmail(email, code, signal);
      return true;
    } catch (error) {
      if (!isDecampError(error, "plc-token-refused")) {
        throw error;
      }
      again = error.message;
      wrong += 1;
    }
  }
  throw new DecampError("plc-token-refused", "The mailed code was not the right one, again and again.");
}
