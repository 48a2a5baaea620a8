/** sign-in: a session at the old server, with the account's own password. */

import { serverRotationKeys } from "../../account/plan-move.ts";
import { isDecampError } from "../../errors.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import type { Context, Step } from "../context.ts";
import { signInToSource } from "../sign-in.ts";

export const signIn: Step = {
  id: "sign-in",
  // After the point of no return the old server is not needed any more.
  done: (context) => Promise.resolve(context.moved || context.source.isSignedIn),
  run: async (context) => {
    await signInToSource(context);
    try {
      context.sourceRotationKeys = await serverRotationKeys(context.source, context.signal);
    } catch (error) {
      if (!isDecampError(error, "server-refused", "bad-answer")) {
        throw error;
      }
      context.warn(
        "source-keys-unknown",
        "Your old server does not say which rotation keys are its own, so they stay in the identity.",
      );
    }
    warnWithoutOwnKey(context);
    return undefined;
  },
};

/** Without a key of one's own, only the new server can change the identity from then on. */
function warnWithoutOwnKey(context: Context): void {
  const { identity, sourceRotationKeys } = context;
  const own = rotationKeysOf(identity.log.head.operation).filter((key) => !sourceRotationKeys.includes(key));
  if (sourceRotationKeys.length > 0 && own.length === 0) {
    context.warn(
      "no-own-key",
      "The identity has no rotation key of your own. After the move only your new server can change it, and you could not leave a server that refuses to help.",
    );
  }
}
