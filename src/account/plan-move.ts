/** The operation that moves an account to another server, from what both servers say about their keys. */

import { DecampError, isDecampError } from "../errors.ts";
import { changeFacts, type ChangeFacts, type KeyKnowledge } from "../plc/change-facts.ts";
import { checkOperation, type OperationFinding } from "../plc/check.ts";
import type { Intent } from "../plc/judge.ts";
import { keysThatCameAlone } from "../plc/came-alone.ts";
import { keysInDoubt } from "../plc/keys-in-doubt.ts";
import type { VerifiedLog } from "../plc/log.ts";
import { pdsOf, rotationKeysOf, signingKeyOf, type UnsignedOperation } from "../plc/operation.ts";
import { handleAmong, moveOperation, parseRecommended, type RecommendedCredentials } from "../plc/update.ts";
import type { Pds } from "../services/servers/pds.ts";
import type { AccountLog } from "./find.ts";

/** The operation of a move, and what is to be said of it. */
export interface PlannedMove {
  readonly operation: UnsignedOperation;
  /** What was asked for, to judge the operation by. */
  readonly intent: Intent;
  /** What it means: server, handle, keys, and who can undo it. */
  readonly facts: ChangeFacts;
  /** What speaks against it: an error must stop it, a warning has to be shown. */
  readonly findings: readonly OperationFinding[];
}

/** Rotation keys that a server may have for itself: the one it works with, and one for recovery. */
const mostServerKeys = 2;

/**
 * Plans the move as an edit of the verified head.
 *
 * @param target the new server, signed in to the account
 * @param sourceRotationKeys the old server's own keys, which leave
 * @param handle the handle from now on; what the new server recommends unless given
 * @param known keys that are the user's, which stay whatever a server calls its own; keys that were accepted by name;
 *   which key signs, one of the old server's unless given; and what the new server recommends, asked now unless given
 * @throws DecampError `refused` if the new server wants to be named by another address, or more keys than a server has,
 *   `bad-answer`, and what the services throw
 */
export async function planMove(
  identity: Pick<AccountLog, "log" | "handle">,
  target: Pds,
  sourceRotationKeys: readonly string[],
  handle: string | undefined,
  signal: AbortSignal,
  known: Pick<KeyKnowledge, "user" | "accepted" | "signers"> & { readonly recommended?: RecommendedCredentials } = {},
): Promise<PlannedMove> {
  const recommended = known.recommended ?? (await recommendedBy(target, { keysNeeded: true }, signal));
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
  const { log } = identity;
  const { head } = log;
  const newHandle = handle ?? handleAmong(recommended.alsoKnownAs);
  const { user = [], accepted = [] } = known;
  const leavingKeys = sourceRotationKeys.filter((key) => !user.includes(key));
  const operation = moveOperation(head, {
    target: recommended,
    sourceRotationKeys: leavingKeys,
    ...(identity.handle === undefined ? {} : { oldHandle: identity.handle }),
    ...(newHandle === undefined ? {} : { newHandle }),
  });
  const headKeys = rotationKeysOf(head.operation);
  const serverSigners = headKeys.filter((key) => leavingKeys.includes(key));
  const signers = known.signers ?? (serverSigners.length > 0 ? serverSigners : accepted);
  const owners: KeyKnowledge = {
    user,
    accepted,
    oldServer: leavingKeys,
    newServer: recommended.rotationKeys,
    ...(signers.length > 0 ? { signers } : {}),
  };
  const intent: Intent = {
    userKeys: headKeys.filter((key) => !leavingKeys.includes(key)),
    expectedKeys: recommended.rotationKeys,
    leavingKeys,
    endpoint: target.origin,
    signingKey: recommended.signingKey,
    ...(newHandle === undefined ? {} : { handle: newHandle }),
    known: owners,
  };
  const findings = [
    ...checkOperation(operation, { ...intent, headKeys }),
    ...checkRecommended(log, recommended, newHandle),
    ...checkClaims(log, leavingKeys, recommended.rotationKeys),
  ];
  return { operation, intent, facts: changeFacts(log, operation, owners), findings };
}

/**
 * What a new server says that an identity has to say, to live there.
 *
 * @param target signed in to the account
 * @param options `keysNeeded`: its rotation keys, too, which a did:web has not
 * @throws DecampError `refused` if it wants to be named by another address, `bad-answer`, and what the services throw
 */
