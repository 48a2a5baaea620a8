/**
 * request-token, sign-operation and submit-operation: the change of the identity.
 *
 * Tricky bits:
 * - The operation is an edit of the verified head, so what nobody wanted to change stays.
 * - The old server spends the mailed code before it signs. So the signed operation is in the journal before anything else.
 * - What it signed is compared field by field before it is submitted, and the log is read back afterwards: a 200 is no proof.
 * - Submitting twice is refused by the directory. After a lost answer the log decides.
 */

import { DecampError, isDecampError } from "../../errors.ts";
import { checkOperation } from "../../plc/check.ts";
import { compareSigned, diffOperations } from "../../plc/diff.ts";
import { verifyLog, recoveryWindow, type LogEntry } from "../../plc/log.ts";
import { normalizeOperation, type UnsignedOperation } from "../../plc/operation.ts";
import { moveOperation, parseRecommended } from "../../plc/update.ts";
import type { Context, Step } from "../context.ts";

/** How often a code may be wrong before a new run is needed. */
const tries = 5;
/** A directory may lag: how often the log is read after the submission, and the pause (milliseconds). */
const lag = { attempts: 10, pause: 1000 };

export const requestToken: Step = {
  id: "request-token",
  done: async (context) => context.moved || (await restoreSigned(context)),
  run: async (context) => {
    const { answers, identity, report, source, signal } = context;
    const planned = await planOperation(context);
    const { did, log, handle } = identity;
    const { operation } = log.head;
    if (operation.type === "plc_tombstone") {
      throw new DecampError("identity-invalid", `${did} was given up.`);
    }
    const differences = diffOperations(normalizeOperation(operation), planned);
    report({ type: "identity", did, handle, differences });
    await answers.confirmIdentityChange({ did, handle, differences });
    if (answers.hasPlcToken) {
      return "the code was given";
    }
    await source.requestPlcToken(signal);
    return `mailed${context.email === undefined ? "" : ` to ${context.email}`}`;
  },
};

export const signOperation: Step = {
  id: "sign-operation",
  done: (context) => Promise.resolve(context.moved || context.signed !== undefined),
  run: async (context) => {
    const { answers, source, identity, journal, signal, email } = context;
    const asked = await planOperation(context);
    const { rotationKeys, verificationMethods, alsoKnownAs, services } = asked;
    let again: string | undefined;
    for (let count = 1; ; count += 1) {
      const token = await answers.plcToken({
        ...(email === undefined ? {} : { email }),
        ...(again === undefined ? {} : { again }),
      });
      try {
        const fields = { rotationKeys, verificationMethods, alsoKnownAs, services };
        const answered = await source.signPlcOperation(token.trim(), fields, signal);
        const { operation, cid } = compareSigned(asked, answered, identity.log.head);
        await journal.append({ type: "signed", cid, operation: { ...operation } });
        context.signed = { operation, cid };
        return cid;
      } catch (error) {
        if (!isDecampError(error, "plc-token-refused")) {
          throw error;
        }
        if (!answers.canAskAgain || count >= tries) {
          throw answers.hasPlcToken
            ? new DecampError(error.code, error.message, {
                hint: "Nothing is lost. Run the same command again without that code: then a new mail is asked for.",
                cause: error,
              })
            : error;
        }
        again = error.message;
        if (/expired/.test(again)) {
          await source.requestPlcToken(signal);
          again = `${again} A new one is on its way.`;
        }
      }
    }
  },
};

export const submitOperation: Step = {
  id: "submit-operation",
  done: (context) => Promise.resolve(context.moved),
  run: async (context) => {
    const { identity, services, signed, target, signal } = context;
    if (signed === undefined) {
      throw new TypeError("nothing is signed");
    }
    const { cid: head } = (await readHead(context)) ?? {};
    if (head !== identity.log.head.cid) {
      throw new DecampError("head-moved", "Somebody else changed the identity of this account meanwhile.", {
        data: { expected: identity.log.head.cid, found: head },
      });
    }
    let failure: DecampError | undefined;
    try {
      await target.submitPlcOperation(signed.operation, signal);
    } catch (error) {
      if (!isDecampError(error)) {
        throw error;
      }
      failure = error; // the log says whether it was taken all the same
    }
    for (let attempt = 1; ; attempt += 1) {
      const entry = await readHead(context);
      if (entry?.cid === signed.cid) {
        context.recoverableUntil = new Date(Date.parse(entry.createdAt) + recoveryWindow).toISOString();
        context.moved = true;
        return signed.cid;
      }
      if (failure !== undefined && !isLostAnswer(failure)) {
        throw failure;
      }
      if (attempt >= lag.attempts) {
        throw (
          failure ?? new DecampError("refused", `The directory does not have the operation that ${target.host} took.`)
        );
      }
      await services.sleep(lag.pause, signal);
    }
  },
};

/** The head of the log, read anew and verified. */
async function readHead({ services, identity, signal }: Context): Promise<LogEntry | undefined> {
  return verifyLog(identity.did, await services.directory.auditLog(identity.did, signal)).head;
}

/** The operation that moves the account, checked against every rule that is known. */
async function planOperation(context: Context): Promise<UnsignedOperation> {
  const { identity, source, target, sourceRotationKeys, newHandle, signal } = context;
  const recommended = parseRecommended(await target.recommendedCredentials(signal));
  if (recommended.pds.endpoint !== target.origin) {
    throw new DecampError(
      "refused",
      `${target.host} wants to be named as ${recommended.pds.endpoint} in the identity.`,
      {
        hint: "Give that address with --to, if it is the server that you want.",
      },
    );
  }
  const { head } = identity.log;
  const handle = newHandle ?? identity.handle;
  const operation = moveOperation(head, {
    target: recommended,
    sourceRotationKeys,
    oldHandle: identity.handle,
    newHandle: handle,
  });
  const before = head.operation.type === "plc_tombstone" ? [] : normalizeOperation(head.operation).rotationKeys;
  const findings = checkOperation(operation, {
    userKeys: before.filter((key) => !sourceRotationKeys.includes(key)),
    headKeys: before,
    expectedKeys: recommended.rotationKeys,
    leavingKeys: sourceRotationKeys,
    endpoint: target.origin,
    signingKey: recommended.signingKey,
    handle,
  });
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) {
    throw new DecampError("refused", `The identity cannot be changed like this: ${errors[0]?.message ?? ""}`, {
      hint: `Your account is still on ${source.host}, unchanged.`,
      data: { rules: errors.map(({ rule }) => rule) },
    });
  }
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
  const { did, handle, log } = identity;
  const { operation } = log.head;
  const before = operation.type === "plc_tombstone" ? undefined : normalizeOperation(operation);
  const differences = before === undefined ? [] : diffOperations(before, context.signed.operation);
  context.report({ type: "identity", did, handle, differences });
  await context.answers.confirmIdentityChange({ did, handle, differences });
  return true;
}

function isLostAnswer(error: unknown): boolean {
  return (
    isDecampError(error, "unreachable", "bad-answer") || (isDecampError(error) && Number(error.data["status"]) >= 500)
  );
}
