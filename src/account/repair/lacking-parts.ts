/** What an identity does not say as the server needs it that it names. */

import type { IdentityEdit } from "../../plc/edit.ts";
import { pdsOf, rotationKeysOf, signingKeyOf, type SignedOperation } from "../../plc/operation.ts";
import type { RecommendedCredentials } from "../../plc/update.ts";

/**
 * The change after which the identity says it: the signing key; the address, where it is the same server and only
 * written otherwise; and, of an account that is not active there, a rotation key of the server, without which many do
 * not activate it. An active account needs none: who took that key out of the identity may have meant it.
 *
 * @param own what the server recommends
 * @returns nothing in it where nothing lacks
 */
export function lackingParts(operation: SignedOperation, own: RecommendedCredentials, isActive: boolean): IdentityEdit {
  const keys = rotationKeysOf(operation);
  const named = pdsOf(operation);
  const { endpoint } = own.pds;
  const hasOne = own.rotationKeys.some((key) => keys.includes(key));
  return {
    ...(signingKeyOf(operation) === own.signingKey ? {} : { signingKey: own.signingKey }),
    ...(named !== endpoint && originOf(named) === originOf(endpoint) ? { pds: endpoint } : {}),
    ...(hasOne || isActive ? {} : { addRotationKeys: [...keys, ...own.rotationKeys] }),
  };
}

/** undefined for what is no address. */
export function originOf(endpoint: string | undefined): string | undefined {
  return endpoint !== undefined && URL.canParse(endpoint) ? new URL(endpoint).origin : undefined;
}
