/**
 * Takes back a move whose identity has changed already: the identity names the old server again, the account is active there,
 * and no longer on the new one. A rotation key of the user's own has to sign; what it takes is in plc/recover.ts.
 *
 * Tricky bits:
 * - The old server has to let the account in before anything is changed: an identity that names a server without the
 *   account would be worse than the move.
 * - A key that stands above the signer of the move nullifies it. Where none does, or it is too late, a key that is still in
 *   the list may say the old state again, as a next operation.
 */

import { carryOut, type ChangeParts, type ChangePlan, type ChangeResult } from "../account/change.ts";
import { timeAtDirectory } from "../account/directory-time.ts";
import { readAccount, type AccountLog } from "../account/find.ts";
import { signByKey, type Signer } from "../account/sign-by-key.ts";
import { signIn } from "../account/sign-in.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { parseAccount, parseServerUrl } from "../identity/syntax.ts";
import { judgeOperation } from "../plc/judge.ts";
import type { LogEntry, VerifiedLog } from "../plc/log.ts";
import { normalizeOperation, pdsOf, rotationKeysOf, type UnsignedOperation } from "../plc/operation.ts";
import { predecessorAt } from "../plc/place.ts";
import { activeEntries, planRecovery, recoveryOperation } from "../plc/recover.ts";
import { updateOperation } from "../plc/update.ts";
import { takeLock } from "../services/lock.ts";
import type { Pds } from "../services/pds.ts";
import type { MigrationServices } from "./context.ts";
import { findJournals, lockPath, removeJournal, type JournalState } from "./journal.ts";
import { stateAt } from "./status.ts";

export interface UndoRequest {
  /** The handle, the old or the new one, or the DID. */
  readonly account: string;
  /** Origin of the server that is asked for the handle. */
  readonly from?: string | undefined;
  /** CID of the operation that moved it, where no journal says so. */
  readonly operation?: string | undefined;
  readonly stateDir: string;
  readonly allowPrivateHosts: boolean;
  /** Opens the rotation key that is held, one of these did:keys. */
  readonly openSigner: (didKeys: readonly string[]) => Promise<Signer>;
}

export interface UndoParts extends ChangeParts {
  readonly services: MigrationServices;
  readonly warn: (code: string, message: string) => void;
}

export interface UndoResult {
  /** `undone` now; `finished` when the identity named the old server again already, and only the accounts were left. */
  readonly state: "undone" | "finished";
  readonly did: string;
  /** Origin of the old server, where the account lives again, and of the new one. */
  readonly source: string;
  readonly target: string;
  /** CID of the operation that moved the identity. */
  readonly undone: string;
  /** The operation that undid it, if it was made now. */
  readonly change?: ChangeResult;
  /** Whether the account is still active on the new server: it could not be deactivated there. */
  readonly targetStillActive: boolean;
}

/** The move that is to be undone: its operation, and the one before it. */
interface Moved {
  readonly operation: LogEntry;
  readonly before: LogEntry;
  readonly source: string;
  readonly target: string;
}

/**
 * Undoes a move. If it is interrupted, the same call goes on.
 *
 * @throws DecampError `refused` when it is not clear what the move was, the old server does not have the account any more, or
 *   no key that is held can undo it (data `reason`); and what signing in, signing and submitting throw
 */
export async function undoMove(parts: UndoParts, request: UndoRequest): Promise<UndoResult> {
  const { services, signal } = parts;
  const { stateDir } = request;
  const journals = await findJournals(stateDir, parseAccount(request.account));
  const name = journals[0]?.did ?? request.account;
  const account = await readAccount(services, name, { from: request.from, anyState: true }, signal);
  const { did } = account;
  const unlock = await takeLock(lockPath(stateDir, did), services.lockOwner, services.now());
  try {
    const moved = findMove(account, await findJournals(stateDir, { did }), request);
    const source = await openSource(parts, account, moved);
    try {
      const change = isBack(account, moved) ? undefined : await changeBack(parts, account, moved, source, request);
      await source.activate(signal);
      const targetStillActive = !(await leaveTarget(parts, account, moved));
      await removeJournal(stateDir, did, moved.target);
      return {
        state: change === undefined ? "finished" : "undone",
        did,
        source: source.origin,
        target: moved.target,
        undone: moved.operation.cid,
        ...(change === undefined ? {} : { change }),
        targetStillActive,
      };
    } finally {
      await source.signOut();
    }
  } finally {
    await unlock();
  }
}

/** Whether the identity names the old server again: an earlier run was interrupted then, or somebody else did it. */
function isBack({ log }: AccountLog, { operation, source }: Moved): boolean {
  return log.head.cid !== operation.cid && pdsOf(log.head.operation) === source;
}

async function changeBack(
  parts: UndoParts,
  account: AccountLog,
  moved: Moved,
  source: Pds,
  { openSigner, allowPrivateHosts }: UndoRequest,
): Promise<ChangeResult> {
  const keys = activeEntries(account.log)
    .toReversed()
    .flatMap(({ operation }) => rotationKeysOf(operation));
  const signer = await openSigner([...new Set(keys)]);
  const plan = planUndo(account, moved, signer.didKey, timeAtDirectory(parts.services));
  await compareRepos(parts, account.did, source, moved);
  return carryOut(
    parts,
    plan,
    { route: "server", allowPrivateHosts },
    async () => Promise.resolve(signByKey(plan.operation, signer, predecessorAt(plan.judgement.place))),
    source,
  );
}

