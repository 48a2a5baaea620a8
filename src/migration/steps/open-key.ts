/** open-key: the user's rotation key, opened, tried, and judged by what it can do in the log as it is. */

import { timeAtDirectory } from "../../account/directory-time.ts";
import { trySigning } from "../../account/keep-key.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import { activeEntries } from "../../plc/recover.ts";
import { keysOfServer } from "../../plc/server-keys.ts";
import { belowServer } from "../checks/identity.ts";
import type { Context, Step } from "../context.ts";
import { restoringOf } from "../restore/restore-options.ts";
import { hostileAnswer, requireRestorePower, type SwapWish } from "../restore/swap.ts";

export const openKey: Step = {
  id: "open-key",
  done: async (context) => Promise.resolve(restoringOf(context).signer !== undefined),
  run: async (context) => {
    const { answers, identity, services } = context;
    const restoring = restoringOf(context);
    if (answers.rotationKey === undefined) {
      throw new TypeError("nobody has named the rotation key");
    }
    const { log } = identity;
    // The head may have lost the key: what came before it counts, too.
    const keys = new Set(
      activeEntries(log)
        .toReversed()
        .flatMap(({ operation }) => rotationKeysOf(operation)),
    );
    const signer = await answers.rotationKey([...keys]);
    const heldKeys = [signer.didKey];
    const { nullify, acceptKeys = [], dropKeys = [] } = restoring.options;
    const known = [...heldKeys, ...acceptKeys];
    const serverKeys = [
      ...new Set(activeEntries(log).flatMap(({ operation }) => keysOfServer(log, operation, known, dropKeys))),
    ];
    requirePowerNow(log, { temporaryKey: context.journal.state.temporaryKey, heldKeys, serverKeys, nullify }, services);
    await trySigning(signer);
    warnOfKeys(context, signer.didKey, serverKeys, known);
    restoring.signer = signer;
    context.heldKeys = heldKeys;
    context.sourceRotationKeys = serverKeys;
    return signer.didKey;
  },
};

/** Says whose the other rotation keys are taken to be: nobody but their owner knows. */
function warnOfKeys(
  { identity, warn }: Context,
  held: string,
  serverKeys: readonly string[],
  known: readonly string[],
): void {
  const { did, log } = identity;
  const keys = rotationKeysOf(log.head.operation);
  const signers = new Set(log.entries.map(({ signer }) => signer));
  for (const key of keys.filter((one) => !known.includes(one))) {
    if (!serverKeys.includes(key)) {
      warn(
        "key-stays",
        `The rotation key ${key} stays: it came by itself, so it is most likely yours. If it is not, add --drop-key ${key}`,
      );
    } else if (!signers.has(key)) {
      warn(
        "key-leaves",
        `The rotation key ${key} leaves: it came with a server, and has never signed. If it is yours, add --accept-key ${key}`,
      );
    }
  }
  if (keys.slice(0, Math.max(0, keys.indexOf(held))).some((key) => serverKeys.includes(key))) {
    warn("key-below-server", belowServer(did, held));
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
