/**
 * An operation signed by the server that holds the account, with the code that it mails. The server spends the code
 * before it signs, and signs whatever it is asked: what comes back is compared field by field.
 */

import { isDecampError, withHint } from "../errors.ts";
import { compareSigned, type Predecessor, type SignedAnswer } from "../plc/diff.ts";
import type { UnsignedOperation } from "../plc/operation.ts";
import type { Pds } from "../services/servers/pds.ts";
import type { IdentityAnswers } from "./answers.ts";

/** How often a code may be wrong before a new run is needed. */
const tries = 5;

/** What a server is asked to sign. */
export interface SigningRequest {
  /** Signed in to the account. */
  readonly pds: Pds;
  /** What it is to sign; its `prev` is the CID of `head`. */
  readonly asked: UnsignedOperation;
  readonly head: Predecessor;
  /** Where the code was mailed to, if that is known. */
  readonly email?: string | undefined;
}

/**
 * Has an operation signed. A code that is refused is asked for again where a person can answer; for one that has
 * expired a new mail is sent.
 *
 * @throws DecampError `plc-token-refused`, `operation-differs`, `input-needed`, and what the services throw
 */
export async function signByServer(
  { pds, asked, head, email }: SigningRequest,
  answers: Pick<IdentityAnswers, "canAskAgain" | "hasPlcToken" | "plcToken">,
  signal: AbortSignal,
): Promise<SignedAnswer> {
  const { rotationKeys, verificationMethods, alsoKnownAs, services } = asked;
  let again: string | undefined;
  let isAnother = false;
  for (let count = 1; ; count += 1) {
    const token = await answers.plcToken({
      ...(email === undefined ? {} : { email }),
      ...(again === undefined ? {} : { again }),
      ...(isAnother ? { isAnother } : {}),
    });
    isAnother = false;
    if (token.trim() === "" && answers.canAskAgain) {
      await pds.requestPlcToken(signal);
      isAnother = true;
      again = undefined;
      continue;
    }
    try {
      const fields = { rotationKeys, verificationMethods, alsoKnownAs, services };
      return compareSigned(asked, await pds.signPlcOperation(token.trim(), fields, signal), head);
    } catch (error) {
      if (!isDecampError(error, "plc-token-refused")) {
        throw error;
      }
      if (!answers.canAskAgain || count >= tries) {
        throw answers.hasPlcToken
          ? withHint(error, "Run the same command again without that code: then a new mail is asked for.")
          : error;
      }
      again = error.message;
      if (/expired/.test(again)) {
        await pds.requestPlcToken(signal);
        again = `${again} A new one is on its way.`;
      }
    }
  }
}
