/**
 * Servers that an identity was made to name of late, and not by decamp on this machine. It may have been the owner,
 * elsewhere: nobody is led there before that is settled.
 */
import { originOfPds } from "../identity/did-document.ts";
import { entriesSince, foreignOperations, type ForeignOperation } from "./foreign.ts";
import type { LogEntry, VerifiedLog } from "./log.ts";
import { pdsOf } from "./operation.ts";

/**
 * The operations of the last 72 hours that still count, and that decamp is not known to have made.
 *
 * @param made operations that decamp has made on this machine
 * @param now epoch milliseconds by the directory's clock
 */
export function lateForeigners(log: VerifiedLog, made: readonly string[], now: number): readonly ForeignOperation[] {
  const chain = log.entries.filter(({ nullified }) => !nullified);
  return foreignOperations(log, entriesSince({ ...log, entries: chain }, [], now), { keys: [], made }, now);
}

/** What stood before an operation: the last one that it took back, or the one that it follows. */
export function entryBefore(
  { entries }: VerifiedLog,
  { entry, nullifies }: Pick<ForeignOperation, "entry" | "nullifies">,
): LogEntry | undefined {
  return entries.find(({ cid }) => cid === nullifies.at(-1)) ?? entries.find(({ cid }) => cid === entry.operation.prev);
}

/**
 * Origins of the servers that only such operations have named, or those that were taken back, however old they are. An
 * operation that follows one of them and leaves the server as it is settles nothing, whoever has made it.
 *
 * @param made, now as above
 */
export function strangersServers(log: VerifiedLog, made: readonly string[], now: number): readonly string[] {
  const undone = log.entries.filter(({ nullified }) => nullified);
  const late = [...lateForeigners(log, made, now), ...foreignOperations(log, undone, { keys: [], made }, now)];
  const unsettled = new Set(late.map(({ entry }) => entry.cid));
  const origins = new Map(log.entries.map((entry) => [entry.cid, originIn(entry)]));
  for (const { cid, operation } of log.entries) {
    const before = operation.prev ?? "";
    if (unsettled.has(before) && origins.get(before) === origins.get(cid)) {
      unsettled.add(cid);
    }
  }
  const settled = new Set(log.entries.filter(({ cid }) => !unsettled.has(cid)).map(({ cid }) => origins.get(cid)));
  const named = new Set(late.flatMap(({ entry }) => originIn(entry) ?? []));
  return [...named].filter((origin) => !settled.has(origin));
}

function originIn({ operation }: LogEntry): string | undefined {
  return operation.type === "plc_tombstone" ? undefined : originOfPds(pdsOf(operation));
}
