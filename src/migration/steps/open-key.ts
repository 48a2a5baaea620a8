/** open-key: the user's rotation key, opened, tried, and judged by what it can do in the log as it is. */

import { timeAtDirectory } from "../../account/directory-time.ts";
import { trySigning } from "../../account/keep-key.ts";
import type { Signer } from "../../account/sign-by-key.ts";
import { mostRotationKeys } from "../../plc/check.ts";
import type { LogEntry, VerifiedLog } from "../../plc/log.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import { activeEntries } from "../../plc/recover.ts";
import { findJournal } from "../journal.ts";
import { belowServer } from "../checks/identity.ts";
import type { Context, Step } from "../context.ts";
import { restoringOf } from "../restore/restore-options.ts";
import { keysApart, requireKeysSettled, type KeysApart } from "../restore/keys-apart.ts";
import { baseOf, hostileAnswer, requireRestorePower, type SwapWish } from "../restore/swap.ts";

export const openKey: Step = {
  id: "open-key",
  only: "plc",
  done: async (context) => Promise.resolve(restoringOf(context).signer !== undefined),
  run: async (context) => {
    const { answers, plc: identity } = context;
    if (answers.rotationKey === undefined) {
      throw new TypeError("nobody has named the rotation key");
    }
    // The head may have lost the key: what came before it counts, too.
    const keys = new Set(
      activeEntries(identity.log)
        .toReversed()
        .flatMap(({ operation }) => rotationKeysOf(operation)),
    );
    return useKey(context, await answers.rotationKey([...keys]));
  },
};

/** In a dry run: tries the key if that takes no question. */
export async function tryKeyAtHand(context: Context): Promise<void> {
  const signer = await context.answers.keyAtHand?.();
  if (signer === undefined) {
    context.warn(
      "key-not-tried",
      "The rotation key was not tried: a dry run asks for no key. Name its file with --rotation-key-file, and its passphrase with --passphrase-file, and it is.",
    );
  } else {
    await useKey(context, signer);
  }
}

/** Judges the key, tries it, and settles what it is used with. @returns its did:key */
async function useKey(context: Context, signer: Signer): Promise<string> {
  const { plc: identity, services, options, targetOrigin } = context;
  const { log } = identity;
  const restoring = restoringOf(context);
  const held = signer.didKey;
  const { nullify, dropKeys } = restoring.options;
  const apart = keysApart(log, held, restoring.options);
  const { temporaryKey } = (await findJournal(options.stateDir, identity.did, targetOrigin)) ?? {};
  const wish = { temporaryKey, heldKeys: [held], serverKeys: apart.servers, nullify };
  requirePowerNow(log, wish, services);
  await trySigning(signer);
  const base = baseOf(log, wish, timeAtDirectory(services));
  requireKeysSettled(log, base, apart, { held, dropKeys });
  warnOfKeys(context, base, held, apart);
  restoring.signer = signer;
  context.heldKeys = [held];
  context.sourceRotationKeys = apart.servers;
  return held;
}

/** Says whose the other rotation keys are taken to be: nobody but their owner knows. */
function warnOfKeys(
  { plc: identity, warn }: Context,
  base: LogEntry,
  held: string,
  { known, servers }: KeysApart,
): void {
  const { did, log } = identity;
  const keys = rotationKeysOf(base.operation);
  const signers = new Set(log.entries.map(({ signer }) => signer));
  for (const key of keys.filter((one) => !known.includes(one))) {
    if (!servers.includes(key)) {
      warn(
        "key-stays",
        `The rotation key ${key} stays: a key of yours has put it there. If it is not yours, add --drop-key ${key}`,
      );
    } else if (!signers.has(key)) {
      warn(
        "key-leaves",
        `The rotation key ${key} leaves: it came with a server, and has never signed. If it is yours, add --accept-key ${key}`,
      );
    }
  }
  const above = keys.slice(0, Math.max(0, keys.indexOf(held))).filter((key) => servers.includes(key));
  if (above.length > 0) {
    warn("key-below-server", belowServer(held), ["plc", "add-key", did, held]);
    warn(
      "server-can-undo",
      `The old server can take back both changes of a restore, for 72 hours each, with ${above.join(" or ")}.`,
    );
  }
  if (keys.filter((key) => !servers.includes(key)).length === mostRotationKeys - 1) {
    warn(
      "keys-nearly-full",
      "There is place for one rotation key of the new server's. If it has one for recovery, too, --drop-key has to make place.",
    );
  }
}

/** @throws DecampError as `requireRestorePower` */
export function requirePowerNow(
  log: VerifiedLog,
  wish: Pick<SwapWish, "heldKeys" | "serverKeys" | "nullify"> & { readonly temporaryKey: string | undefined },
  services: Parameters<typeof timeAtDirectory>[0],
): void {
  const now = timeAtDirectory(services);
  // What a server has made of an operation of ours is no reason to stop: it is taken back.
  const answer = hostileAnswer(log, wish, now);
  requireRestorePower(log, { heldKeys: wish.heldKeys, nullify: answer?.cid ?? wish.nullify }, now);
}
