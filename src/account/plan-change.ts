/** From a change of an identity that somebody wishes for to its plan: the operation, and what speaks against it. */

import { isJsonObject } from "../data/json-object.ts";
import { DecampError } from "../errors.ts";
import { parseServerUrl } from "../identity/addresses.ts";
import type { OperationFinding } from "../plc/check.ts";
import { editOperation, type IdentityEdit } from "../plc/edit.ts";
import { judgeOperation, type Intent } from "../plc/judge.ts";
import {
  contentOf,
  parseSignedOperation,
  parseUnsignedOperation,
  pdsOf,
  type UnsignedOperation,
} from "../plc/operation.ts";
import type { ChangeParts, ChangePlan } from "./change.ts";
import { timeAtDirectory } from "./directory-time.ts";
import type { AccountLog } from "./find.ts";
import { ownCredentials, planMove, requireNoDoubt, type PlannedMove } from "./plan-move.ts";
import { ownerOf, signIn } from "./sign-in.ts";

export type WishedChange =
  /** Single changes of what the identity says now. */
  | { readonly kind: "edit"; readonly edit: IdentityEdit }
  /** An operation that somebody wrote, signed or not, as parsed JSON. */
  | { readonly kind: "operation"; readonly value: unknown }
  /**
   * A move to another server, an origin. `accepted`: rotation keys that may stay although nobody says whose they are.
   */
  | { readonly kind: "move"; readonly target: string; readonly accepted: readonly string[] };

/**
 * Plans a change. For a move both servers are signed in to, for a moment: which keys are theirs they say only to the
 * account itself.
 *
 * @throws DecampError `invalid-operation` and its like for a value that is no operation; `unsupported` for a tombstone;
 *   `same-server`; what planning a move, signing in and the services throw
 */
export async function planChange(
  parts: ChangeParts,
  account: AccountLog,
  wish: WishedChange,
  options: { readonly allowPrivateHosts: boolean },
): Promise<ChangePlan> {
  const { operation, intent, findings = [] } = await plan(parts, account, wish, options);
  const judged = judgeOperation(account.log, operation, intent, timeAtDirectory(parts.services));
  return { account, operation, judgement: { ...judged, findings: withoutDoubles([...findings, ...judged.findings]) } };
}

interface Planned {
  readonly operation: UnsignedOperation;
  readonly intent: Intent;
  /** What speaks against it already. */
  readonly findings?: readonly OperationFinding[];
}

async function plan(
  parts: ChangeParts,
  account: AccountLog,
  wish: WishedChange,
  options: { readonly allowPrivateHosts: boolean },
): Promise<Planned> {
  switch (wish.kind) {
    case "move":
      return move(parts, account, wish, options);
    case "operation":
      return { operation: readOperation(wish.value), intent: { byHand: true } };
    case "edit":
      return { operation: editOperation(account.log.head, wish.edit), intent: intentOf(wish.edit) };
  }
}

/** What an edit is to be judged by. */
function intentOf({ addRotationKeys, removeRotationKeys, handle, pds, signingKey }: IdentityEdit): Intent {
  return {
    expectedKeys: addRotationKeys ?? [],
    leavingKeys: removeRotationKeys ?? [],
    ...(handle === undefined ? {} : { handle }),
    ...(pds === undefined ? {} : { endpoint: pds }),
    ...(signingKey === undefined ? {} : { signingKey }),
  };
}

/** Reads an operation that somebody wrote. If it is signed, the signature is dropped. */
function readOperation(value: unknown): UnsignedOperation {
  if (!isJsonObject(value) || value["sig"] === undefined) {
    return parseUnsignedOperation(value);
  }
  const content = contentOf(parseSignedOperation(value));
  if (content === undefined) {
    throw new DecampError("unsupported", "This is a tombstone: it ends the identity for good.");
  }
  return content;
}

async function move(
  { services, answers, named = [], signal }: ChangeParts,
  account: AccountLog,
  { target, accepted }: Extract<WishedChange, { kind: "move" }>,
  options: { readonly allowPrivateHosts: boolean },
): Promise<PlannedMove> {
  const source = pdsOf(account.log.head.operation);
  if (source === target || source === undefined) {
    throw new DecampError("same-server", `The identity names ${source ?? "no server"} already.`);
  }
  const old = services.openPds(parseServerUrl(source, options));
  const next = services.openPds(target);
  const owner = ownerOf(account, [...named, target]);
  try {
    await signIn(services, old, owner, answers, "sourcePassword", signal);
    const own = await ownCredentials(old, signal);
    requireNoDoubt(account.log, old.host, own?.rotationKeys, { accepted });
    await signIn(services, next, owner, answers, "targetPassword", signal);
    return await planMove(account, next, own?.rotationKeys ?? [], undefined, signal, { accepted });
  } finally {
    await Promise.all([old.signOut(), next.signOut()]);
  }
}

/** A move is judged by what the servers say, and then by the log: what both find is said once, the worse first. */
function withoutDoubles(findings: readonly OperationFinding[]): OperationFinding[] {
  return findings.filter((finding, index) => {
    const first = findings.findIndex(({ rule, message }) => rule === finding.rule && message === finding.message);
    return first === index;
  });
}
