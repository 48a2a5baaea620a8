/** The identity of an account as the directory has it, judged before anything is believed. */

import { DecampError } from "../errors.ts";
import { parseDidDocument } from "../identity/did-document.ts";
import { verifyLog } from "../plc/log.ts";
import { normalizeOperation } from "../plc/operation.ts";
import type { Identity, MigrationServices } from "./context.ts";

/** How often a document is asked for that lags behind the log, and how long to wait in between (milliseconds). */
const lag = { attempts: 5, wait: 500 };

/**
 * Reads and verifies the audit log, and checks that the document says the same as its head.
 *
 * @throws DecampError `identity-invalid` for a log that does not verify, a tombstone, or a document that contradicts the
 *   log; `account-not-found`, and what the services throw
 */
export async function readIdentity(
  { directory, sleep }: Pick<MigrationServices, "directory" | "sleep">,
  did: string,
  signal: AbortSignal,
): Promise<Identity> {
  for (let attempt = 1; ; attempt += 1) {
    const rawLog = await directory.auditLog(did, signal);
    const log = verifyLog(did, rawLog);
    const { operation } = log.head;
    if (operation.type === "plc_tombstone") {
      throw new DecampError("identity-invalid", `${did} was given up: its last operation is a tombstone.`);
    }
    const document = parseDidDocument(await directory.document(did, signal), did);
    const head = normalizeOperation(operation);
    const agrees =
      document.signingKey === head.verificationMethods["atproto"] &&
      sameOrigin(document.pds, head.services["atproto_pds"]?.endpoint) &&
      document.alsoKnownAs.join(" ") === head.alsoKnownAs.join(" ");
    if (agrees && document.handle !== undefined) {
      return { did, handle: document.handle, document, log, rawLog };
    }
    if (agrees) {
      throw new DecampError("identity-invalid", `The DID document of ${did} names no handle.`);
    }
    if (attempt >= lag.attempts) {
      throw new DecampError("identity-invalid", `The DID document of ${did} contradicts the log of its operations.`);
    }
    await sleep(lag.wait, signal);
  }
}

function sameOrigin(pds: string | undefined, endpoint: string | undefined): boolean {
  return pds === (endpoint !== undefined && URL.canParse(endpoint) ? new URL(endpoint).origin : undefined);
}
