/** sign-in: a session at the old server, with the account's own password. */

import { requirePower } from "../../account/sign-by-key.ts";
import { objectionOf } from "../../account/add-key.ts";
import { ownCredentials, requireNoDoubt } from "../../account/plan-move.ts";
import { DecampError } from "../../errors.ts";
import { powerlessKeys } from "../../plc/came-alone.ts";
import { contentOf, rotationKeysOf } from "../../plc/operation.ts";
import type { RecommendedCredentials } from "../../plc/update.ts";
import type { SessionInfo } from "../../services/servers/session.ts";
import { loadLexicons } from "../../services/servers/xrpc.ts";
import { belowServer } from "../checks/identity.ts";
import { requireWayBack } from "../checks/unseen.ts";
import type { Context, Step } from "../context.ts";
import { signInToSource } from "../sign-in.ts";
import { requireReadable } from "./freeze.ts";
import { newKey } from "./recovery-key.ts";

export const signIn: Step = {
  id: "sign-in",
  done: ({ source }) => Promise.resolve(source.isSignedIn),
  loadAhead: loadLexicons,
  run: async (context) => {
    const session = await signInToSource(context);
    if (context.isFrozen && !context.options.freeze && !context.switched) {
      await requireReadable(context); // whoever has deactivated it
    }
    if (context.identity.log === undefined) {
      return undefined; // no server signs a change of its identity
    }
    if (context.answers.rotationKey === undefined) {
      warnAboutMail(context, session);
    }
    if (context.switched) {
      return undefined; // only the data is missing: nothing has to be signed here
    }
    const { source, plc: identity, options, signal } = context;
    const signer = await openSigner(context);
    const added = options.addRecoveryKey ? (await newKey(context)).key : undefined;
    context.heldKeys = [signer, added].filter((key) => key !== undefined);
    const own = await ownCredentials(source, signal);
    requireNoDoubt(identity.log, source.host, own?.rotationKeys, {
      user: context.heldKeys,
      accepted: options.acceptKeys ?? [],
    });
    context.sourceRotationKeys = own?.rotationKeys ?? [];
    if (signer === undefined) {
      requireSigningPower(context);
    }
    if (options.proveAfterActivation) {
      await requireWayBack(context);
    }
    if (options.addRecoveryKey) {
      requireTakesKey(context, own);
    } else {
      warnAboutOwnKeys(context);
    }
    return undefined;
  },
};

/** The code that the move needs comes by mail: to an address that nobody has confirmed it may never come. */
function warnAboutMail({ source, warn }: Context, { email, emailConfirmed }: SessionInfo): void {
  if (email === undefined) {
    warn(
      "email-unknown",
      `${source.host} names no e-mail address of yours. The move needs a code from that server: make sure that you know how it comes to you.`,
    );
  } else if (emailConfirmed === false) {
    warn(
      "email-unconfirmed",
      `${email} was never confirmed at ${source.host}. The code that the move needs goes there: make sure that you can read it.`,
    );
  }
}

/**
 * Opens the key that is to sign in place of the server: now, and not only after hours of transferring data, since a key
 * may not fit, and a passphrase be forgotten.
 *
 * @returns its did:key; undefined where the server signs
 * @throws DecampError `refused` if the key may not sign; what opening it throws
 */
async function openSigner({ answers, plc: identity }: Context): Promise<string | undefined> {
  const keys = rotationKeysOf(identity.log.head.operation);
  const signer = await answers.rotationKey?.(keys);
  if (signer !== undefined) {
    requirePower(signer.didKey, keys);
  }
  return signer?.didKey;
}

/** @throws DecampError `refused` if the server that is to sign the change of the identity cannot */
function requireSigningPower({ plc: identity, source, sourceRotationKeys }: Context): void {
  const keys = rotationKeysOf(identity.log.head.operation);
  if (sourceRotationKeys.length > 0 && !sourceRotationKeys.some((key) => keys.includes(key))) {
    throw new DecampError(
      "refused",
      `${source.host} holds no rotation key of the identity, so it cannot sign the move.`,
      {
        hint: "Somebody has taken its keys out of the identity. Sign with a rotation key of your own: --rotation-key-file.",
      },
    );
  }
}

/** @throws DecampError `refused` if the server would not submit the operation that adds a key */
function requireTakesKey({ plc: identity, source }: Context, own: RecommendedCredentials | undefined): void {
  const content = contentOf(identity.log.head.operation);
  const objection = content === undefined ? undefined : objectionOf(source, content, own);
  if (objection !== undefined) {
    throw new DecampError("refused", `${source.host} would not submit the operation that adds your key: ${objection}`, {
      hint: "Add the key by itself, then move without --recovery-key:",
      data: { next: ["plc", "add-key", identity.did, "KEY", "--via", "directory"] },
    });
  }
}

/** Without a key of one's own, and a powerful one, only the new server can change the identity from then on. */
function warnAboutOwnKeys({ plc: identity, sourceRotationKeys, warn }: Context): void {
  const { did, log } = identity;
  const keys = rotationKeysOf(log.head.operation);
  const own = keys.filter((key) => !sourceRotationKeys.includes(key));
  if (sourceRotationKeys.length > 0 && own.length === 0) {
    warn(
      "no-own-key",
      "The identity has no rotation key of your own. After the move only your new server can change it, and you could not leave a server that refuses to help, nor take the move back. --recovery-key adds one first.",
    );
  }
  const lastOfServer = keys.findLastIndex((key) => sourceRotationKeys.includes(key));
  const told = powerlessKeys(log);
  for (const key of lastOfServer < 0 ? [] : keys.slice(lastOfServer + 1).filter((one) => !told.includes(one))) {
    warn("key-below-server", belowServer(key), ["plc", "add-key", did, key]);
  }
}
