/**
 * Takes back a move whose identity has changed already: the identity names the old server again, the account is active
 * there, and no longer on the new one. A rotation key of the user's own has to sign; what it takes is in
 * plc/recover.ts.
 *
 * Tricky bits:
 * - The old server has to let the account in before anything is changed: an identity that names a server without the
 *   account would be worse than the move.
 * - A key that stands above the signer of the move nullifies it. Where none does, or it is too late, a key that is
 *   still in the list may say the old state again, as a next operation.
 */

import { carryOut, type ChangeParts, type ChangePlan, type ChangeResult } from "../account/change.ts";
import { clocksApart, timeAtDirectory } from "../account/directory-time.ts";
import { readAccount, type AccountLog } from "../account/find.ts";
import { headAt, stateAt, type PlaceState } from "../account/places.ts";
import { clocksDiffer } from "../account/recover.ts";
import { signByKey, type Signer } from "../account/sign-by-key.ts";
import { ownerOf, signIn } from "../account/sign-in.ts";
import { livesAt, moveBy, recentMoves, whereIs, type MoveInLog } from "../account/where.ts";
import { DecampError, expectedFailure, isDecampError, withStanding } from "../errors.ts";
import { parseServerUrl } from "../identity/addresses.ts";
import { parseAccount } from "../identity/names.ts";
import type { OperationFinding } from "../plc/check.ts";
import { judgeOperation } from "../plc/judge.ts";
import type { VerifiedLog } from "../plc/log.ts";
import { contentOf, pdsOf, rotationKeysOf, signingKeyOf, type UnsignedOperation } from "../plc/operation.ts";
import { predecessorAt } from "../plc/place.ts";
import { activeEntries, planRecovery, recoveryOperation } from "../plc/recover.ts";
import { undoBetween } from "../plc/undo.ts";
import { updateOperation } from "../plc/update.ts";
import type { Pds } from "../services/servers/pds.ts";
import type { MigrationServices } from "./context.ts";
import {
  findJournals,
  journalFormat,
  lockAccount,
  openJournal,
  rememberedDids,
  removeJournal,
  type JournalState,
  temporaryKeysIn,
} from "./journal.ts";

/** Which move is to be undone. */
export interface UndoRequest {
  /** The handle, the old or the new one, or the DID. */
  readonly account: string;
  /** Origin of the server that is asked for the handle. */
  readonly from?: string | undefined;
  /** CID of the operation that moved it; the last move of the log unless given. */
  readonly operation?: string | undefined;
  readonly stateDir: string;
  readonly allowPrivateHosts: boolean;
  /** Opens the rotation key that is held, one of these did:keys. */
  readonly openSigner: (didKeys: readonly string[]) => Promise<Signer>;
}

/** Whom undoing a move needs. */
export interface UndoParts extends ChangeParts {
  readonly services: MigrationServices;
  readonly warn: (code: string, message: string) => void;
}

/** What came of undoing a move. */
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
  /** What the new server says of the account at the end. */
  readonly targetState: PlaceState;
}

/**
 * Undoes a move: the last one that the log shows, or the one that is named. If it is interrupted, the same call goes
 * on.
 *
 * @throws DecampError `refused` when it is not clear what the move was, the old server does not have the account any
 *   more, or no key that is held can undo it (data `reason`); and what signing in, signing and submitting throw
 */
export async function undoMove(parts: UndoParts, request: UndoRequest): Promise<UndoResult> {
  const { services, signal } = parts;
  const { stateDir, from } = request;
  const name = parseAccount(request.account);
  const remembered = name.type === "handle" ? await rememberedDids(stateDir, name.handle) : [];
  const account = await readAccount(services, request.account, { from, remembered, anyState: true }, signal);
  const { did } = account;
  const unlock = await lockAccount(stateDir, did, services.lockOwner, services.now());
  try {
    const moved = await findMove(parts, account, await findJournals(stateDir, did), request);
    const source = await openSource(parts, account, moved);
    try {
      await remember(parts, request, account, moved);
      const change = isBack(account, moved) ? undefined : await changeBack(parts, account, moved, source, request);
      return await finish(parts, request, account, moved, source, change);
    } finally {
      await source.signOut();
    }
  } finally {
    await unlock();
  }
}

