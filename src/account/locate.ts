/**
 * Where an account lives and what it is signed with, with as few requests as that takes: of a did:plc the verified log says
 * it all, of a did:web its document.
 */

import { DecampError } from "../errors.ts";
import { originOfPds, parseDidDocument, type DidDocument } from "../identity/did-document.ts";
import { isWebDid, type Account } from "../identity/syntax.ts";
import type { VerifiedLog } from "../plc/log.ts";
import { normalizeOperation, pdsOf } from "../plc/operation.ts";
import { handleAmong } from "../plc/update.ts";
import { readDocument } from "./read-identity.ts";
import { readLog } from "./read-log.ts";
import { findDid, notClaimed } from "./resolve-account.ts";
import type { AccountServices } from "./services.ts";

export interface LocatedAccount {
  readonly did: string;
  /** The handle that the identity claims, if it claims one. */
  readonly handle?: string | undefined;
  /** Origin of the server that the identity names. */
  readonly pds: string;
  /** did:keys of the account: of a did:plc all that it ever had, of a did:web the current one. */
  readonly signingKeys: readonly string[];
  /** The verified audit log, and the same as the directory sent it; none for a did:web. */
  readonly log?: { readonly verified: VerifiedLog; readonly raw: unknown };
  /**
   * The DID document; of a did:plc it is fetched only now, and has to say the same as the log.
   *
   * @throws DecampError `identity-invalid`, and what the services throw
   */
  readonly document: () => Promise<DidDocument>;
}

/**
 * Finds an account. Whether a handle leads to it is asked only where it is not known.
 *
 * @param hints `from`: origin of the server that is asked for the handle, and that holds the account, whatever the identity
 *   says; `known`: the DID that the handle is known for. It is believed as long as that identity claims the handle
 * @throws DecampError `account-not-found`; `identity-invalid` for a log or document that is not in order, an identity that
 *   was given up, that does not claim the handle, or names no server; and what the services throw
 */
export async function locateAccount(
  services: AccountServices,
  account: Account,
  hints: { from?: string | undefined; known?: string | undefined },
  signal: AbortSignal,
): Promise<LocatedAccount> {
  const { from, known } = hints;
  const did = account.type === "did" ? account.did : (known ?? (await findDid(services, account, from, signal)));
  const located = await (isWebDid(did)
    ? locateWeb(services, did, from, signal)
    : locatePlc(services, did, from, signal));
  if (account.type === "handle" && located.handle !== account.handle) {
    if (known !== undefined) {
      return locateAccount(services, account, { from }, signal);
    }
    throw new DecampError("identity-invalid", notClaimed(account.handle, did, located.handle), {
      data: { rule: "handle/not-claimed", did, handle: account.handle, claimed: located.handle },
    });
  }
  return located;
}

async function locatePlc(
  services: AccountServices,
  did: string,
  from: string | undefined,
  signal: AbortSignal,
): Promise<LocatedAccount> {
  const { log, rawLog } = await readLog(services, did, signal);
  const { operation, createdAt } = log.head;
  if (operation.type === "plc_tombstone") {
    throw new DecampError(
      "identity-invalid",
      `${did} was given up on ${createdAt}: its last operation is a tombstone.`,
      {
        hint: "Within 72 hours a rotation key can still undo that: see decamp plc recover.",
        data: { did, state: "tombstone" },
      },
    );
  }
  const content = normalizeOperation(operation);
  return {
    did,
    handle: handleAmong(content.alsoKnownAs),
    pds: from ?? named(originOfPds(pdsOf(operation)), did),
    signingKeys: log.signingKeys,
    log: { verified: log, raw: rawLog },
    document: async () => readDocument(services, did, content, signal),
  };
}

async function locateWeb(
  { webDocument }: AccountServices,
  did: string,
  from: string | undefined,
  signal: AbortSignal,
): Promise<LocatedAccount> {
  const document = parseDidDocument(await webDocument(did, signal), did);
  const { handle, pds, signingKey } = document;
  return {
    did,
    handle,
    pds: from ?? named(pds, did),
    signingKeys: signingKey === undefined ? [] : [signingKey],
    document: () => Promise.resolve(document),
  };
}

function named(pds: string | undefined, did: string): string {
  if (pds === undefined) {
    throw new DecampError("identity-invalid", `The identity of ${did} names no server.`, {
      hint: "Name the server that holds the account with --from.",
      data: { did },
    });
  }
  return pds;
}
