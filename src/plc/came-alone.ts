/** What a log shows about whose a rotation key is. It never says it: it shows when a key came, and with what. */
import type { LogEntry, VerifiedLog } from "./log.ts";
import { pdsOf, rotationKeysOf } from "./operation.ts";

/**
 * The rotation keys that came by themselves: after the genesis, in an operation that kept the server and every rotation
 * key that was there. A server brings its keys with the account, or puts one in the place of another; so
 * these are most likely the user's. Keys that have left since are among them; what was nullified does not count.
 */
export function keysThatCameAlone(log: VerifiedLog): readonly string[] {
  const chain = log.entries.filter(({ nullified }) => !nullified);
  const keys = chain.flatMap((entry, index) => {
    const before = chain[index - 1];
    return before === undefined || changesServer(before, entry) ? [] : newKeys(before, entry);
  });
  return [...new Set(keys)];
}

/** Whether an operation takes the account to another server. */
export function changesServer(before: LogEntry, after: LogEntry): boolean {
  return pdsOf(before.operation) !== pdsOf(after.operation);
}

function newKeys(before: LogEntry, after: LogEntry): readonly string[] {
  const [old, now] = [before, after].map(({ operation }) => rotationKeysOf(operation));
  return old === undefined || now === undefined || old.some((key) => !now.includes(key))
    ? []
    : now.filter((key) => !old.includes(key));
}