/** The identity names the old server again: what is left are the accounts. */
async function finish(
  parts: UndoParts,
  { stateDir }: UndoRequest,
  account: AccountLog,
  moved: MoveInLog,
  source: Pds,
  change: ChangeResult | undefined,
): Promise<UndoResult> {
  try {
    await source.activate(parts.signal);
    const targetStillActive = !(await leaveTarget(parts, account, moved));
    if (!targetStillActive) {
      await removeJournal(stateDir, account.did, moved.target);
    }
    return {
      state: change === undefined ? "finished" : "undone",
      did: account.did,
      source: source.origin,
      target: moved.target,
      undone: moved.operation.cid,
      ...(change === undefined ? {} : { change }),
      targetStillActive,
      targetState: await stateAt(parts.services.openPds(moved.target), account.did, parts.signal),
    };
  } catch (error) {
    throw withStanding(
      error,
      "changed",
      `The identity names ${moved.source} again, so finish this soon: run the same command again.`,
    );
  }
}

/** Writes down that this undoing has begun: an operation that says the old state again looks like a move otherwise. */
async function remember(
  { services }: UndoParts,
  { stateDir }: UndoRequest,
  { did, handle = did }: AccountLog,
  { operation, source, target }: MoveInLog,
): Promise<void> {
  const journal = await openJournal(stateDir, did, target);
  try {
    if (journal.state.did === undefined) {
      const at = new Date(services.now()).toISOString();
      await journal.append({ type: "begin", format: journalFormat, did, handle, source, target, at });
    }
    if (journal.state.undo !== operation.cid) {
      await journal.append({ type: "undo", operation: operation.cid });
    }
  } finally {
    await journal.close();
  }
}

/** Whether the identity names the old server again: an earlier run was interrupted then, or somebody else did it. */
function isBack({ log }: AccountLog, { operation, source }: MoveInLog): boolean {
  return log.head.cid !== operation.cid && livesAt(log, source);
}

async function changeBack(
  parts: UndoParts,
  account: AccountLog,
  moved: MoveInLog,
  source: Pds,
  { openSigner, allowPrivateHosts, stateDir }: UndoRequest,
): Promise<ChangeResult> {
  const keys = activeEntries(account.log)
    .toReversed()
    .flatMap(({ operation }) => rotationKeysOf(operation));
  const signer = await openSigner([...new Set(keys)]);
  const temporaryKeys = temporaryKeysIn(await findJournals(stateDir, account.did));
  const { services } = parts;
  const held = { didKey: signer.didKey, temporaryKeys };
  const plan = planUndo(account, moved, held, timeAtDirectory(services), clocksApart(services));
  await compareRepos(parts, account.did, source, moved);
  return carryOut(
    parts,
    plan,
    { route: "server", allowPrivateHosts },
    async () => signByKey(plan.operation, signer, predecessorAt(plan.judgement.place)),
    source,
  );
}

