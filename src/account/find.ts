/**
 * An account by any name: a handle or a DID, as a person types it.
 *
 * A handle is looked up, always, and checked in both directions: it leads to the account, and the identity claims it
 * (spec: Handle, "Resolution"). The claim is the first alias that is a handle; capitals do not count. What an earlier
 * run remembers helps only where nothing answers, and then the log has to show that the account had the handle.
 */

import { DecampError, isDecampError } from "../errors.ts";
import { originOfPds, parseDidDocument, type DidDocument } from "../identity/did-document.ts";
import { isPlcDid, isWebDid, parseAccount, type Account } from "../identity/names.ts";
import type { VerifiedLog } from "../plc/log.ts";
import { contentOf, normalizeOperation, pdsOf } from "../plc/operation.ts";
import { handleAmong } from "../plc/update.ts";
import { readDocument, readIdentity, type Identity } from "./read-identity.ts";
import { readLog, type ReadLog } from "./read-log.ts";
import type { AccountServices } from "./services.ts";
import { readWebIdentity, type AnyIdentity } from "./web/any-identity.ts";
import type { Past } from "./web/past.ts";

/** Where a handle is looked up, and what else may be known of it. */
export interface Hints {
  /** Origin of a server that is asked for the handle, before DNS and the well-known address are. */
  readonly from?: string | undefined;
  /** The DIDs for which earlier runs knew the handle. They count only where nothing answers. */
  readonly remembered?: readonly string[] | undefined;
  /** Take an account, too, that had the handle before: after a move it has another one. */
  readonly past?: boolean | undefined;
}

/** An account whose identity may be in any state: given up, or changed by somebody who should not have been able to. */
export interface AccountLog extends ReadLog {
  readonly did: string;
  /** The handle that the head claims; the handle that was asked for where the identity may be in any state. */
  readonly handle: string | undefined;
}

