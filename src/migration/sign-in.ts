/** Signing in at either server of a migration. */

import { signIn } from "../account/sign-in.ts";
import type { SessionInfo } from "../services/session.ts";
import type { Context } from "./context.ts";

/** @throws DecampError `auth-refused`, `app-password`, `auth-factor-required`, `input-needed`, `refused` */
export async function signInToSource(context: Context): Promise<SessionInfo> {
  const { answers, identity, oldHandle, source, signal } = context;
  const question = { handle: oldHandle, host: source.host };
  const password = async (again: { again?: string }): Promise<string> =>
    answers.sourcePassword({ ...question, ...again });
  const info = await signIn(source, identity.did, answers, password, signal);
  context.email = info.email;
  return info;
}

/** @throws as `signInToSource` */
export async function signInToTarget({ answers, identity, newHandle, target, signal }: Context): Promise<SessionInfo> {
  const question = { handle: newHandle ?? identity.handle, host: target.host };
  const password = async (again: { again?: string }): Promise<string> =>
    answers.targetPassword({ ...question, ...again });
  return signIn(target, identity.did, answers, password, signal);
}
