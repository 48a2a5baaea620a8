/** The identity of an account as the directory has it, judged before anything is believed. */

import { DecampError } from "../errors.ts";
import { parseDidDocument } from "../identity/did-document.ts";
import { isPlcDid, type Account } from "../identity/syntax.ts";
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

/**
 * From what a person gives as account to its identity: a handle is looked up, at the old server if that is named, and the
 * document has to claim it.
 *
 * @param hints `from`: origin of the old server; `known`: the DID that an earlier run found for this handle
 * @throws DecampError `account-not-found`, `unsupported` for a did:web, `identity-invalid`, and what `readIdentity` throws
 */
export async function findIdentity(
  services: MigrationServices,
  account: Account,
  hints: { from: string | undefined; known: string | undefined },
  signal: AbortSignal,
): Promise<Identity> {
  const did =
    account.type === "did"
      ? account.did
      : (hints.known ?? (await resolveHandle(services, account.handle, hints.from, signal)));
  if (!isPlcDid(did)) {
    throw new DecampError("unsupported", `${did} is a did:web. This version moves accounts that have a did:plc.`);
  }
  const identity = await readIdentity(services, did, signal);
  if (account.type === "handle" && hints.known === undefined && identity.handle !== account.handle) {
    throw new DecampError(
      "identity-invalid",
      `${account.handle} leads to ${did}, but that account calls itself ${identity.handle}.`,
      { data: { did, handle: account.handle, claimed: identity.handle } },
    );
  }
  return identity;
}

async function resolveHandle(
  { openPds, handles }: MigrationServices,
  handle: string,
  from: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const asked = from === undefined ? undefined : await openPds(from).resolveHandle(handle, signal);
  const did = asked ?? (await handles.resolve(handle, signal));
  if (did === undefined) {
    throw new DecampError("account-not-found", `The handle ${handle} leads to no account.`, {
      hint: "Check the spelling, or give the account's DID, or the old server with --from.",
      data: { handle },
    });
  }
  return did;
}

function sameOrigin(pds: string | undefined, endpoint: string | undefined): boolean {
  return pds === (endpoint !== undefined && URL.canParse(endpoint) ? new URL(endpoint).origin : undefined);
}
