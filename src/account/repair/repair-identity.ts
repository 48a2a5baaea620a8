/**
 * An identity that does not say what the server that holds the account needs: its signing key, or its address since the
 * server has another. The server itself is asked, as the account's owner; nothing else of the identity changes.
 *
 * - The signing key is taken only where the server proves that it has the account: the newest commit is signed with
 *   that key, or with one that the identity has named before, and it is not the commit of a copy that was only begun.
 * - An address is taken only from who types it, never from what a server says of itself. The server there has to have
 *   the account at the head that was seen last, or a newer one, signed with a key of the log, call itself by that
 *   address, and have the key of the account: a mirror can show all that is public, and has it sign nothing.
 * - What is public is proved before a password is sent to an address that the identity does not name.
 */

import { DecampError, isDecampError } from "../../errors.ts";
import type { KeyKnowledge } from "../../plc/change-facts.ts";
import { editOperation, type IdentityEdit } from "../../plc/edit.ts";
import type { Intent } from "../../plc/judge.ts";
import { contentOf, pdsOf, signingKeyOf } from "../../plc/operation.ts";
import type { RecommendedCredentials } from "../../plc/update.ts";
import { isServiceTokenBy } from "../../identity/service-token.ts";
import { emptyTree } from "../../repo/head.ts";
import { proveCommit, type ProvedCommit } from "../../repo/commit-proof.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { ChangeParts, ChangeResult } from "../change.ts";
import { readAccount, type AccountLog } from "../find.ts";
import { commitAt, requireState, stateAt } from "../places.ts";
import { lackingParts, originOf } from "./lacking-parts.ts";
import { withSession, type ServerSession } from "./own-server.ts";
import { changeByWhoeverSigns, type SigningOptions } from "./who-signs.ts";

/** What is to be brought in order, and how. */
export interface RepairRequest extends SigningOptions {
  /** A handle or a DID. */
  readonly account: string;
  /** Origin of the server that is asked for the handle. */
  readonly from?: string | undefined;
  /** Origin of the server that holds the account, where the identity names another address. */
  readonly server?: string | undefined;
  /** The revision that was seen last; it has to be known for another address. */
  readonly seenRev?: string | undefined;
}

/** What came of it: the identity was changed, or says all that the server needs. */
export type RepairResult =
  | ({ readonly state: "repaired"; readonly did: string } & ChangeResult)
  | { readonly state: "in-order"; readonly did: string };

/**
 * Lets an identity say what the server that holds the account needs.
 *
 * @throws DecampError `refused` for a server that does not prove that it has the account, or a change that was not
 *   confirmed; what signing in, signing and submitting throw
 */
export async function repairIdentity(told: ChangeParts, request: RepairRequest): Promise<RepairResult> {
  const parts = request.server === undefined ? told : { ...told, named: [...(told.named ?? []), request.server] };
  const account = await readAccount(parts.services, request.account, { ...request, anyState: true }, parts.signal);
  const { did, log } = account;
  const named = pdsOf(log.head.operation);
  const server = request.server === originOf(named) ? undefined : request.server;
  const typed = { ...request, server };
  if (server !== undefined) {
    await requireShown(parts, account, typed);
  }
  return withSession(parts, account, typed, undefined, async (session) => {
    const own = requireOwn(session);
    await requireProof(parts, account, session.pds, own, typed);
    const isActive = async (): Promise<boolean> => (await stateAt(session.pds, did, parts.signal)) === "active";
    const edit: IdentityEdit =
      server === undefined ? lackingParts(log.head.operation, own, await isActive()) : { pds: server };
    if (Object.keys(edit).length === 0) {
      return { state: "in-order", did };
    }
    const operation = editOperation(log.head, edit);
    const intent = (known: KeyKnowledge): Intent => ({ ...intentOf(known), expectedKeys: edit.addRotationKeys ?? [] });
    const asked = { account, operation, user: [], intent };
    return { state: "repaired", did, ...(await changeByWhoeverSigns(parts, asked, request, session)) };
  });
}

/** Nothing of the keys is to change. */
function intentOf(known: KeyKnowledge): Intent {
  return { userKeys: known.user ?? [], known };
}

/** @throws DecampError `refused` if the server does not say what it needs */
function requireOwn({ pds, own }: ServerSession): RecommendedCredentials {
  if (own === undefined) {
    throw new DecampError("refused", `${pds.host} does not say which signing key it has for the account.`, {
      hint: "Ask its operator. Then decamp plc diff --signing-key plans the change.",
    });
  }
  return own;
}

/** Whether a server is the right one, and what is known of the account. */
type Typed = Pick<RepairRequest, "seenRev"> & { readonly server: string | undefined };

/**
 * Proves what a server shows everybody, before anything is sent to it that is a secret. An account that is not active
 * is shown to nobody but its owner.
 *
 * @throws DecampError `refused`; what its answers throw
 */
