/** Signing in at a server: asks again where a person can answer, and makes sure whose session it is. */

import { DecampError, isDecampError, withHint } from "../errors.ts";
import type { Pds } from "../services/servers/pds.ts";
import type { SessionInfo } from "../services/servers/session.ts";
import type { IdentityAnswers } from "./answers.ts";

/** The servers allow 30 tries in five minutes; nobody needs that many. */
const tries = 5;

/** Which password it is that is asked for. */
type Password = "sourcePassword" | "targetPassword";

/** Whom a session is for. */
export interface SessionOwner {
  readonly did: string;
  /** What people call the account there; the DID unless given. */
  readonly handle?: string | undefined;
}

/**
 * Signs in with the account's own password.
 *
 * @param password the question that is asked for it
 * @param toRead the session is only for reading: an app password will do, and an account that was taken down
 * @throws DecampError `auth-refused` for the password; `account-not-found` if the server refuses and says that it has
 *   no such account; `account-unavailable`, `account-unconfirmed`, `unsupported` as `PinnedSession.signIn`;
 *   `app-password`, `auth-factor-required`, `input-needed`; `refused` if it is the session of another account; and what
 *   the services throw
 */
export async function signIn(
  pds: Pds,
  { did, handle = did }: SessionOwner,
  answers: Pick<IdentityAnswers, "authFactorCode" | "canAskAgain" | Password>,
  password: Password,
  signal: AbortSignal,
  toRead: boolean = false,
): Promise<SessionInfo> {
  const { host } = pds;
  let again: { again?: string } = {};
  let factor: { authFactorToken?: string } = {};
  for (let count = 1; ; count += 1) {
    try {
      const answer = await answers[password]({ handle, host, isNew: false, ...again });
      const credentials = { identifier: did, password: answer, ...factor };
      const info = await pds.signIn(toRead ? { ...credentials, allowTakendown: true } : credentials, signal, toRead);
      if (info.did !== did) {
        throw new DecampError("refused", `${host} signed in ${info.did}, not ${did}.`);
      }
      return info;
    } catch (caught) {
      const error = toRead ? asReader(caught) : caught;
      if (isDecampError(error, "auth-refused") && (await isAbsent(pds, did, signal))) {
        throw new DecampError(
          "account-not-found",
          `${host} refuses the sign-in, and says that it does not have the account ${did}.`,
          { hint: "Look whether it is the right server, and the right account.", data: { host, did }, cause: error },
        );
      }
      if (count >= tries) {
        throw error;
      }
      if (isDecampError(error, "auth-factor-required")) {
        if (factor.authFactorToken !== undefined && !answers.canAskAgain) {
          throw error;
        }
        factor = { authFactorToken: await answers.authFactorCode({ host }) };
        again = {};
      } else if (isDecampError(error, "auth-refused", "app-password") && answers.canAskAgain) {
        again = { again: error.message };
      } else {
        throw error;
      }
    }
  }
}

/** Who only reads may have an app password: the hint of the code says otherwise. */
function asReader(error: unknown): unknown {
  return isDecampError(error, "auth-refused")
    ? withHint(error, "Try again with the account's password at that server, or with an app password of the account.")
    : error;
}

/**
 * Whether the server says that it does not have the account. Many refuse an account that they do not have as they
 * refuse a wrong password; one that does not answer this says nothing.
 */
async function isAbsent(pds: Pds, did: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await pds.repoStatus(did, signal)) === undefined;
  } catch (error) {
    if (!isDecampError(error) || signal.aborted) {
      throw error;
    }
    return false;
  }
}
