/**
 * An identity that does not say what the server that holds the account needs: its signing key, or its address since the
 * server has another. The server itself is asked, as the account's owner; nothing else of the identity changes.
 *
 * - The signing key is taken only where the server proves that it has the account: the newest commit is signed with
 *   that key, or with one that the identity has named before.
 * - An address is taken only from who types it, never from what a server says of itself. The server there has to have
 *   the account at the head that was seen last, or a newer one, signed with a key of the log, and call itself by that
 *   address.
 */

import { DecampError, isDecampError } from "../../errors.ts";
import type { KeyKnowledge } from "../../plc/change-facts.ts";
import type { SignedAnswer } from "../../plc/diff.ts";
import { editOperation } from "../../plc/edit.ts";
import { judgeOperation } from "../../plc/judge.ts";
import { contentOf, pdsOf, rotationKeysOf, signingKeyOf } from "../../plc/operation.ts";
import { predecessorAt } from "../../plc/place.ts";
import type { RecommendedCredentials } from "../../plc/update.ts";
import { proveCommit, type ProvedCommit } from "../../repo/commit-proof.ts";
import type { Pds } from "../../services/servers/pds.ts";
import { carryOut, type ChangeOptions, type ChangeParts, type ChangePlan, type ChangeResult } from "../change.ts";
import { timeAtDirectory } from "../directory-time.ts";
import { readAccount, type AccountLog } from "../find.ts";
import { commitAt } from "../places.ts";
import { signByKey, type Signer } from "../sign-by-key.ts";
import { changeByServer, withSession, type ServerSession } from "./own-server.ts";

/** What is to be brought in order, and how. */
export interface RepairRequest extends ChangeOptions {
  /** A handle or a DID. */
  readonly account: string;
  /** Origin of the server that is asked for the handle. */
  readonly from?: string | undefined;
  /** Origin of the server that holds the account, where the identity names another address. */
  readonly server?: string | undefined;
  /** The revision that was seen last; it has to be known for another address. */
  readonly seenRev?: string | undefined;
  /** Opens a rotation key that is held, one of these did:keys; without it the server signs. */
  readonly openSigner?: ((didKeys: readonly string[]) => Promise<Signer>) | undefined;
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
export async function repairIdentity(parts: ChangeParts, request: RepairRequest): Promise<RepairResult> {
  const account = await readAccount(parts.services, request.account, { ...request, anyState: true }, parts.signal);
  const { did, log } = account;
  const named = pdsOf(log.head.operation);
  const server = request.server === named ? undefined : request.server;
  return withSession(parts, account, { ...request, server }, undefined, async (session) => {
    const own = requireOwn(session);
    await requireProof(parts, account, session.pds, own, { ...request, server });
    const edit = { signingKey: own.signingKey, ...(server === undefined ? {} : { pds: server }) };
    const operation = editOperation(log.head, edit);
    if (server === undefined && signingKeyOf(log.head.operation) === own.signingKey) {
      return { state: "in-order", did };
    }
    const plan = (known: KeyKnowledge): ChangePlan => {
      const intent = { userKeys: known.user ?? [], known };
      return { account, operation, judgement: judgeOperation(log, operation, intent, timeAtDirectory(parts.services)) };
    };
    const keys = rotationKeysOf(log.head.operation);
    if (request.openSigner === undefined) {
      const signers = keys.filter((one) => own.rotationKeys.includes(one));
      const known = { user: [], oldServer: own.rotationKeys, ...(signers.length > 0 ? { signers } : {}) };
      return { state: "repaired", did, ...(await changeByServer(parts, plan(known), request, session)) };
    }
    const signer = await request.openSigner(keys);
    const byKey = plan({ user: [signer.didKey], oldServer: own.rotationKeys, signers: [signer.didKey] });
    const sign = async (): Promise<SignedAnswer> => signByKey(operation, signer, predecessorAt(byKey.judgement.place));
    return { state: "repaired", did, ...(await carryOut(parts, byKey, request, sign, session.pds)) };
  });
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

/** @throws DecampError `refused` if the server does not prove that it has the account; what its answers throw */
async function requireProof(
  { signal }: ChangeParts,
  { did, log }: AccountLog,
  pds: Pds,
  own: RecommendedCredentials,
  { server, seenRev }: Pick<RepairRequest, "server" | "seenRev">,
): Promise<void> {
  if (contentOf(log.head.operation) === undefined) {
    throw new DecampError("refused", "This identity was given up: its last operation is a tombstone.", {
      hint: "See what can still be undone:",
      data: { next: ["plc", "history", did] },
    });
  }
  if (server !== undefined && seenRev === undefined) {
    throw new DecampError("refused", "Nothing here says which revision of the account was seen last.", {
      hint: `Name the archive of the account with --archive. Without it nobody can tell whether ${pds.host} has the account as it was.`,
      data: { reason: "nothing-seen" },
    });
  }
  const keys = server === undefined ? [...log.signingKeys, own.signingKey] : log.signingKeys;
  const head = await proveHead(pds, did, keys, signal);
  if (seenRev !== undefined && head.rev < seenRev) {
    throw new DecampError("refused", `${pds.host} has the account at ${head.rev}, and ${seenRev} was seen already.`, {
      hint: "What is there is older than what was. If that server was set back to a backup, ask its operator first.",
      data: { reason: "older", rev: head.rev },
    });
  }
  if (server !== undefined && new URL(own.pds.endpoint).origin !== server) {
    throw new DecampError("refused", `The server at ${server} calls itself ${own.pds.endpoint}.`, {
      hint: "Give the address by which it calls itself, if you know it as that of your server.",
      data: { reason: "other-address" },
    });
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
