/** sign-in: a session at the old server, with the account's own password. */

import { requirePower } from "../../account/sign-by-key.ts";
import { serverRotationKeys } from "../../account/plan-move.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import type { SessionInfo } from "../../services/session.ts";
import type { Context, Step } from "../context.ts";
import { signInToSource } from "../sign-in.ts";
import { newKey } from "./recovery-key.ts";

export const signIn: Step = {
  id: "sign-in",
  done: ({ source }) => Promise.resolve(source.isSignedIn),
  run: async (context) => {
    const session = await signInToSource(context);
    if (context.answers.rotationKey === undefined) {
      warnAboutMail(context, session);
    }
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
    if (context.switched) {
      return undefined; // only the data is missing: nothing has to be signed here
    }
    await requireSigningPower(context);
    if (context.options.addRecoveryKey) {
      await newKey(context);
    } else {
      warnWithoutOwnKey(context);
    }
    return undefined;
  },
};

/** The code that the move needs comes by mail: to an address that nobody has confirmed it may never come. */
function warnAboutMail({ source, warn }: Context, { email, emailConfirmed }: SessionInfo): void {
  if (email === undefined) {
    warn("email-unknown", `${source.host} names no e-mail address of yours. The code that the move needs goes there.`);
  } else if (emailConfirmed === false) {
    warn(
      "email-unconfirmed",
      `${email} was never confirmed at ${source.host}. The code that the move needs goes there: make sure that you can read it.`,
    );
  }
}

/** @throws DecampError `refused` if the one who is to sign the change of the identity cannot; what opening the key throws */
async function requireSigningPower({ answers, identity, source, sourceRotationKeys }: Context): Promise<void> {
  const keys = rotationKeysOf(identity.log.head.operation);
  if (answers.rotationKey !== undefined) {
    // Now, and not only after hours of transferring data: a key that does not fit, a passphrase that is forgotten.
    requirePower((await answers.rotationKey(keys)).didKey, keys);
    return;
  }
  if (sourceRotationKeys.length > 0 && !sourceRotationKeys.some((key) => keys.includes(key))) {
    throw new DecampError(
      "refused",
      `${source.host} holds no rotation key of the identity, so it cannot sign the move.`,
      {
        hint: "Nothing was changed. Somebody has taken its keys out of the identity. Sign with a rotation key of your own: --rotation-key-file.",
      },
    );
  }
}

/** Without a key of one's own, only the new server can change the identity from then on. */
function warnWithoutOwnKey(context: Context): void {
  const { identity, sourceRotationKeys } = context;
  const own = rotationKeysOf(identity.log.head.operation).filter((key) => !sourceRotationKeys.includes(key));
  if (sourceRotationKeys.length > 0 && own.length === 0) {
    context.warn(
      "no-own-key",
      "The identity has no rotation key of your own. After the move only your new server can change it, and you could not leave a server that refuses to help, nor take the move back. --recovery-key adds one first.",
    );
  }
}
