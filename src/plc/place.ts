/**
 * Where an operation would stand in a log: what it follows, what it would nullify, and which keys may sign it there.
 */
import { DecampError } from "../errors.ts";
import type { Predecessor } from "./diff.ts";
import type { LogEntry, VerifiedLog } from "./log.ts";
import { rotationKeysOf, type SignedOperation, type UnsignedOperation } from "./operation.ts";
import { activeEntries, recoveryAt } from "./recover.ts";

/** Where an operation stands in a log, or would. */
export interface Place {
  /** What it follows. */
  readonly base: LogEntry;
  /** What it would nullify, oldest first; nothing if it follows the head. */
  readonly nullified: readonly LogEntry[];
  /** The keys that may sign it there, the most powerful first. */
  readonly keys: readonly string[];
  /** The last millisecond at which it can nullify that, by the directory's clock. */
  readonly deadline?: number;
}

/**
 * The place of an operation, by its `prev`.
 *
 * @throws DecampError `refused` with data `reason` for one that cannot follow anything in this log: `genesis`,
 * `unknown-prev`, `prev-nullified`, `after-tombstone`
 */
export function placeOperation(log: VerifiedLog, operation: Pick<SignedOperation | UnsignedOperation, "prev">): Place {
  const { prev } = operation;
  if (prev === null) {
    throw refused("genesis", "This operation follows nothing: it would found an identity, not change one.");
  }
  const chain = activeEntries(log);
  const index = chain.findIndex(({ cid }) => cid === prev);
  const base = chain[index];
  if (base === undefined) {
    throw log.entries.some(({ cid }) => cid === prev)
      ? refused("prev-nullified", `This operation follows ${prev}, which is nullified.`)
      : refused("unknown-prev", `This operation follows ${prev}, which is not in the log of ${log.did}.`);
  }
  if (base.operation.type === "plc_tombstone") {
    throw refused("after-tombstone", "This operation follows a tombstone: nothing can.");
  }
  const recovery = recoveryAt(chain, index + 1);
  if (recovery === undefined) {
    return { base, nullified: [], keys: rotationKeysOf(base.operation) };
  }
  const { nullified, keys, deadline } = recovery;
  return { base, nullified, keys, deadline };
}

/** What a signed operation for this place is compared against: only the keys that have the power may have signed it. */
export function predecessorAt({ base, keys }: Place): Predecessor {
  return { cid: base.cid, operation: base.operation, signers: keys };
}

function refused(reason: string, message: string): DecampError {
  return new DecampError("refused", message, { data: { reason } });
}