/** What was named, or what a journal says was the move: its newest one in the log. @throws DecampError `refused` */
function findMove({ did, log }: AccountLog, journals: readonly JournalState[], request: UndoRequest): Moved {
  const { entries } = log;
  const signed = new Set(
    request.operation === undefined ? journals.map((one) => one.signed?.cid) : [request.operation],
  );
  const operation = entries.findLast(({ cid }) => signed.has(cid));
  const before = entries.find(({ cid }) => cid === operation?.operation.prev);
  const [source, target] = [pdsOf(before?.operation), pdsOf(operation?.operation)];
  if (before === undefined || operation === undefined || source === undefined || target === undefined) {
    throw noMove(log);
  }
  if (source === target) {
    throw new DecampError("refused", `The operation ${operation.cid} did not move ${did} to another server.`, {
      hint: "Nothing was changed. To undo something else, see decamp plc recover.",
      data: { reason: "no-move" },
    });
  }
  const { allowPrivateHosts } = request;
  return {
    before,
    operation,
    source: parseServerUrl(source, { allowPrivateHosts }),
    target: parseServerUrl(target, { allowPrivateHosts }),
  };
}

/** Which operation was a move is for the person to say where no journal does. */
function noMove(log: VerifiedLog): DecampError {
  const chain = activeEntries(log);
  const last = chain.findLast(
    ({ operation }, index) => index > 0 && pdsOf(operation) !== pdsOf(chain[index - 1]?.operation),
  );
  return new DecampError("refused", `This machine knows of no move of ${log.did} whose operation is in the log.`, {
    hint:
      last === undefined
        ? "Nothing was changed. The log has no operation that changed the server."
        : `Nothing was changed. If you mean the last one that changed the server, of ${last.createdAt}, add --operation ${last.cid}.`,
    data: { reason: "no-move", candidate: last?.cid },
  });
}

/** The operation that names the old server again. @throws DecampError `refused` as `planRecovery` */
function planUndo(account: AccountLog, moved: Moved, didKey: string, now: number): ChangePlan {
  const { log } = account;
  let operation: UnsignedOperation;
  try {
    operation = recoveryOperation(planRecovery(log, { unwanted: moved.operation.cid, heldKeys: [didKey], now }));
  } catch (error) {
    const keys = [rotationKeysOf(log.head.operation), rotationKeysOf(moved.before.operation)];
    const before = moved.before.operation;
    if (!isDecampError(error, "refused") || before.type === "plc_tombstone" || !keys.every((k) => k.includes(didKey))) {
      throw error;
    }
    operation = updateOperation(log.head, () => normalizeOperation(before));
  }
  const judgement = judgeOperation(
    log,
    operation,
    {
      userKeys: [didKey],
      expectedKeys: operation.rotationKeys,
      leavingKeys: rotationKeysOf(log.head.operation),
      endpoint: pdsOf(operation) ?? moved.source,
    },
    now,
  );
  return { account, operation, judgement };
}

/** A session at the old server. @throws DecampError `refused` if the account is not there any more */
async function openSource({ services, answers, signal }: UndoParts, account: AccountLog, moved: Moved): Promise<Pds> {
  const source = services.openPds(moved.source);
  if ((await stateAt(source, account.did, signal)) === "absent") {
    throw new DecampError(
      "refused",
      `${source.host} does not have the account any more: there is nothing to go back to.`,
      {
        hint: "Nothing was changed. To bring everything back there, move with decamp migrate.",
        data: { reason: "not-there" },
      },
    );
  }
  await signIn(source, account, answers, "sourcePassword", signal);
  return source;
}

/** Says that something was written on the new server. */
async function compareRepos(
  { services, signal, warn }: UndoParts,
  did: string,
  source: Pds,
  moved: Moved,
): Promise<void> {
  const target = services.openPds(moved.target);
  try {
    const [old, now] = await Promise.all([source.latestCommit(did, signal), target.latestCommit(did, signal)]);
    if (old.cid !== now.cid) {
      warn(
        "written-since",
        `The repository at ${target.host} has changed since the move. What was written there stays there, and is not at ${source.host}.`,
      );
    }
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    warn(
      "not-compared",
      `Nobody can say whether something was written at ${target.host} since the move: ${error.message}`,
    );
  }
}

/** Deactivates the account on the new server; false if that could not be done. */
async function leaveTarget(parts: UndoParts, account: AccountLog, moved: Moved): Promise<boolean> {
  const { services, answers, signal, warn } = parts;
  const target = services.openPds(moved.target);
  try {
    if ((await stateAt(target, account.did, signal)) !== "active") {
      return true;
    }
    await signIn(target, account, answers, "targetPassword", signal);
    await target.deactivate(signal);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (!isDecampError(error)) {
      throw error;
    }
    warn("target-still-active", `The account at ${target.host} is still active there: ${error.message}`);
    return false;
  } finally {
    await target.signOut();
  }
}
