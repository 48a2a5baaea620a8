/** Undoing an unwanted operation with a key that stood above its signer: found, planned, signed, submitted. */

import { DecampError, isDecampError } from "../errors.ts";
import type { Cid } from "../data/cid.ts";
import type { OperationFinding } from "../plc/check.ts";
import { judgeOperation } from "../plc/judge.ts";
import type { VerifiedLog } from "../plc/log.ts";
import { rotationKeysOf } from "../plc/operation.ts";
import { predecessorAt } from "../plc/place.ts";
import { findRecoveries, findUnwanted, planRecovery, recoveryOperation, type Recovery } from "../plc/recover.ts";
import { carryOut, type ChangeOptions, type ChangeParts, type ChangePlan, type ChangeResult } from "./change.ts";
import { span } from "./directory-time.ts";
import type { AccountLog } from "./find.ts";
import { signByKey, type Signer } from "./sign-by-key.ts";

/** What is to be undone, as the user says it. */
export interface RecoveryWish {
  /** The CID of the operation that is to be undone; the one that looks unwanted by itself unless given. */
  readonly unwanted?: Cid | undefined;
  /** The did:keys that the user holds. */
  readonly heldKeys: readonly string[];
  /** Keys that are not to come back, such as that of a server which is not trusted any more. */
  readonly dropKeys?: readonly string[] | undefined;
}

/** A recovery that nobody has signed yet. */
export interface RecoveryPlan extends ChangePlan {
  readonly recovery: Recovery;
}

/**
 * Plans the operation that undoes another. Where the clocks are too far apart, nothing is taken for too late: the
 * directory alone decides, and a finding says so.
 *
 * @param now epoch milliseconds by the directory's clock
 * @param apart milliseconds by which that clock is ahead of ours, where it is too far (`clocksApart`)
 * @throws DecampError `refused` with data `reason` as `planRecovery`; or `nothing-unwanted`, with data `candidates`,
 *   when no operation is named and none looks unwanted by itself
 */
export function planAccountRecovery(
  account: AccountLog,
  wish: RecoveryWish,
  now: number,
  apart?: number,
): RecoveryPlan {
  const { log } = account;
  const { heldKeys, dropKeys = [] } = wish;
  const judged = apart === undefined ? now : undefined;
  const recovery =
    wish.unwanted === undefined
      ? findTheUnwanted(account, heldKeys, judged)
      : planRecovery(log, { unwanted: wish.unwanted, heldKeys, now: judged });
  for (const key of dropKeys) {
    if (!rotationKeysOf(recovery.fork.operation).includes(key)) {
      throw new DecampError("refused", `This key would not come back anyway: ${key}.`);
    }
  }
  const operation = recoveryOperation(recovery, dropKeys);
  const userKeys = rotationKeysOf(recovery.fork.operation).filter((key) => heldKeys.includes(key));
  const judgement = judgeOperation(
    log,
    operation,
    { userKeys, leavingKeys: dropKeys, known: { user: heldKeys, signers: heldKeys } },
    now,
  );
  const { signer, createdAt } = recovery.unwanted;
  const findings = [
    ...judgement.findings,
    ...clocksDiffer(apart, createdAt),
    ...(operation.rotationKeys.includes(signer)
      ? [
          warning(
            "plc/signer-stays",
            `The key that signed the unwanted operation stays, and can do the same again: ${signer}.`,
          ),
        ]
      : []),
  ];
  return { account, recovery, operation, judgement: { ...judgement, findings } };
}

/** Signs and submits it. @throws DecampError as `signByKey` and `carryOut` */
export async function recoverAccount(
  parts: ChangeParts,
  plan: RecoveryPlan,
  signer: Signer,
  options: ChangeOptions,
): Promise<ChangeResult> {
  return carryOut(parts, plan, options, async () =>
    signByKey(plan.operation, signer, predecessorAt(plan.judgement.place)),
  );
}

/**
 * What is to be said where it cannot be known whether an operation can still be undone.
 *
 * @param apart milliseconds by which the directory's clock is ahead of ours, where it is too far (`clocksApart`)
 * @param createdAt when the log says that the operation was made
 */
export function clocksDiffer(apart: number | undefined, createdAt: string): readonly OperationFinding[] {
  return apart === undefined
    ? []
    : [
        warning(
          "plc/clocks-differ",
          `The clocks of this machine and of the directory are ${span(apart)} apart, so it cannot be said whether the 72 hours are over: the directory decides. By the log, the unwanted operation is of ${createdAt}.`,
        ),
      ];
}

function warning(rule: string, message: string): OperationFinding {
  return { rule, severity: "warning", message };
}

function findTheUnwanted({ log }: AccountLog, heldKeys: readonly string[], now: number | undefined): Recovery {
  const found = findUnwanted(log, heldKeys, now);
  if (found !== undefined) {
    return found;
  }
  const candidates = findRecoveries(log, heldKeys, now).map(({ unwanted }) => unwanted.cid);
  if (candidates.length === 0) {
    throw nothingToUndo(log, heldKeys, now);
  }
  throw new DecampError(
    "refused",
    "No operation looks unwanted by itself: none took one of your keys away, put another above it, or ended the identity.",
    {
      hint: `If one was not yours all the same, name it with --operation. Your key can undo: ${candidates.join(", ")}.`,
      data: { reason: "nothing-unwanted", candidates },
    },
  );
}

/** Why not even the last operation can be undone. */
function nothingToUndo(log: VerifiedLog, heldKeys: readonly string[], now: number | undefined): DecampError {
  const { cid, createdAt } = log.head;
  try {
    planRecovery(log, { unwanted: cid, heldKeys, now });
  } catch (error) {
    if (isDecampError(error, "refused")) {
      const message = `The last operation is ${cid}, of ${createdAt}, and cannot be undone. ${error.message}`;
      return new DecampError("refused", message, {
        hint: `See every operation with decamp plc history ${log.did}.`,
        data: error.data,
        cause: error,
      });
    }
    throw error;
  }
  throw new TypeError("an operation that can be undone is among those that can be undone");
}