async function requireShown({ services, signal }: ChangeParts, account: AccountLog, typed: Typed): Promise<void> {
  requireLiving(account);
  const pds = services.openPds(typed.server ?? "");
  if (typed.seenRev === undefined) {
    throw new DecampError("refused", "Nothing here says which revision of the account was seen last.", {
      hint: `Name the archive of the account with --archive. Without it nobody can tell whether ${pds.host} has the account as it was.`,
      data: { reason: "nothing-seen" },
    });
  }
  const state = await requireState(pds, account.did, undefined, signal);
  if (state === "absent") {
    throw new DecampError("refused", `${pds.host} says that it does not have the account.`, {
      hint: "Look whether it is the right address.",
      data: { reason: "absent" },
    });
  }
  if (state === "active") {
    await requireHead(account, pds, account.log.signingKeys, typed, signal);
  }
}

/** @throws DecampError `refused` if the server does not prove that it has the account; what its answers throw */
async function requireProof(
  { signal }: ChangeParts,
  account: AccountLog,
  pds: Pds,
  own: RecommendedCredentials,
  typed: Typed,
): Promise<void> {
  requireLiving(account);
  const { did, log } = account;
  const { server } = typed;
  if (server === undefined) {
    await requireHead(account, pds, [...log.signingKeys, own.signingKey], typed, signal);
    return;
  }
  await requireHead(account, pds, log.signingKeys, typed, signal);
  if (originOf(own.pds.endpoint) !== server) {
    throw new DecampError("refused", `The server at ${server} calls itself ${own.pds.endpoint}.`, {
      hint: "Give the address by which it calls itself, if you know it as that of your server.",
      data: { reason: "other-address" },
    });
  }
  const key = signingKeyOf(log.head.operation);
  if (key === undefined || own.signingKey !== key || !(await hasKey(pds, did, key, signal))) {
    throw new DecampError("refused", `${pds.host} does not show that it has the signing key of the account.`, {
      hint: "Whoever copies what is public can show all the rest. Ask the operator of that server, by another way than this address.",
      data: { reason: "no-key" },
    });
  }
}

/** @throws DecampError `refused` for an identity that was given up */
function requireLiving({ did, log }: AccountLog): void {
  if (contentOf(log.head.operation) === undefined) {
    throw new DecampError("refused", "This identity was given up: its last operation is a tombstone.", {
      hint: "See what can still be undone:",
      data: { next: ["plc", "history", did] },
    });
  }
}

/**
 * Whether a server has something signed with the key of the account, when its owner asks for it. One that passes on to
 * the real server what the owner sends is not told from it.
 */
async function hasKey(pds: Pds, did: string, key: string, signal: AbortSignal): Promise<boolean> {
  const asked = {
    issuer: did,
    audience: `did:web:${pds.host.replace(":", "%3A")}`,
    method: "com.atproto.sync.getRepo",
  };
  try {
    return isServiceTokenBy(key, await pds.serviceToken(asked.audience, asked.method, signal), asked);
  } catch (error) {
    if (!isDecampError(error, "server-refused", "unsupported", "bad-answer")) {
      throw error;
    }
    return false;
  }
}

/**
 * Proves the newest commit that a server shows.
 *
 * @throws DecampError `refused` if it is older than what was seen, of a copy without records, or signed by none of the
 *   keys
 */
async function requireHead(
  { did, log }: AccountLog,
  pds: Pds,
  keys: readonly string[],
  { server, seenRev }: Typed,
  signal: AbortSignal,
): Promise<void> {
  const head = await proveHead(pds, did, keys, signal);
  if (seenRev !== undefined && head.rev < seenRev) {
    throw new DecampError("refused", `${pds.host} has the account at ${head.rev}, and ${seenRev} was seen already.`, {
      hint: "What is there is older than what was. If that server was set back to a backup, ask its operator first.",
      data: { reason: "older", rev: head.rev },
    });
  }
  // A copy that was only begun is signed with a key of its own, which no log has named.
  if (server === undefined && head.data === emptyTree && !log.signingKeys.includes(head.signingKey)) {
    throw new DecampError(
      "refused",
      `The account has no records at ${pds.host}, and its key is none of the account's.`,
      {
        hint: "This is how a copy looks that a move has only begun. See where the account has lived, and how it is there:",
        data: { reason: "empty", next: ["account", "status", did] },
      },
    );
  }
}

async function proveHead(pds: Pds, did: string, keys: readonly string[], signal: AbortSignal): Promise<ProvedCommit> {
  const car = await commitAt(pds, did, signal);
  if (car === undefined) {
    throw new DecampError("refused", `${pds.host} does not show the newest commit of the account.`, {
      hint: "Without it nobody can tell which key it signs with. Ask its operator.",
      data: { reason: "no-head" },
    });
  }
  try {
    return await proveCommit(car, did, keys);
  } catch (error) {
    if (!isDecampError(error, "damaged")) {
      throw error;
    }
    throw new DecampError(
      "refused",
      `The newest commit at ${pds.host} is signed with none of the keys that it may be: ${error.message}`,
      {
        hint: "A key that signs nothing does not come into the identity. Ask the operator of that server which key it signs with.",
        data: { reason: "other-key" },
        cause: error,
      },
    );
  }
}
