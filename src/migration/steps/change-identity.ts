/**
 * request-token, sign-operation and submit-operation: the change of the identity.
 *
 * Tricky bits:
 * - The operation is an edit of the verified head, so what nobody wanted to change stays.
 * - The old server spends the mailed code before it signs. So the signed operation is in the journal before anything
 *   else.
 * - What it signed is compared field by field before it is submitted, and the log is read back afterwards.
 */

import { planMove, requireNoErrors, type PlannedMove } from "../../account/plan-move.ts";
import { signByKey } from "../../account/sign-by-key.ts";
import { signByServer } from "../../account/sign-by-server.ts";
import { submitOperation as submit } from "../../account/submit.ts";
import { DecampError, isDecampError, withHint } from "../../errors.ts";
import { compareSigned, diffOperations, type SignedAnswer } from "../../plc/diff.ts";
import {
  contentOf,
  findSigner,
  rotationKeysOf,
  type PlcOperation,
  type UnsignedOperation,
} from "../../plc/operation.ts";
import { isOwnRefusal } from "../../services/servers/refusal.ts";
import { loadOperationJudges } from "../../services/second-opinion.ts";
import { pinnedCredentials } from "../checks/target-account.ts";
import type { Context, Step } from "../context.ts";
import { leftBehindNow } from "../left-out.ts";

export const requestToken: Step = {
  id: "request-token",
  only: "plc",
  done: restoreSigned,
  loadAhead: loadOperationJudges,
  run: async (context) => {
    const { answers, source, signal, email } = context;
    const planned = await planOperation(context);
    await confirmChange(context, planned);
    context.planned = planned.operation;
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
  only: "plc",
  done: (context) => Promise.resolve(context.signed !== undefined),
  run: async (context) => {
    const { answers, source, plc: identity, planned: asked, signal, email } = context;
    if (asked === undefined) {
      throw new TypeError("nothing is planned");
    }
    // What was confirmed, and not what the new server recommends by now.
    const { head } = identity.log;
    const { operation, cid } =
      answers.rotationKey === undefined
        ? await signByServer({ pds: source, asked, head, email }, answers, signal).catch(async (error: unknown) =>
            signForServer(context, asked, error),
          )
        : await signByKey(asked, await answers.rotationKey(rotationKeysOf(head.operation)), head);
    requireNoHiddenKey(context, operation);
    await context.note({ type: "signed", cid, operation: { ...operation } });
    context.signed = { operation, cid };
    return cid;
  },
};

export const submitOperation: Step = {
  id: "submit-operation",
  only: "plc",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { plc: identity, services, signed, target, sourceRotationKeys, heldKeys, options, signal } = context;
    if (signed === undefined) {
      throw new TypeError("nothing is signed");
    }
    const { recoverableUntil, undoKeys } = await submit(
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
        serverKeys: [...sourceRotationKeys, ...(options.acceptKeys ?? [])].filter((key) => !heldKeys.includes(key)),
      },
      signal,
    );
    context.recoverableUntil = recoverableUntil;
    context.undoKeys = undoKeys;
    context.switched = true;
    return signed.cid;
  },
};

/**
 * Some servers sign nothing that takes their own keys out of the identity. The key that was put first just before signs
 * in their place, where its private part is at hand: what is signed is the same, and who signs it is shown.
 *
 * @throws `error` where that is not what it says, and where nobody here can sign
 */
async function signForServer(context: Context, asked: UnsignedOperation, error: unknown): Promise<SignedAnswer> {
  const { source, plc: identity, options, answers, sourceRotationKeys } = context;
  const { head } = identity.log;
  const keys = rotationKeysOf(head.operation);
  const leaving = keys.some((key) => sourceRotationKeys.includes(key) && !asked.rotationKeys.includes(key));
  if (!leaving || !isOwnRefusal(error) || !/rotation ?key/i.test(String(error.data["detail"]))) {
    throw error;
  }
  const { proof } = options.addRecoveryKey ? ((await answers.newRotationKey?.()) ?? {}) : {};
  if (proof === undefined || !keys.includes(proof.didKey)) {
    throw withHint(
      error,
      `${source.host} signs nothing that takes its own keys out of the identity, so a rotation key of yours has to sign the move. Make one with decamp key generate -o FILE, then run the same command again with --recovery-key FILE: ${source.host} puts your key first, which takes nothing of its own out, and your key signs the move. If your key is in the identity already, name its file with --rotation-key-file.`,
    );
  }
  context.warn(
    "signed-by-key",
    `${source.host} signs nothing that takes its own keys out of the identity, so your key signs in its place: ${proof.didKey}`,
  );
  const planned = await planOperation(context, [proof.didKey]);
  if (diffOperations(asked, planned.operation).length > 0) {
    throw error; // the new server recommends something else by now: the next run asks for that
  }
  await confirmChange(context, planned);
  return signByKey(asked, proof, head);
}

