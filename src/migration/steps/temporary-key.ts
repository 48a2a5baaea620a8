/**
 * temporary-key: a signing key that stands in the identity until the account has a server again. It signs one thing:
 * the token with which the new server makes the account. It is kept encrypted before anything names it, so that a run
 * that is killed goes on with it, and it is destroyed when the identity names it no more.
 */

import { readAnyIdentity, signingKeysOf, type AnyIdentity } from "../../account/web/any-identity.ts";
import { DecampError } from "../../errors.ts";
import { parseDidKey } from "../../identity/keys.ts";
import { removeFile } from "../../services/disk/plain-entries.ts";
import { fileSize } from "../../services/disk/files.ts";
import type { Context, Step } from "../context.ts";
import { temporaryKeyFile } from "../journal.ts";
import { lastOwnKey } from "../restore/swap.ts";
import { restoringOf } from "../restore/restore-options.ts";

export const temporaryKey: Step = {
  id: "temporary-key",
  done: async (context) => Promise.resolve(restoringOf(context).temporaryKey !== undefined),
  run: async (context) => {
    const { answers, identity, journal } = context;
    if (answers.temporaryKey === undefined) {
      throw new TypeError("nobody can keep a key");
    }
    const path = await keyFile(context);
    const { curve } = parseDidKey(ownKey(identity, journal.state.temporaryKeys ?? []));
    // A server that has the old document in its memory takes a key of another kind for a broken token.
    const key = await answers.temporaryKey({ path, curve });
    restoringOf(context).temporaryKey = key;
    if (journal.state.temporaryKey !== key.didKey) {
      await context.note({ type: "temporary-key", key: key.didKey });
    }
    return `kept encrypted in ${path}`;
  },
};

export const destroyKey: Step = {
  id: "destroy-key",
  done: async (context) =>
    context.journal.state.temporaryKey === undefined && (await fileSize(await keyFile(context))) === undefined,
  run: async (context) => {
    const { services, identity, signal, journal } = context;
    const now = await readAnyIdentity(services, identity.did, signal);
    if (journal.state.temporaryKey !== undefined && now.document.signingKey === journal.state.temporaryKey) {
      context.leave("temporary-key-named", "The identity still names the temporary key, so it is kept.");
      return "kept";
    }
    await removeFile(await keyFile(context));
    await context.note({ type: "temporary-key" });
    return undefined;
  },
};

/** The signing key that the account had before the temporary ones, as far as is known. */
function ownKey(identity: AnyIdentity, temporaryKeys: readonly string[]): string {
  if (identity.log !== undefined) {
    return lastOwnKey(identity.log, temporaryKeys);
  }
  const key = signingKeysOf(identity).find((one) => !temporaryKeys.includes(one));
  if (key === undefined) {
    throw new DecampError("identity-invalid", `The document of ${identity.did} names no signing key.`);
  }
  return key;
}

async function keyFile({ options, identity }: Context): Promise<string> {
  return temporaryKeyFile(options.stateDir, identity.did);
}