/** What was named, or the last move of the log. @throws DecampError `refused` */
async function findMove(
  { services, signal }: UndoParts,
  { did, log }: AccountLog,
  journals: readonly JournalState[],
  { operation, allowPrivateHosts }: UndoRequest,
): Promise<MoveInLog> {
  const checked = (move: MoveInLog): MoveInLog => ({
    ...move,
    source: parseServerUrl(move.source, { allowPrivateHosts }),
    target: parseServerUrl(move.target, { allowPrivateHosts }),
  });
  if (operation !== undefined) {
    const named = moveBy(log, operation);
    if (named === undefined) {
      throw new DecampError("refused", `The operation ${operation} did not move ${did} to another server.`, {
        hint: `See every operation with decamp plc history ${did}. To undo something else, see decamp plc recover.`,
        data: { reason: "no-move" },
      });
    }
    return checked(named);
  }
  const { last, nullified, reversed } = recentMoves(log);
  if (nullified !== undefined) {
    return checked(nullified); // the identity is back already
  }
  if (last === undefined) {
    throw new DecampError("refused", `The log of ${did} shows no move that could be undone.`, {
      hint: `See every operation with decamp plc history ${did}.`,
      data: { reason: "no-move" },
    });
  }
  // In the log, an undo that states the old state once more looks the same as a move back.
  if (reversed === undefined || journals.some(({ signed }) => signed?.cid === last.operation.cid)) {
    return checked(last);
  }
  if (journals.some(({ undo }) => undo === reversed.operation.cid)) {
    return checked(reversed);
  }
  const where = await whereIs(services, log, reversed, signal);
  if (!where.dark && where.state !== "return-unfinished") {
    return checked(last);
  }
  throw new DecampError(
    "refused",
    `The log shows a move of ${did} to ${reversed.target}, and one back to ${reversed.source}.`,
    {
      hint: `To finish going back to ${reversed.source}, add --operation ${reversed.operation.cid}. To let the identity name ${reversed.target} again, add --operation ${last.operation.cid}.`,
      data: { reason: "two-moves", candidate: reversed.operation.cid, last: last.operation.cid },
    },
  );
}

/**
 * The operation that names the old server again. Where the clocks are too far apart, nothing is taken for too late: the
 * directory alone decides, and a finding says so.
 *
 * @param now epoch milliseconds by the directory's clock
 * @param apart milliseconds by which that clock is ahead of ours, where it is too far (`clocksApart`)
 * @throws DecampError `refused` as `planRecovery`
 */
export function planUndo(
  account: AccountLog,
  moved: MoveInLog,
  { didKey, temporaryKeys }: { readonly didKey: string; readonly temporaryKeys: readonly string[] },
  now: number,
  apart?: number,
): ChangePlan {
  const { log } = account;
  const wanted = withOwnKey(log, moved, wantedAgain(log, moved), temporaryKeys);
  let operation: UnsignedOperation;
  let findings: readonly OperationFinding[] = [];
  try {
    const request = { unwanted: moved.operation.cid, heldKeys: [didKey], now: apart === undefined ? now : undefined };
    const recovery = recoveryOperation(planRecovery(log, request));
    operation = { ...wanted, prev: recovery.prev };
    findings = clocksDiffer(apart, moved.operation.createdAt);
  } catch (error) {
    const keys = [rotationKeysOf(log.head.operation), rotationKeysOf(moved.before.operation)];
    if (!isDecampError(error, "refused") || !keys.every((k) => k.includes(didKey))) {
      throw error;
    }
    // It nullifies nothing, so nothing may stand above a key that is there: what comes back stands last.
    const there = rotationKeysOf(log.head.operation);
    const rotationKeys = [
      ...there.filter((key) => wanted.rotationKeys.includes(key)),
      ...wanted.rotationKeys.filter((key) => !there.includes(key)),
    ];
    operation = updateOperation(log.head, () => ({ ...wanted, rotationKeys }));
  }
  const before = rotationKeysOf(moved.before.operation);
  const judgement = judgeOperation(
    log,
    operation,
    {
      userKeys: [...new Set([didKey, ...operation.rotationKeys.filter((key) => !before.includes(key))])].sort(
        (one, other) => operation.rotationKeys.indexOf(one) - operation.rotationKeys.indexOf(other),
      ),
      expectedKeys: operation.rotationKeys,
      leavingKeys: rotationKeysOf(log.head.operation),
      endpoint: pdsOf(operation) ?? moved.source,
      known: {
        user: [didKey],
        // A move the other way: keys that the move brought belong to the server that is left now, keys that it removed
        // to the server that the account goes back to.
        oldServer: rotationKeysOf(moved.operation.operation).filter((key) => !before.includes(key)),
        newServer: before.filter((key) => !rotationKeysOf(moved.operation.operation).includes(key)),
        signers: [didKey],
      },
    },
    now,
  );
  return { account, operation, judgement: { ...judgement, findings: [...judgement.findings, ...findings] } };
}

