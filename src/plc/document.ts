/** The DID document of a did:plc, against the log that it is made from. */

import { originOfPds, type DidDocument } from "../identity/did-document.ts";
import { pdsOf, type UnsignedOperation } from "./operation.ts";

/** Whether a document says what an operation says: signing key, server, aliases. */
export function documentAgrees(document: DidDocument, head: UnsignedOperation): boolean {
  return (
    document.signingKey === head.verificationMethods["atproto"] &&
    document.pds === originOfPds(pdsOf(head)) &&
    document.alsoKnownAs.join(" ") === head.alsoKnownAs.join(" ")
  );
}
