/** From what a person calls an account to its identity, checked in both directions. */

import { DecampError } from "../errors.ts";
import { isPlcDid, type Account } from "../identity/syntax.ts";
import { contentOf } from "../plc/operation.ts";
import { readIdentity, type Identity } from "./read-identity.ts";
import type { AccountServices } from "./services.ts";

/**
 * From what a person gives as account to its identity: a handle is looked up, at a server if one is named, and the document
 * has to claim it.
 *
 * @param hints `from`: origin of that server; `known`: the DID that an earlier run found for this handle; `movedTo`: origin of
 *   a server where an account that lives there may have left the handle behind, as its log has to show
 * @throws DecampError `account-not-found`, `unsupported` for a did:web, `identity-invalid`, and what `readIdentity` throws
 */
export async function findIdentity(
  services: AccountServices,
  account: Account,
  hints: { from?: string | undefined; known?: string | undefined; movedTo?: string },
  signal: AbortSignal,
): Promise<Identity> {
  const { from, known } = hints;
  const did = await findPlcDid(services, known === undefined ? account : { type: "did", did: known }, from, signal);
  const identity = await readIdentity(services, did, signal);
  if (account.type === "handle" && known === undefined && !isCalled(identity, account.handle, hints.movedTo)) {
    throw new DecampError("identity-invalid", notClaimed(account.handle, did, identity.handle), {
      data: { rule: "handle/not-claimed", did, handle: account.handle, claimed: identity.handle },
    });
  }
  return identity;
}

/** Whether the account has the handle, or had it until it moved to `movedTo`. */
function isCalled({ handle, document, log }: Identity, wanted: string, movedTo: string | undefined): boolean {
  return (
    handle === wanted ||
    (document.pds === movedTo &&
      log.entries.some(
        ({ nullified, operation }) => !nullified && contentOf(operation)?.alsoKnownAs.includes(`at://${wanted}`),
      ))
  );
}

/** The sentence for a handle that leads to an account which calls itself something else. */
export function notClaimed(handle: string, did: string, claimed: string | undefined): string {
  return `${handle} leads to ${did}, but that account calls itself ${claimed ?? "nothing"}.`;
}

/**
 * The DID that a handle names: by DNS and the well-known address; with `from`, by what that server says. It is a claim,
 * which the DID document has to confirm.
 *
 * @param from origin of a server
 * @throws DecampError `account-not-found`, `identity-invalid` when DNS names two, and what the services throw
 */
async function resolveHandle(
  { openPds, handles }: Pick<AccountServices, "openPds" | "handles">,
  handle: string,
  from: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const asked = from === undefined ? undefined : await openPds(from).resolveHandle(handle, signal);
  const did = asked ?? (await handles.resolve(handle, signal));
  if (did === undefined) {
    throw new DecampError("account-not-found", `The handle ${handle} leads to no account.`, {
      hint: "Check the spelling, or give the account's DID, or its server with --from.",
      data: { handle },
    });
  }
  return did;
}

/** The DID of an account. Whether the account calls itself by the handle is not asked here. @throws as `resolveHandle` */
export async function findDid(
  services: Pick<AccountServices, "openPds" | "handles">,
  account: Account,
  from: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  return account.type === "did" ? account.did : resolveHandle(services, account.handle, from, signal);
}

/**
 * The did:plc of an account. Whether the account calls itself by the handle is not asked here.
 *
 * @throws DecampError `unsupported` for a did:web, and as `resolveHandle`
 */
export async function findPlcDid(
  services: Pick<AccountServices, "openPds" | "handles">,
  account: Account,
  from: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const did = await findDid(services, account, from, signal);
  if (!isPlcDid(did)) {
    throw new DecampError("unsupported", `${did} is a did:web. This version works with accounts that have a did:plc.`, {
      hint: "The identity of a did:web is a document on its own host, and is changed there.",
    });
  }
  return did;
}
