/**
 * swap-key: the temporary key takes the place of the old server's signing key in the identity; nothing else changes. It
 * goes to the directory itself. A server that answers with an operation of its own is taken back, with its keys.
 */

import { timeAtDirectory } from "../../account/directory-time.ts";
import { readIdentity } from "../../account/read-identity.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import type { Context, Step } from "../context.ts";
import { changeByKey } from "../restore/change-by-key.ts";
import { isSwapped, planSwap, type SwapWish } from "../restore/swap.ts";
import { restoringOf } from "../restore/restore-options.ts";
import { requirePowerNow } from "./open-key.ts";

/** So often a server that answers is taken back. Each of its keys leaves, so it has no more answers than keys. */
const rounds = 4;

export const swapKey: Step = {
  id: "swap-key",
  only: "plc",
  done: async (context) => Promise.resolve(isDone(context)),
  run: async (context) => {
    for (let round = 1; ; round += 1) {
      await swap(context).catch((error: unknown) => {
        // Somebody was faster: what they made is looked at below.
        if (!isDecampError(error, "head-moved") || round > rounds) {
          throw error;
        }
        context.warn("identity-contested", error.message);
      });
      await lookAgain(context);
      requirePowerNow(context.plc.log, wishOf(context), context.services);
      if (isDone(context)) {
        return context.plc.log.head.cid;
      }
      if (round > rounds) {
        throw new DecampError("refused", "Somebody changes the identity as fast as it can be taken back.", {
          hint: `See who with decamp plc history ${context.identity.did}, then run the same command again.`,
        });
      }
    }
  },
};

function isDone(context: Context): boolean {
  return restoringOf(context).temporaryKey !== undefined && isSwapped(context.plc.log, wishOf(context));
}

function wishOf(context: Context): SwapWish {
  const { heldKeys, sourceRotationKeys, source } = context;
  const { temporaryKey, options } = restoringOf(context);
  if (temporaryKey === undefined) {
    throw new TypeError("there is no key yet");
  }
  const { nullify, dropKeys } = options;
  const serverKeys = sourceRotationKeys;
  return { temporaryKey: temporaryKey.didKey, heldKeys, serverKeys, nullify, dropKeys, home: source.origin };
}

/** Reads the identity as it is by now. */
async function lookAgain(context: Context): Promise<void> {
  context.identity = await readIdentity(context.services, context.identity.did, context.signal);
}

async function swap(context: Context): Promise<void> {
  const { services, plc: identity } = context;
  const { signer } = restoringOf(context);
  if (signer === undefined) {
    throw new TypeError("there is no key yet");
  }
  const plan = planSwap(identity.log, wishOf(context), timeAtDirectory(services));
  for (const { cid, createdAt, signer: by } of plan.nullified) {
    context.warn("taken-back", `This takes back the operation ${cid} of ${createdAt}, which ${by} has signed.`);
  }
  const made = await changeByKey(context, plan, signer, "temporary-key");
  // Between the last look and the sending somebody may have been faster, with a key of lower rank.
  for (const cid of made.nullified.filter((one) => !plan.nullified.some((entry) => entry.cid === one))) {
    context.warn(
      "taken-back",
      `Somebody changed the identity in the same moment: this took back the operation ${cid}.`,
    );
  }
}
