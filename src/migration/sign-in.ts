/** Signing in at either server of a migration. */

import { signIn } from "../account/sign-in.ts";
import { noHandle } from "../identity/names.ts";
import type { SessionInfo } from "../services/servers/session.ts";
import type { Context } from "./context.ts";

/** @throws DecampError `auth-refused`, `app-password`, `auth-factor-required`, `input-needed`, `refused` */
export async function signInToSource(context: Context): Promise<SessionInfo> {
  const { answers, identity, oldHandle, source, signal } = context;
  const handle = oldHandle === noHandle ? undefined : oldHandle;
  const info = await signIn(source, { did: identity.did, handle }, answers, "sourcePassword", signal);
  context.email = info.email;
  return info;
}

/** @throws as `signInToSource` */
export async function signInToTarget({ answers, identity, newHandle, target, signal }: Context): Promise<SessionInfo> {
  const handle = newHandle ?? identity.handle;
  return signIn(target, { did: identity.did, handle }, answers, "targetPassword", signal);
}
