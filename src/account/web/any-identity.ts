/** The identity of an account of either kind: by the directory and its log, or by a document on a host of one's own. */

import { parseDidDocument, type DidDocument } from "../../identity/did-document.ts";
import { isWebDid, noHandle } from "../../identity/names.ts";
import { readIdentity, type Identity } from "../read-identity.ts";
import type { AccountServices } from "../services.ts";
import type { Past, WebPast } from "./past.ts";

/** A did:web, as its host has it. Nobody but the host vouches for it. */
export interface WebIdentity {
  readonly did: string;
  /** The handle that the document claims now; `handle.invalid` if it claims none. */
  readonly handle: string;
  readonly document: DidDocument;
  readonly past: WebPast;
  /** Only a did:plc has one. */
  readonly log?: undefined;
  readonly rawLog?: undefined;
}

/** The identity of an account, of either kind. */
export type AnyIdentity = Identity | WebIdentity;

/** What is known of where the account was, and is. */
export function pastOf(identity: AnyIdentity): Past {
  return identity.log ?? identity.past;
}

/** Every signing key that the account is known to have had, did:keys. */
export function signingKeysOf(identity: AnyIdentity): readonly string[] {
  return pastOf(identity).signingKeys;
}

/**
 * Reads the document of a did:web. Of its past nothing is known yet.
 *
 * @throws DecampError `identity-invalid` for what is no document of this DID, and what the services throw
 */
export async function readWebIdentity(
  { webDocument }: Pick<AccountServices, "webDocument">,
  did: string,
  signal: AbortSignal,
): Promise<WebIdentity> {
  return webIdentityOf(parseDidDocument(await webDocument(did, signal), did));
}

/** @throws as `readIdentity` and `readWebIdentity` */
export async function readAnyIdentity(
  services: AccountServices,
  did: string,
  signal: AbortSignal,
): Promise<AnyIdentity> {
  return isWebDid(did) ? readWebIdentity(services, did, signal) : readIdentity(services, did, signal);
}

/** The identity that a document makes. */
export function webIdentityOf(document: DidDocument): WebIdentity {
  const { did, handle, pds, signingKey } = document;
  return {
    did,
    handle: handle ?? noHandle,
    document,
    past: { did, home: pds, signingKeys: signingKey === undefined ? [] : [signingKey], moves: [] },
  };
}
