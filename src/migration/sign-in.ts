/** Signing in at either server: asks again where a person can answer, and makes sure whose session it is. */

import { DecampError, isDecampError } from "../errors.ts";
import type { SessionInfo } from "../services/session.ts";
import type { Context } from "./context.ts";

/** The servers allow 30 tries in five minutes; nobody needs that many. */
const tries = 5;

/** @throws DecampError `auth-refused`, `app-password`, `auth-factor-required`, `input-needed`, `refused` */
export async function signInToSource(context: Context): Promise<void> {
  const { answers, signal, oldHandle, source: pds } = context;
  const question = { handle: oldHandle, host: pds.host };
  const info = await signIn(context, pds.host, async (again, authFactorToken) => {
    const password = await answers.sourcePassword({ ...question, ...again });
    return pds.signIn({ identifier: context.identity.did, password, ...authFactorToken }, signal);
  });
  context.email = info.email;
}

/** @throws as `signInToSource` */
export async function signInToTarget(context: Context): Promise<SessionInfo> {
  const { answers, signal, target: pds } = context;
  const question = { handle: context.newHandle ?? context.identity.handle, host: pds.host };
  return signIn(context, pds.host, async (again, authFactorToken) => {
    const password = await answers.targetPassword({ ...question, ...again });
    return pds.signIn({ identifier: context.identity.did, password, ...authFactorToken }, signal);
  });
}

async function signIn(
  { answers, identity }: Context,
  host: string,
  attempt: (again: { again?: string }, factor: { authFactorToken?: string }) => Promise<SessionInfo>,
): Promise<SessionInfo> {
  let again: { again?: string } = {};
  let factor: { authFactorToken?: string } = {};
  for (let count = 1; ; count += 1) {
    try {
      const info = await attempt(again, factor);
      if (info.did !== identity.did) {
        throw new DecampError("refused", `${host} signed in ${info.did}, not ${identity.did}.`);
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
