/** open-key: the user's rotation key, opened, tried, and judged by what it can do in the log as it is. */

import { timeAtDirectory } from "../../account/directory-time.ts";
import { trySigning } from "../../account/keep-key.ts";
import type { LogEntry } from "../../plc/log.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import { activeEntries } from "../../plc/recover.ts";
import { keysOfServer } from "../../plc/server-keys.ts";
import type { Context, Step } from "../context.ts";
import type { Restoring } from "../restore/restore-options.ts";
import { hostileAnswer, requireRestorePower } from "../restore/swap.ts";

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
    // What a server has made of an operation of ours is no reason to stop: it is taken back.
    const answer = hostileAnswer(log, context.journal.state.temporaryKey, heldKeys);
    const place = { heldKeys, nullify: answer?.cid ?? nullify };
    const base = requireRestorePower(log, place, timeAtDirectory(services));
    await trySigning(signer);
    restoring.signer = signer;
    context.heldKeys = heldKeys;
    const known = [...heldKeys, ...acceptKeys];
    const keysOf = (entry: LogEntry): readonly string[] => keysOfServer(log, entry.operation, known, dropKeys);
    context.sourceRotationKeys = [...new Set([...keysOf(base), ...keysOf(log.head)])];
    return signer.didKey;
  },
};

/** What a restore has; a step of one runs nowhere else. */
export function restoringOf({ restoring }: Context): Restoring {
  if (restoring === undefined) {
    throw new TypeError("a step of a restore runs in a restore");
  }
  return restoring;
}
