/**
 * A rotation key of the user's own, put before all others: only there it can undo, for 72 hours, whatever a server
 * signs. It is signed by the server that holds the account, with the code that it mails, or by a key that is in the
 * list already.
 */

import { DecampError } from "../errors.ts";
import { parseDidKey } from "../identity/keys.ts";
import { editOperation } from "../plc/edit.ts";
import { rotationKeysOf, type UnsignedOperation } from "../plc/operation.ts";
import { handleAmong, type RecommendedCredentials } from "../plc/update.ts";
import type { Pds } from "../services/servers/pds.ts";
import type { ChangeParts, ChangeResult } from "./change.ts";
import { trySigning } from "./keep-key.ts";
import { readAccount, type AccountLog } from "./find.ts";
import type { ServerSession } from "./repair/own-server.ts";
import { changeByWhoeverSigns, type AskedChange, type SigningOptions } from "./repair/who-signs.ts";
import type { Signer } from "./sign-by-key.ts";

/** Which rotation key is to come, and how. */
export interface NewKeyRequest extends SigningOptions {
  /** The new key, a did:key. */
  readonly key: string;
  /** A key of the user's that leaves at the same time, a did:key. */
  readonly replace?: string | undefined;
  /** The private part of the new key, where it is at hand: then it has to sign something first. */
  readonly proof?: Signer | undefined;
}

/** Which rotation key is to come, to which account. */
export interface AddKeyRequest extends NewKeyRequest {
  /** A handle or a DID. */
  readonly account: string;
  /** Origin of the server that is asked for the handle. */
  readonly from?: string | undefined;
}

/** What came of it: the key was added, or stood first already. */
export type AddKeyResult =
  | ({ readonly state: "added"; readonly did: string } & ChangeResult)
  | { readonly state: "already-first"; readonly did: string };

/**
 * Adds a rotation key before all others.
 *
 * @throws DecampError `key-unusable` for a text that is no such key, or a private part that does not fit; `refused` for
 *   a change that must not be made or was not confirmed; what signing in, signing and submitting throw
 */
export async function addRotationKey(parts: ChangeParts, request: AddKeyRequest): Promise<AddKeyResult> {
  await requireGoodKey(request.key, request.proof);
  return addKeyTo(parts, await readAccount(parts.services, request.account, request, parts.signal), request);
}

/**
 * The same for an account that was found already.
 *
 * @param session with its server, if there is one
 * @throws DecampError as `addRotationKey`
 */
export async function addKeyTo(
  parts: ChangeParts,
  account: AccountLog,
  request: NewKeyRequest,
  session?: ServerSession,
): Promise<AddKeyResult> {
  const { key, proof, replace } = request;
  await requireGoodKey(key, proof);
  const { did, log } = account;
  const keys = rotationKeysOf(log.head.operation);
  const leaving = replace === undefined ? [] : [replace];
  if (keys[0] === key && leaving.every((old) => !keys.includes(old))) {
    return { state: "already-first", did };
  }
  const operation = editOperation(log.head, { addRotationKeys: [key], removeRotationKeys: leaving });
  const asked: AskedChange = {
    account,
    operation,
    // Of a key that stands there already, nobody knows whose it is, unless it is at hand.
    user: keys.includes(key) && proof === undefined ? leaving : [key, ...leaving],
    intent: (known) => ({ userKeys: [key], expectedKeys: [key], leavingKeys: leaving, known }),
    look: ({ pds, own }) => {
      if (request.route === "server") {
        requireTaken(pds, operation, own);
      }
    },
  };
  return { state: "added", did, ...(await changeByWhoeverSigns(parts, asked, request, session)) };
}

/**
 * Why a server would not submit an operation that leaves the account where it is, as far as that can be known
 * beforehand. The reference server compares it with its own part of the identity, after the code is spent.
 *
 * @param pds signed in to the account
 * @param own what it says is its own part of the identity, if it does
 */
export function objectionOf(
  pds: Pds,
  operation: UnsignedOperation,
  own: RecommendedCredentials | undefined,
): string | undefined {
  const [first = "none"] = operation.alsoKnownAs;
  const handle = own === undefined ? pds.account?.handle : handleAmong(own.alsoKnownAs);
  if (handle !== undefined && handle !== "handle.invalid" && first !== `at://${handle}`) {
    return `it calls the account ${handle}, and the first alias is ${first}.`;
  }
  const { atproto } = operation.verificationMethods;
  if (own !== undefined && atproto !== own.signingKey) {
    return `it signs with ${own.signingKey}, and the signing key of the identity is ${atproto ?? "none"}.`;
  }
  return undefined;
}

/** @throws DecampError `refused` before anything is mailed, if the server would not submit it */
function requireTaken(pds: Pds, operation: UnsignedOperation, own: RecommendedCredentials | undefined): void {
  const objection = objectionOf(pds, operation, own);
  if (objection !== undefined) {
    throw new DecampError("refused", `${pds.host} would not submit this operation: ${objection}`, {
      hint: "It can sign it all the same: run the same command again with --via directory.",
      data: { reason: "server-would-refuse" },
    });
  }
}

/**
 * Refuses what is no key, and a private part that does not fit or cannot sign: such a key would stand first, and be of
 * no use on the day it is needed.
 */
async function requireGoodKey(key: string, proof: Signer | undefined): Promise<void> {
  try {
    parseDidKey(key);
  } catch (cause) {
    throw new DecampError("key-unusable", "The new rotation key is no k256 or p256 did:key.", { cause });
  }
  if (proof === undefined) {
    return;
  }
  if (proof.didKey !== key) {
    throw new DecampError("refused", `The private key does not belong to ${key}, but to ${proof.didKey}.`);
  }
  await trySigning(proof);
}
