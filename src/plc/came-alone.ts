/** What a log shows about whose a rotation key is. It never says it: it shows when a key came, and with what. */
import type { LogEntry, VerifiedLog } from "./log.ts";
import { pdsOf, rotationKeysOf, type SignedOperation, type UnsignedOperation } from "./operation.ts";

type AnyOperation = SignedOperation | UnsignedOperation;

/**
 * The rotation keys that came by themselves: after the genesis, in an operation that kept the server and every rotation
 * key that was there. A server brings its keys with the account, or puts one in the place of another; so
 * these are most likely the user's. Keys that have left since are among them; what was nullified does not count.
 */
export function keysThatCameAlone(log: VerifiedLog): readonly string[] {
  return [...new Set(arrivals(log).flatMap(({ keys, with: what }) => (what === "nothing" ? keys : [])))];
}

/** The rotation keys of the head that a server may have brought: with the genesis, or together with the account. */
export function keysThatCameWithServer(log: VerifiedLog): readonly string[] {
  const now = rotationKeysOf(log.head.operation);
  const later = new Set(arrivals(log).flatMap(({ keys, with: what }) => (what === "server" ? [] : keys)));
  return [...new Set(now.filter((key) => !later.has(key)))];
}

/**
 * The rotation keys of the head that came by themselves and stand below every key that did not, such as a server's:
 * whatever is signed by those, they cannot undo.
 */
export function powerlessKeys(log: VerifiedLog): readonly string[] {
  const now = rotationKeysOf(log.head.operation);
  const alone = keysThatCameAlone(log);
  const lastOther = now.findLastIndex((key) => !alone.includes(key));
  return lastOther < 0 ? [] : [...new Set(now.slice(lastOther + 1))];
}

/** The keys that an operation brought in. */
export interface Arrival {
  readonly entry: LogEntry;
  readonly keys: readonly string[];
  /** What came or went at the same time. */
  readonly with: "server" | "other-keys" | "nothing";
}

/** The keys that each operation brought in, oldest first. What was nullified does not count. */
export function arrivals(log: VerifiedLog): readonly Arrival[] {
  const chain = log.entries.filter(({ nullified }) => !nullified);
  return chain.map((entry, index) => {
    const before = chain[index - 1];
    const [old, now] = [before === undefined ? [] : rotationKeysOf(before.operation), rotationKeysOf(entry.operation)];
    const keys = now.filter((key) => !old.includes(key));
    if (before === undefined || changesServer(before.operation, entry.operation)) {
      return { entry, keys, with: "server" };
    }
    return { entry, keys, with: old.some((key) => !now.includes(key)) ? "other-keys" : "nothing" };
  });
}

/** Whether an operation names another server than the one that it follows. */
export function changesServer(before: AnyOperation, after: AnyOperation): boolean {
  return pdsOf(before) !== pdsOf(after);
}

/** The same for an operation of a log; not for a genesis. */
export function isMove(log: VerifiedLog, { operation }: LogEntry): boolean {
  const before = log.entries.find(({ cid }) => cid === operation.prev);
  return before !== undefined && changesServer(before.operation, operation);
}
