/**
 * Undoing an operation within 72 hours (did:plc specification, "Key Rotation & Account Recovery"). A recovery follows
 * an older operation, the fork point, and nullifies all that came after it. Which keys can do that was settled at the
 * fork point: those that stand above the signer of the first operation after it. A key that the unwanted operation
 * brought in has no such power.
 */
import type { Cid } from "../data/cid.ts";
import { DecampError } from "../errors.ts";
import type { Predecessor } from "./diff.ts";
import { keysAbove, undoDeadline } from "./history.ts";
import type { LogEntry, VerifiedLog } from "./log.ts";
import { rotationKeysOf } from "./operation.ts";
import type { UnsignedOperation } from "./operation.ts";
import { updateOperation } from "./update.ts";

/** How an operation can be undone: by another one in its place, within 72 hours. */
export interface Recovery {
  /** The operation that is to be undone. */
  readonly unwanted: LogEntry;
  /** The operation before it, which the recovery follows. */
  readonly fork: LogEntry;
  /** The unwanted operation and all after it, oldest first: what the recovery nullifies. */
  readonly nullified: readonly LogEntry[];
  /** The keys that have the power, the most powerful first. */
  readonly keys: readonly string[];
  /** The last millisecond, by the directory's clock. */
  readonly deadline: number;
}

/** What is to be undone, and with what. */
export interface RecoveryRequest {
  /** The CID of the operation that is to be undone. */
  readonly unwanted: Cid;
  /** The did:keys that the user holds. */
  readonly heldKeys: readonly string[];
  /**
   * Epoch milliseconds by the directory's clock, which counts; undefined if no clock can be believed: then nothing is
   * taken for too late, and the directory decides.
   */
  readonly now: number | undefined;
}

/**
 * Every operation that could be undone at this time with one of the held keys, oldest first. Undoing the oldest undoes
 * the others too.
 *
 * @param now as in a `RecoveryRequest`
 */
export function findRecoveries(log: VerifiedLog, heldKeys: readonly string[], now: number | undefined): Recovery[] {
  const chain = activeEntries(log);
  return chain
    .flatMap((_, index) => recoveryAt(chain, index) ?? [])
    .filter(({ keys, deadline }) => !isOver(deadline, now) && keys.some((key) => heldKeys.includes(key)));
}

/**
 * The operation that looks unwanted by itself: the first, among those that a held key can still undo, that took a held
 * key away, put another key above it, or ended the DID. Undefined if there is none; then a person has to name it.
 */
export function findUnwanted(
  log: VerifiedLog,
  heldKeys: readonly string[],
  now: number | undefined,
): Recovery | undefined {
  return findRecoveries(log, heldKeys, now).find(({ unwanted, fork }) => {
    const before = rotationKeysOf(fork.operation);
    const after = rotationKeysOf(unwanted.operation);
    return before.filter((key) => heldKeys.includes(key)).some((key) => losesPower(key, before, after, heldKeys));
  });
}

/**
 * What it takes to undo an operation.
 *
 * @throws DecampError `refused`, with data `reason`: `unknown-operation`, `already-nullified`, `genesis`, `too-late`,
 * `no-key-above`, `key-without-power`
 */
export function planRecovery(log: VerifiedLog, request: RecoveryRequest): Recovery {
  const chain = activeEntries(log);
  const index = chain.findIndex(({ cid }) => cid === request.unwanted);
  if (index < 0) {
    throw log.entries.some(({ cid }) => cid === request.unwanted)
      ? refused("already-nullified", "This operation is nullified already: nothing is left to undo.")
      : refused("unknown-operation", `There is no such operation in the log of ${log.did}.`);
  }
  const recovery = recoveryAt(chain, index);
  if (recovery === undefined) {
    throw refused("genesis", "This operation founded the identity: there is nothing before it to go back to.");
  }
  const { keys, deadline } = recovery;
  if (isOver(deadline, request.now)) {
    const end = new Date(deadline).toISOString();
    throw refused("too-late", `An operation can be undone for 72 hours: here they ended at ${end}.`);
  }
  if (keys.length === 0) {
    throw refused(
      "no-key-above",
      "No key can undo this operation: it is signed by the key that stands first in the operation before it.",
    );
  }
  if (!keys.some((key) => request.heldKeys.includes(key))) {
    throw refused(
      "key-without-power",
      `Your key cannot undo this operation, since it did not stand above the signer before it. These keys can: ${keys.join(", ")}.`,
    );
  }
  return recovery;
}

/**
 * The operation that undoes: it follows the fork point, and says again what the fork point said. The key that signed
 * the unwanted operation is then still in the list, and could do the same again: name it in `dropKeys` unless it is
 * wanted.
 *
 * @throws DecampError `refused` if no rotation key would be left
 */
export function recoveryOperation({ fork }: Recovery, dropKeys: readonly string[] = []): UnsignedOperation {
  return updateOperation(fork, (operation) => {
    const rotationKeys = [...new Set(operation.rotationKeys.filter((key) => !dropKeys.includes(key)))];
    if (rotationKeys.length === 0) {
      throw refused("no-key-left", "Without a rotation key nobody could ever change this identity again.");
    }
    return { ...operation, rotationKeys };
  });
}

/** What a signed recovery is compared against: only the keys that have the power may have signed it. */
export function recoveryPredecessor({ fork, keys }: Recovery): Predecessor {
  return { cid: fork.cid, operation: fork.operation, signers: keys };
}

/** The operations that are not nullified, oldest first. */
export function activeEntries(log: VerifiedLog): readonly LogEntry[] {
  return log.entries.filter(({ nullified }) => !nullified);
}

/**
 * What it takes to undo the operation at a place of the chain; undefined where there is nothing, or nothing before it.
 */
export function recoveryAt(chain: readonly LogEntry[], index: number): Recovery | undefined {
  const unwanted = chain[index];
  const fork = chain[index - 1];
  if (unwanted === undefined || fork === undefined) {
    return undefined;
  }
  return {
    unwanted,
    fork,
    nullified: chain.slice(index),
    keys: keysAbove(unwanted.signer, fork.operation),
    deadline: undoDeadline(unwanted),
  };
}

function isOver(deadline: number, now: number | undefined): boolean {
  return now !== undefined && now > deadline;
}

function losesPower(
  key: string,
  before: readonly string[],
  after: readonly string[],
  heldKeys: readonly string[],
): boolean {
  const place = after.indexOf(key);
  const above = new Set([...heldKeys, ...before.slice(0, before.indexOf(key))]);
  return place < 0 || after.slice(0, place).some((other) => !above.has(other));
}

function refused(reason: string, message: string): DecampError {
  return new DecampError("refused", message, { data: { reason } });
}
