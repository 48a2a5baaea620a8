/** Signing in at a server: asks again where a person can answer, and makes sure whose session it is. */

import { DecampError, isDecampError } from "../errors.ts";
import type { Pds } from "../services/pds.ts";
import type { SessionInfo } from "../services/session.ts";
import type { IdentityAnswers } from "./answers.ts";

/** The servers allow 30 tries in five minutes; nobody needs that many. */
const tries = 5;

/**
 * Signs in with the account's own password.
 *
 * @param toRead the session is only for reading: an app password will do, and an account that was taken down
 * @param password asks for it; `again` says why the last one was refused
 * @throws DecampError `auth-refused`, `app-password`, `auth-factor-required`, `input-needed`, `refused` if it is the session
 *   of another account, and what the services throw
 */
export async function signIn(
  pds: Pds,
  did: string,
  answers: Pick<IdentityAnswers, "authFactorCode" | "canAskAgain">,
  password: (again: { again?: string }) => Promise<string>,
  signal: AbortSignal,
  toRead: boolean = false,
): Promise<SessionInfo> {
  const { host } = pds;
  let again: { again?: string } = {};
  let factor: { authFactorToken?: string } = {};
  for (let count = 1; ; count += 1) {
    try {
      const credentials = { identifier: did, password: await password(again), ...factor };
      const info = await pds.signIn(toRead ? { ...credentials, allowTakendown: true } : credentials, signal, toRead);
      if (info.did !== did) {
        throw new DecampError("refused", `${host} signed in ${info.did}, not ${did}.`);
      }
      return info;
    } catch (error) {
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