export async function recommendedBy(
  target: Pds,
  { keysNeeded }: { readonly keysNeeded: boolean },
  signal: AbortSignal,
): Promise<RecommendedCredentials> {
  const recommended = parseRecommended(await target.recommendedCredentials(signal), keysNeeded);
  if (recommended.pds.endpoint !== target.origin) {
    throw new DecampError(
      "refused",
      `${target.host} wants to be named as ${recommended.pds.endpoint} in the identity.`,
      { hint: "Give that address with --to, if it is the server that you want." },
    );
  }
  return recommended;
}

/** Findings about what a new server recommends: the signing key of another server, another handle than is wanted. */
function checkRecommended(
  log: VerifiedLog,
  { signingKey, alsoKnownAs, pds }: RecommendedCredentials,
  handle: string | undefined,
): OperationFinding[] {
  const findings: OperationFinding[] = [];
  const last = log.entries.findLast((entry) => !entry.nullified && signingKeyOf(entry.operation) === signingKey);
  const holder = pdsOf(last?.operation);
  if (holder !== undefined && holder !== pds.endpoint) {
    const message = `The new server recommends the signing key that the identity had at ${holder}: it could not sign with it, and that server could.`;
    findings.push({ rule: "plc/old-signing-key", severity: "error", message });
  }
  // A server submits nothing that names the account otherwise than it does itself: the mailed code would be spent in
  // vain.
  const named = handleAmong(alsoKnownAs);
  if (named !== undefined && handle !== undefined && named.toLowerCase() !== handle.toLowerCase()) {
    const message = `The new server calls the account ${named}, and not ${handle}.`;
    findings.push({ rule: "plc/recommended-handle", severity: "error", message });
  }
  return findings;
}

/** Keys that a server calls its own, and that may be somebody else's. */
function checkClaims(
  log: VerifiedLog,
  leavingKeys: readonly string[],
  comingKeys: readonly string[],
): OperationFinding[] {
  const leaving = rotationKeysOf(log.head.operation).filter((key) => leavingKeys.includes(key));
  const alone = keysThatCameAlone(log);
  return leaving.flatMap((key): OperationFinding[] => [
    ...(alone.includes(key)
      ? [
          {
            rule: "plc/claimed-key",
            severity: "warning" as const,
            message: `Your old server calls a rotation key its own that once came by itself, and would leave now: ${key}. If it is yours, do not confirm.`,
          },
        ]
      : []),
    ...(comingKeys.includes(key)
      ? [
          {
            rule: "plc/shared-key",
            severity: "warning" as const,
            message: `Both servers call the same rotation key their own, so your old server keeps its power: ${key}.`,
          },
        ]
      : []),
  ]);
}

/**
 * What a server says of its own part of the identity; undefined if it does not say, or nothing that can be used.
 *
 * @param pds signed in to the account
 * @param keysNeeded as `parseRecommended`
 */
export async function ownCredentials(
  pds: Pds,
  signal: AbortSignal,
  keysNeeded = true,
): Promise<RecommendedCredentials | undefined> {
  try {
    return parseRecommended(await pds.recommendedCredentials(signal), keysNeeded);
  } catch (error) {
    if (isDecampError(error, "server-refused", "bad-answer")) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Stops a move after which a server that the account has left could still hold a key of it.
 *
 * @param named what it calls its own; undefined if it does not say
 * @param known keys that are the user's, and keys that may stay whoever holds them
 * @throws DecampError `refused` with data `rotationKeys` if keys would stay that may be the old server's
 */
export function requireNoDoubt(
  log: VerifiedLog,
  host: string,
  named: readonly string[] | undefined,
  { user = [], accepted = [] }: Pick<KeyKnowledge, "user" | "accepted">,
): void {
  const doubtful = keysInDoubt(log, named, [...user, ...accepted]);
  if (doubtful.length === 0) {
    return;
  }
  const what =
    named === undefined
      ? "does not say which rotation keys of the identity are its own"
      : "leaves out rotation keys of the identity that may be its own";
  throw new DecampError(
    "refused",
    `${host} ${what}. These would stay, and whoever holds them could take the account back: ${doubtful.join(", ")}.`,
    {
      hint: `If you know whose they are and want them to stay, add ${doubtful.map((key) => `--accept-key ${key}`).join(" ")}`,
      data: { reason: "keys-in-doubt", rotationKeys: doubtful },
    },
  );
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
export function requireNoErrors(findings: readonly OperationFinding[], hint?: string): void {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) {
    throw new DecampError("refused", `The identity cannot be changed like this: ${errors[0]?.message ?? ""}`, {
      ...(hint === undefined ? {} : { hint }),
      data: { rules: errors.map(({ rule }) => rule) },
    });
  }
}
