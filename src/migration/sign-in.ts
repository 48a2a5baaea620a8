/** Signing in at either server of a migration. */

import { signIn } from "../account/sign-in.ts";
import { pastOf } from "../account/web/any-identity.ts";
import { isDecampError } from "../errors.ts";
import { parseServerUrl } from "../identity/addresses.ts";
import { noHandle } from "../identity/names.ts";
import type { Pds } from "../services/servers/pds.ts";
import type { SessionInfo } from "../services/servers/session.ts";
import type { Context } from "./context.ts";

/** @throws DecampError `auth-refused`, `app-password`, `auth-factor-required`, `input-needed`, `refused` */
export async function signInToSource(context: Context): Promise<SessionInfo> {
  const { answers, identity, oldHandle, services, source, signal } = context;
  const handle = oldHandle === noHandle ? undefined : oldHandle;
  const owner = { past: pastOf(identity), handle, named: namedIn(context) };
  const info = await signIn(services, source, owner, answers, "sourcePassword", signal);
  context.email = info.email;
  return info;
}

/**
 * Waits for a person where the account has to be confirmed first.
 *
 * @throws as `signInToSource`; `account-unconfirmed` where nobody can be asked
 */
export async function signInToTarget(context: Context): Promise<SessionInfo> {
  const { answers, target } = context;
  for (;;) {
    try {
      return await signInThere(context, target);
    } catch (error) {
      if (!isDecampError(error, "account-unconfirmed") || answers.accountConfirmed === undefined) {
        throw error;
      }
      await answers.accountConfirmed({ host: target.host, said: error.message });
    }
  }
}

/**
 * Sees a sign-in work at the new server, once in a move and before the identity changes: the session that came with a
 * new account proves nothing of the next one.
 *
 * @returns what waits for a person, if somebody has to confirm the account first; to be called once all is there
 * @throws as `signInToTarget`, but for `account-unconfirmed`
 */
export async function trySignIn(context: Context): Promise<(() => Promise<void>) | undefined> {
  const { services, targetOrigin, journal, switched } = context;
  if (switched || journal.state.signedIn === true) {
    return undefined;
  }
  const fresh = services.openPds(targetOrigin);
  try {
    await signInThere(context, fresh);
    return undefined;
  } catch (error) {
    if (!isDecampError(error, "account-unconfirmed")) {
      throw error;
    }
    return async () => void (await signInToTarget(context));
  } finally {
    await fresh.signOut();
  }
}

async function signInThere(context: Context, at: Pds): Promise<SessionInfo> {
  const { answers, identity, newHandle, options, services, signal, targetOrigin } = context;
  const handle = newHandle ?? identity.handle;
  // Without --to it is from a journal. Where that names an entryway, it is the identity that has named the host behind.
  const named = options.to === "" ? [targetOrigin] : namedIn(context);
  const owner = { past: pastOf(identity), handle, named };
  const info = await signIn(services, at, owner, answers, "targetPassword", signal);
  if (context.hasJournal && !context.switched && context.journal.state.signedIn !== true) {
    await context.note({ type: "signed-in" });
  }
  return info;
}

/** Origins of the servers that the person has named. */
function namedIn({ options: { from, to, allowPrivateHosts } }: Context): readonly string[] {
  return [from ?? "", to].flatMap((url) => (url === "" ? [] : [parseServerUrl(url, { allowPrivateHosts })]));
}