/** The operation that moves the account, checked against every rule that is known. */
async function planOperation(context: Context, signers?: readonly string[]): Promise<PlannedMove> {
  const { plc: identity, source, target, sourceRotationKeys, heldKeys, newHandle, options, answers, signal } = context;
  const handle = newHandle ?? identity.handle;
  const [signer] = signers ?? (answers.rotationKey === undefined ? [] : heldKeys);
  const planned = await planMove(identity, target, sourceRotationKeys, handle, signal, {
    recommended: await pinnedCredentials(context),
    user: heldKeys,
    accepted: options.acceptKeys ?? [],
    ...(signer === undefined ? {} : { signers: [signer] }),
  });
  const unchanged = `Your account is still on ${source.host}, unchanged.`;
  // The old server of a restore may not even be there, and the identity has a temporary key.
  requireNoErrors(planned.findings, context.restoring === undefined ? unchanged : undefined);
  if (context.isUnseen) {
    requireOutranking(context, planned);
  }
  for (const { rule, message } of planned.findings) {
    context.warn(rule, message);
  }
  return planned;
}

/** @throws DecampError `refused` if no key of the user's would stand above the new server's */
function requireOutranking({ target }: Context, { facts }: PlannedMove): void {
  if (!facts.keys.some(({ owner, outranksServer }) => owner === "user" && outranksServer === true)) {
    throw new DecampError(
      "refused",
      `What ${target.host} has can be proved only after the identity has changed, and no key of yours would stand above its own then.`,
      {
        hint: "Run the same command again with --recovery-key FILE, which puts a key of yours first.",
        data: { reason: "no-way-back" },
      },
    );
  }
}

/**
 * The key that the old server signs with is its own, whatever it says. If that key would stay in the identity, the
 * server has hidden it.
 *
 * @throws DecampError `refused` with data `rotationKeys`
 */
function requireNoHiddenKey(
  { plc: identity, source, sourceRotationKeys, heldKeys, options, answers }: Context,
  operation: PlcOperation,
): void {
  const signer = findSigner(operation, rotationKeysOf(identity.log.head.operation));
  const known = [...sourceRotationKeys, ...heldKeys, ...(options.acceptKeys ?? [])];
  if (
    answers.rotationKey !== undefined ||
    signer === undefined ||
    known.includes(signer) ||
    !operation.rotationKeys.includes(signer)
  ) {
    return;
  }
  throw new DecampError(
    "refused",
    `${source.host} signed with a key that it does not call its own, and that would stay: ${signer}.`,
    {
      hint: `If you know whose it is and want it to stay, add --accept-key ${signer}`,
      data: { reason: "keys-in-doubt", rotationKeys: [signer] },
    },
  );
}

/** Takes up the operation that an earlier run got signed, if it is still the one to submit. */
async function restoreSigned(context: Context): Promise<boolean> {
  const { journal, plc: identity } = context;
  const { signed } = journal.state;
  if (signed === undefined) {
    return false;
  }
  const planned = await planOperation(context);
  try {
    context.signed = compareSigned(planned.operation, signed.operation, identity.log.head);
  } catch (error) {
    if (isDecampError(error, "operation-differs", "head-moved")) {
      return false; // made for another head or another plan: a new one is needed
    }
    throw error;
  }
  requireNoHiddenKey(context, context.signed.operation);
  await confirmChange(context, planned);
  return true;
}

/** Shows the change, and has it confirmed. */
async function confirmChange(context: Context, { operation, facts }: PlannedMove): Promise<void> {
  const { answers, plc: identity, report } = context;
  const { did, handle, log } = identity;
  const before = contentOf(log.head.operation);
  if (before === undefined) {
    throw new DecampError("identity-invalid", `${did} was given up.`);
  }
  const differences = diffOperations(before, operation);
  const change = {
    did,
    handle,
    differences,
    facts,
    ...leftBehindNow(context),
    ...(context.isUnseen ? { provedLater: true as const } : {}),
  };
  report({ type: "identity", ...change });
  await answers.confirmIdentityChange(change);
}
