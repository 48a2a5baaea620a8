/** The operation that moves an account to another server, from what both servers say about their keys. */

import { DecampError } from "../errors.ts";
import { checkOperation, type Finding } from "../plc/check.ts";
import type { Intent } from "../plc/judge.ts";
import { rotationKeysOf, type UnsignedOperation } from "../plc/operation.ts";
import { handleAmong, moveOperation, parseRecommended } from "../plc/update.ts";
import type { Pds } from "../services/pds.ts";
import type { AccountLog } from "./find.ts";

export interface PlannedMove {
  readonly operation: UnsignedOperation;
  /** What was asked for, to judge the operation by. */
  readonly intent: Intent;
  /** What speaks against it: an error must stop it, a warning has to be shown. */
  readonly findings: readonly Finding[];
}

/** Rotation keys that a server may have for itself: the one it works with, and one for recovery. */
const mostServerKeys = 2;

/**
 * Plans the move as an edit of the verified head.
 *
 * @param target the new server, signed in to the account
 * @param sourceRotationKeys the old server's own keys, which leave
 * @param handle the handle from now on; what the new server recommends unless given
 * @throws DecampError `refused` if the new server wants to be named by another address, or more keys than a server has, `bad-answer`, and what the services
 *   throw
 */
export async function planMove(
  identity: Pick<AccountLog, "log" | "handle">,
  target: Pds,
  sourceRotationKeys: readonly string[],
  handle: string | undefined,
  signal: AbortSignal,
): Promise<PlannedMove> {
  const recommended = parseRecommended(await target.recommendedCredentials(signal));
  if (recommended.pds.endpoint !== target.origin) {
    throw new DecampError(
      "refused",
      `${target.host} wants to be named as ${recommended.pds.endpoint} in the identity.`,
      { hint: "Give that address with --to, if it is the server that you want." },
    );
  }
  if (recommended.rotationKeys.length > mostServerKeys) {
    throw new DecampError(
      "refused",
      `${target.host} wants ${recommended.rotationKeys.length} rotation keys in the identity. Each of them could take the account.`,
      {
        hint: "A server needs one, and perhaps one for recovery. Ask its operator whose keys these are.",
        data: { rotationKeys: recommended.rotationKeys },
      },
    );
  }
  const { head } = identity.log;
  const newHandle = handle ?? handleAmong(recommended.alsoKnownAs);
  const operation = moveOperation(head, {
    target: recommended,
    sourceRotationKeys,
    ...(identity.handle === undefined ? {} : { oldHandle: identity.handle }),
    ...(newHandle === undefined ? {} : { newHandle }),
  });
  const headKeys = rotationKeysOf(head.operation);
  const intent: Intent = {
    userKeys: headKeys.filter((key) => !sourceRotationKeys.includes(key)),
    expectedKeys: recommended.rotationKeys,
    leavingKeys: sourceRotationKeys,
    endpoint: target.origin,
    signingKey: recommended.signingKey,
    ...(newHandle === undefined ? {} : { handle: newHandle }),
  };
  return { operation, intent, findings: checkOperation(operation, { ...intent, headKeys }) };
}

/**
 * The rotation keys that a server calls its own: what it recommends for an account that it holds.
 *
 * @throws DecampError `server-refused` or `bad-answer` if it does not say
 */
export async function serverRotationKeys(pds: Pds, signal: AbortSignal): Promise<readonly string[]> {
  return parseRecommended(await pds.recommendedCredentials(signal)).rotationKeys;
}

/** @throws DecampError `refused` at an error among the findings */
export function requireNoErrors(findings: readonly Finding[], hint?: string): void {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) {
    throw new DecampError("refused", `The identity cannot be changed like this: ${errors[0]?.message ?? ""}`, {
      ...(hint === undefined ? {} : { hint }),
      data: { rules: errors.map(({ rule }) => rule) },
    });
  }
}
