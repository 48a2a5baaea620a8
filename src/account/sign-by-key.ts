/** An operation signed with a rotation key of the user's own: no server, no mailed code. */

import { DecampError } from "../errors.ts";
import { compareSigned, type Predecessor, type SignedAnswer } from "../plc/diff.ts";
import { rotationKeysOf, unsignedBytes, type UnsignedOperation } from "../plc/operation.ts";

/** Whoever can sign: a private key, or something that has one, such as a token or a KMS. */
export interface Signer {
  /** Its public part, `did:key:z…`. */
  readonly didKey: string;
  /** ECDSA over the SHA-256 of the data: 64 bytes r‖s, S in the lower half. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/**
 * Signs an operation, and judges the result as if a stranger had signed it.
 *
 * @param head what the operation follows, and the keys that may sign it there
 * @throws DecampError `refused` for a key without the power, `operation-differs` if its signature is not good; and what
 *   the signer throws
 */
export async function signByKey(asked: UnsignedOperation, signer: Signer, head: Predecessor): Promise<SignedAnswer> {
  requirePower(signer.didKey, head.signers ?? rotationKeysOf(head.operation));
  return compareSigned(asked, { ...asked, sig: await signatureText(asked, signer) }, head);
}

/** The signature of an operation, as it stands in its `sig`. Throws what the signer throws. */
export async function signatureText(operation: UnsignedOperation, signer: Signer): Promise<string> {
  return Buffer.from(await signer.sign(unsignedBytes(operation))).toString("base64url");
}

/** @throws DecampError `refused` with data `reason`: `key-without-power` */
export function requirePower(didKey: string, keys: readonly string[]): void {
  if (!keys.includes(didKey)) {
    throw new DecampError("refused", `Your key ${didKey} may not sign this. These keys may: ${keys.join(", ")}.`, {
      hint: "Is it the key of another account, or an older one? decamp key inspect FILE says which key a file has.",
      data: { reason: "key-without-power", didKey },
    });
  }
}