/**
 * What the identity said before the move, with what its owner has changed in it since. @throws DecampError `refused`
 */
function wantedAgain(log: VerifiedLog, { before, operation }: MoveInLog): UnsignedOperation {
  const [old, move, now] = [before, operation, log.head].map((entry) => contentOf(entry.operation));
  if (old === undefined || move === undefined) {
    throw new DecampError("refused", "The operation before the move, or the move itself, ended the identity.", {
      data: { reason: "tombstone" },
    });
  }
  return undoBetween(old, move, now ?? move);
}

/** With the signing key that the old server has, in place of a temporary one that a restore put there. */
function withOwnKey(
  log: VerifiedLog,
  { before }: MoveInLog,
  wanted: UnsignedOperation,
  temporaryKeys: readonly string[],
): UnsignedOperation {
  const keys = log.entries
    .slice(0, log.entries.indexOf(before) + 1)
    .flatMap(({ nullified, operation }) => (nullified ? [] : (signingKeyOf(operation) ?? [])));
  const own = keys.findLast((key) => !temporaryKeys.includes(key));
  return own === undefined || !temporaryKeys.includes(signingKeyOf(wanted) ?? "")
    ? wanted
    : { ...wanted, verificationMethods: { ...wanted.verificationMethods, atproto: own } };
}

/** A session at the old server. @throws DecampError `refused` if the account is not there any more */
async function openSource(
  { services, answers, named, signal }: UndoParts,
  account: AccountLog,
  moved: MoveInLog,
): Promise<Pds> {
  const source = services.openPds(moved.source);
  if ((await stateAt(source, account.did, signal)) === "absent") {
    throw new DecampError(
      "refused",
      `${source.host} does not have the account any more: there is nothing to go back to.`,
      {
        hint: `To bring everything there, move with decamp migrate ${account.did} --to ${moved.source}.`,
        data: { reason: "not-there" },
      },
    );
  }
  await signIn(services, source, ownerOf(account, named), answers, "sourcePassword", signal);
  return source;
}

/** Says that something was written on the new server. */
async function compareRepos(
  { services, signal, warn }: UndoParts,
  did: string,
  source: Pds,
  moved: MoveInLog,
): Promise<void> {
  const target = services.openPds(moved.target);
  if ((await stateAt(target, did, signal)) === "absent") {
    return;
  }
  try {
    const [old, now] = await Promise.all([headAt(source, did, signal), headAt(target, did, signal)]);
    if (old === undefined || now === undefined) {
      throw new DecampError("bad-answer", "A server does not give out the commit that it names as its head.");
    }
    // The commit may be another one without a change: some servers write one of their own over what they import.
    if (old.data !== now.data) {
      warn(
        "written-since",
        `The repository at ${target.host} has changed since the move. What was written there stays there, and is not at ${source.host}.`,
      );
    }
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    warn("not-compared", `Nobody can say whether something was written at ${target.host} since the move: ${message}`);
  }
}

/** Deactivates the account on the new server; false if that could not be done. */
async function leaveTarget(parts: UndoParts, account: AccountLog, moved: MoveInLog): Promise<boolean> {
  const { services, answers, named, signal, warn } = parts;
  const target = services.openPds(moved.target);
  try {
    if ((await stateAt(target, account.did, signal)) !== "active") {
      return true;
    }
    await signIn(services, target, ownerOf(account, named), answers, "targetPassword", signal);
    await target.deactivate(signal);
    return true;
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    warn("target-still-active", `The account at ${target.host} is still active there: ${message}`);
    return false;
  } finally {
    await target.signOut();
  }
}
