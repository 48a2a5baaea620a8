/**
 * request-token, sign-operation and submit-operation: the change of the identity.
 *
 * Tricky bits:
 * - The operation is an edit of the verified head, so what nobody wanted to change stays.
 * - The old server spends the mailed code before it signs. So the signed operation is in the journal before anything else.
 * - What it signed is compared field by field before it is submitted, and the log is read back afterwards.
 */

import { planMove, requireNoErrors } from "../../account/plan-move.ts";
import { signByKey } from "../../account/sign-by-key.ts";
import { signByServer } from "../../account/sign-by-server.ts";
import { submitOperation as submit } from "../../account/submit.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { compareSigned, diffOperations } from "../../plc/diff.ts";
import { contentOf, rotationKeysOf, type UnsignedOperation } from "../../plc/operation.ts";
import type { Context, Step } from "../context.ts";

export const requestToken: Step = {
  id: "request-token",
  done: restoreSigned,
  run: async (context) => {
    const { answers, source, signal, email } = context;
    const planned = await planOperation(context);
    await confirmChange(context, planned);
    context.planned = planned;
    if (answers.rotationKey !== undefined) {
      return "not needed: your own key signs";
    }
    if (answers.hasPlcToken) {
      return "the code was given";
    }
    await source.requestPlcToken(signal);
    return `mailed${email === undefined ? "" : ` to ${email}`}`;
  },
};

export const signOperation: Step = {
  id: "sign-operation",
  done: (context) => Promise.resolve(context.signed !== undefined),
  run: async (context) => {
    const { answers, source, identity, planned: asked, signal, email } = context;
    if (asked === undefined) {
      throw new TypeError("nothing is planned");
    }
    // What was confirmed, and not what the new server recommends by now.
    const { head } = identity.log;
    const { operation, cid } =
      answers.rotationKey === undefined
        ? await signByServer({ pds: source, asked, head, email }, answers, signal)
        : await signByKey(asked, await answers.rotationKey(rotationKeysOf(head.operation)), head);
    await context.note({ type: "signed", cid, operation: { ...operation } });
    context.signed = { operation, cid };
    return cid;
  },
};

export const submitOperation: Step = {
  id: "submit-operation",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { identity, services, signed, target, signal } = context;
    if (signed === undefined) {
      throw new TypeError("nothing is signed");
    }
    const { recoverableUntil } = await submit(
      services,
      {
        ...signed,
        did: identity.did,
        plannedHead: identity.log.head.cid,
        send: async (operation, stop) => {
          context.sent = true;
          await target.submitPlcOperation(operation, stop);
        },
        host: target.host,
      },
      signal,
    );
    context.recoverableUntil = recoverableUntil;
    context.switched = true;
    return signed.cid;
  },
};

/** The operation that moves the account, checked against every rule that is known. */
async function planOperation(context: Context): Promise<UnsignedOperation> {
  const { identity, source, target, sourceRotationKeys, newHandle, signal } = context;
  const handle = newHandle ?? identity.handle;
  const { operation, findings } = await planMove(identity, target, sourceRotationKeys, handle, signal);
  requireNoErrors(findings, `Your account is still on ${source.host}, unchanged.`);
  for (const { rule, message } of findings) {
    context.warn(rule, message);
  }
  return operation;
}

/** Takes up the operation that an earlier run got signed, if it is still the one to submit. */
async function restoreSigned(context: Context): Promise<boolean> {
  const { journal, identity } = context;
  const { signed } = journal.state;
  if (signed === undefined) {
    return false;
  }
  try {
    context.signed = compareSigned(await planOperation(context), signed.operation, identity.log.head);
  } catch (error) {
    if (isDecampError(error, "operation-differs", "head-moved")) {
      return false; // made for another head or another plan: a new one is needed
    }
    throw error;
  }
  await confirmChange(context, context.signed.operation);
  return true;
}

/** Shows the change, and has it confirmed. */
async function confirmChange({ answers, identity, report }: Context, planned: UnsignedOperation): Promise<void> {
  const { did, handle, log } = identity;
  const before = contentOf(log.head.operation);
  if (before === undefined) {
    throw new DecampError("identity-invalid", `${did} was given up.`);
  }
  const differences = diffOperations(before, planned);
  report({ type: "identity", did, handle, differences });
  await answers.confirmIdentityChange({ did, handle, differences });
}