/** Where an account lives and what it is signed with. */
export interface LocatedAccount {
  readonly did: string;
  /** The handle that the identity claims, if it claims one. */
  readonly handle?: string | undefined;
  /** Origin of the server that holds it: the one that was named, or that the identity names. */
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

/** What is known of its past. */
export function pastOfLocated({ did, pds, signingKeys, log }: LocatedAccount): Past {
  return log?.verified ?? { did, home: pds, signingKeys, moves: [] };
}

/**
 * Finds the identity of an account: its verified log, and the DID document, which says the same.
 *
 * @throws DecampError `account-not-found`, `unreachable` where nothing answers, `unsupported` for a did:web,
 *   `identity-invalid` for one that does not claim the handle, and what `readIdentity` throws
 */
export async function findIdentity(
  services: AccountServices,
  account: Account,
  hints: Hints,
  signal: AbortSignal,
): Promise<Identity> {
  const found = await lookUp(services, account, hints, signal);
  return readClaimed(services, account, { ...found, did: requirePlc(found.did) }, hints, signal);
}

/**
 * The same for an identity of either kind. A did:web has no log that shows an earlier handle: there, what an earlier
 * run remembers counts.
 *
 * @throws DecampError as `findIdentity`, but `unsupported`
 */
export async function findAnyIdentity(
  services: AccountServices,
  account: Account,
  hints: Hints,
  signal: AbortSignal,
): Promise<AnyIdentity> {
  const found = await lookUp(services, account, hints, signal);
  if (!isWebDid(found.did)) {
    return readClaimed(services, account, found, hints, signal);
  }
  const identity = await readWebIdentity(services, found.did, signal);
  const isRemembered = hints.past === true && hints.remembered?.includes(found.did) === true;
  if (account.type === "handle" && !isSame(identity.document.handle, account.handle) && !isRemembered) {
    throw notClaimed(account.handle, found.did, identity.document.handle);
  }
  return identity;
}

async function readClaimed(
  services: AccountServices,
  account: Account,
  found: Found,
  hints: Hints,
  signal: AbortSignal,
): Promise<Identity> {
  const identity = await readIdentity(services, found.did, signal);
  requireClaim(account, found, identity.document.handle, identity.log, hints.past === true);
  return identity;
}

/**
 * Finds an account and reads its log. The DID document is not asked for: it says nothing that the log does not.
 *
 * @param text a handle or a DID
 * @param options as `Hints`; `anyState`: take the account although the head does not claim the handle
 * @throws DecampError `account-not-found`, `invalid-account`, `unsupported` for a did:web, `identity-invalid` for a
 *   head that does not claim the handle, and as `readLog`
 */
export async function readAccount(
  services: AccountServices,
  text: string,
  options: Hints & { readonly anyState?: boolean },
  signal: AbortSignal,
): Promise<AccountLog> {
  const account = parseAccount(text);
  const found = await lookUp(services, account, options, signal);
  const read = await readLog(services, requirePlc(found.did), signal);
  const claimed = claimedHandle(contentOf(read.log.head.operation)?.alsoKnownAs ?? []);
  if (options.anyState !== true) {
    requireClaim(account, found, claimed, read.log, options.past === true);
  }
  const asked = account.type === "handle" && options.anyState === true ? account.handle : undefined;
  return { ...read, did: found.did, handle: asked ?? claimed };
}

/**
 * Finds where an account lives, with as few requests as that takes: of a did:plc the verified log says it all, of a
 * did:web its document.
 *
 * @param hints `from`: also holds the account, whatever the identity says; `known`: the DID that the handle is known
 *   for, from an archive. It is believed as long as that identity claims the handle, and nobody is asked then
 * @throws DecampError `account-not-found`; `identity-invalid` for a log or document that is not in order, an identity
 *   that was given up, that does not claim the handle, or names no server; and what the services throw
 */
export async function locateAccount(
  services: AccountServices,
  account: Account,
  hints: { readonly from?: string | undefined; readonly known?: string | undefined },
  signal: AbortSignal,
): Promise<LocatedAccount> {
  const { from, known } = hints;
  const did = account.type === "did" ? account.did : (known ?? (await findDid(services, account, from, signal)));
  const located = await (isWebDid(did)
    ? locateWeb(services, did, from, signal)
    : locatePlc(services, did, from, signal));
  if (account.type === "handle" && !isSame(located.handle, account.handle)) {
    if (known !== undefined) {
      return locateAccount(services, account, { from }, signal);
    }
    throw notClaimed(account.handle, did, located.handle);
  }
  return located;
}

/**
 * The DID that a name leads to. Whether the account calls itself by the handle is not asked here.
 *
 * @param from as in `Hints`
 * @throws DecampError `account-not-found`, `identity-invalid` when DNS names two, and what the services throw
 */
export async function findDid(
  services: Pick<AccountServices, "openPds" | "handles">,
  account: Account,
  from: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  return (await lookUp(services, account, { from }, signal)).did;
}

/** The same for what works only with a did:plc. @throws DecampError `unsupported` for a did:web, and as `findDid` */
export async function findPlcDid(
  services: Pick<AccountServices, "openPds" | "handles">,
  account: Account,
  from: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  return requirePlc(await findDid(services, account, from, signal));
}

/** The handle that a list of aliases claims, in lower case; undefined if there is none. */
export function claimedHandle(aliases: readonly string[]): string | undefined {
  return handleAmong(aliases)?.toLowerCase();
}

/** The error for a handle that leads to an account which calls itself something else. */
export function notClaimed(handle: string, did: string, claimed: string | undefined): DecampError {
  return new DecampError(
    "identity-invalid",
    `${handle} leads to ${did}, but that account calls itself ${claimed ?? "nothing"}.`,
    {
      hint: `If that is the account that you mean, give its DID: ${did}.`,
      data: { rule: "handle/not-claimed", did, handle, claimed },
    },
  );
}

/** The DID that a name leads to. */
export interface Found {
  readonly did: string;
  /** Whether the DID is one that an earlier run knew for the handle, since nothing answered. */
  readonly fromMemory: boolean;
}

/**
 * The DID that a name leads to, or that earlier runs knew for it where nothing answers. What is remembered has to be
 * shown by the log: see `hadHandle`.
 *
 * @throws DecampError as `findDid`
 */
export async function lookUp(
  services: Pick<AccountServices, "openPds" | "handles">,
  account: Account,
  { from, remembered = [] }: Hints,
  signal: AbortSignal,
): Promise<Found> {
  if (account.type === "did") {
    return { did: account.did, fromMemory: false };
  }
  const { handle } = account;
  let silent: DecampError | undefined;
  const ask = async (way: () => Promise<string | undefined>): Promise<string | undefined> => {
    try {
      return await way();
    } catch (error) {
      if (!isDecampError(error, "unreachable", "bad-answer", "rate-limited")) {
        throw error;
      }
      silent ??= error;
      return undefined;
    }
  };
  const did =
    (from === undefined ? undefined : await ask(async () => services.openPds(from).resolveHandle(handle, signal))) ??
    (await ask(async () => services.handles.resolve(handle, signal)));
  if (did !== undefined) {
    return { did, fromMemory: false };
  }
  const [known, ...others] = new Set(remembered);
  if (known !== undefined && others.length === 0) {
    return { did: known, fromMemory: true };
  }
  throw (
    silent ??
    new DecampError("account-not-found", `The handle ${handle} leads to no account.`, {
      hint: "Look at the name once more: after a move it may be another one, and that of a deactivated account often leads nowhere. Give the account's DID: decamp archive ls shows it of an archive. Or name the server that knows the handle with --from.",
      data: { handle },
    })
  );
}

/** @throws DecampError `identity-invalid` if the account does not claim the handle that it was asked for by */
function requireClaim(
  account: Account,
  { did, fromMemory }: Found,
  claimed: string | undefined,
  log: VerifiedLog,
  past: boolean,
): void {
  if (account.type === "did" || isSame(claimed, account.handle)) {
    return;
  }
  if (!((past || fromMemory) && hadHandle(log, account.handle))) {
    throw notClaimed(account.handle, did, claimed);
  }
}

/** Whether a log shows that the account has claimed a handle, at any time. */
export function hadHandle({ entries }: VerifiedLog, handle: string): boolean {
  return entries.some(
    ({ nullified, operation }) => !nullified && isSame(claimedHandle(contentOf(operation)?.alsoKnownAs ?? []), handle),
  );
}

function isSame(claimed: string | undefined, handle: string): boolean {
  return claimed?.toLowerCase() === handle.toLowerCase();
}

function requirePlc(did: string): string {
  if (!isPlcDid(did)) {
    throw new DecampError("unsupported", `${did} is a did:web. This works with accounts that have a did:plc.`, {
      hint: "The identity of a did:web is a document on its own host, and is changed there. decamp migrate and decamp restore make it for you; a move is taken back by moving back.",
    });
  }
  return did;
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
    handle: claimedHandle(content.alsoKnownAs),
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
