/** Changes of an identity that a person names one by one. What is not named stays. */
import { DecampError } from "../errors.ts";
import type { UnsignedOperation } from "./operation.ts";
import { updateOperation, withHandle, type Base } from "./update.ts";

/** What is to be changed in an identity. What is left out stays as it is. */
export interface IdentityEdit {
  /** did:keys that are to stand before all others, the most powerful first. One that is in the list already moves. */
  readonly addRotationKeys?: readonly string[];
  /** did:keys that leave. */
  readonly removeRotationKeys?: readonly string[];
  /** The handle from now on; its alias takes the place of the first that is a handle, and stands first. */
  readonly handle?: string;
  /** Origin of the PDS from now on. */
  readonly pds?: string;
  /** The signing key from now on, a did:key. */
  readonly signingKey?: string;
}

/**
 * The operation that follows `base` with these changes.
 *
 * @throws DecampError `refused` if `base` is a tombstone, or a key that is to leave is not there
 */
export function editOperation(base: Base, edit: IdentityEdit): UnsignedOperation {
  const { addRotationKeys = [], removeRotationKeys = [], handle, pds, signingKey } = edit;
  return updateOperation(base, (operation) => {
    for (const key of removeRotationKeys) {
      if (!operation.rotationKeys.includes(key)) {
        throw new DecampError("refused", `This key is none of the rotation keys, so it cannot be removed: ${key}.`);
      }
    }
    const leaving = new Set([...addRotationKeys, ...removeRotationKeys]);
    return {
      ...operation,
      rotationKeys: [...new Set(addRotationKeys), ...operation.rotationKeys.filter((key) => !leaving.has(key))],
      alsoKnownAs: handle === undefined ? operation.alsoKnownAs : withHandle(operation.alsoKnownAs, handle),
      verificationMethods:
        signingKey === undefined
          ? operation.verificationMethods
          : { ...operation.verificationMethods, atproto: signingKey },
      services:
        pds === undefined
          ? operation.services
          : { ...operation.services, atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: pds } },
    };
  });
}
