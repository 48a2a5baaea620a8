/**
 * What was done to an identity since it was last looked at, by somebody else than its owner, and how it can be undone.
 * A log never says who holds a key: what is the owner's is what the owner has named, and what decamp has made.
 */
import type { Cid } from "../data/cid.ts";
import { keysThatCameAlone } from "./came-alone.ts";
import { describeHistory, type HistoryEntry } from "./history.ts";
import { recoveryWindow, type LogEntry, type VerifiedLog } from "./log.ts";
import { contentCid } from "./operation.ts";
import { activeEntries, recoveryAt } from "./recover.ts";

/** What is known to be the owner's. */
export interface Ours {
  /** did:keys that the owner holds. */
  readonly keys: readonly string[];
  /** Operations that decamp has made on this machine, and, by their content alone, those that it had a server make. */
  readonly made: readonly Cid[];
}

/** Whether an operation can still be undone by the owner: with what and how long, or why not. */
export type Undoing =
  | {
      readonly can: true;
      /** The keys that can do it, the most powerful first; only the owner's, where those are known. */
      readonly keys: readonly string[];
      /** The last millisecond, by the directory's clock. */
      readonly until: number;
      /** That this is not over already: the clocks could say it. */
      readonly isSure: boolean;
    }
  | {
      readonly can: false;
      readonly why:
        "undone-already" | "too-late" | "no-key-above" | "key-without-power" | "followed-by-own" | "genesis";
    };

/** An operation that the owner is not known to have made. */
export interface ForeignOperation {
  readonly entry: LogEntry;
  readonly kind: HistoryEntry["kind"];
  /** The fields that it changed, such as `services.atproto_pds.endpoint`. */
  readonly changes: readonly string[];
  /** The place of its signer in the rotation keys that had the power: 0 is the most powerful. */
  readonly signerRank: number;
  /** What it nullified. */
  readonly nullifies: readonly Cid[];
  /** Its signer came into the log by itself, before this: most likely it is the owner's, and was not named. */
  readonly mayBeOwn: boolean;
  readonly undoing: Undoing;
}

/**
 * The entries of a log that came after all that is known of it, oldest first. Where nothing is known of it, those that
 * can still be undone by their age: what is older nobody can change any more.
 *
 * @param known CIDs that were seen, of which the log may lack some
 * @param now epoch milliseconds by the directory's clock
 */
export function entriesSince({ entries }: VerifiedLog, known: readonly Cid[], now: number): readonly LogEntry[] {
  const last = entries.findLastIndex(({ cid }) => known.includes(cid));
  if (last >= 0) {
    return entries.slice(last + 1);
  }
  return entries.slice(1).filter(({ createdAt }) => Date.parse(createdAt) + recoveryWindow >= now);
}

/**
 * Those of the entries that are not the owner's.
 *
 * @param now epoch milliseconds by the directory's clock; undefined if no clock can be believed: then nothing is taken
 *   for too late
 */
export function foreignOperations(
  log: VerifiedLog,
  entries: readonly LogEntry[],
  ours: Ours,
  now: number | undefined,
): readonly ForeignOperation[] {
  if (entries.length === 0) {
    return [];
  }
  const cids = new Set(entries.map(({ cid }) => cid));
  const history = describeHistory(log);
  const alone = aloneBefore(log, entries);
  return history
    .filter(({ entry }) => cids.has(entry.cid) && !isOurs(entry, ours))
    .map(({ entry, kind, changes, signerRank, nullifies }) => ({
      entry,
      kind,
      changes: [...new Set(changes.map(({ field }) => field))],
      signerRank,
      nullifies,
      mayBeOwn: alone.has(entry.signer),
      undoing: undoingOf(log, entry, ours, now),
    }));
}

function isOurs({ cid, signer, operation }: LogEntry, { keys, made }: Ours): boolean {
  return keys.includes(signer) || made.includes(cid) || made.includes(contentCid(operation));
}

/** The keys that came by themselves, in what of the log is older than the entries. */
function aloneBefore(log: VerifiedLog, [first]: readonly LogEntry[]): ReadonlySet<string> {
  const older = log.entries.slice(
    0,
    log.entries.findIndex(({ cid }) => cid === first?.cid),
  );
  return new Set(keysThatCameAlone({ ...log, entries: older }));
}

function undoingOf(log: VerifiedLog, entry: LogEntry, ours: Ours, now: number | undefined): Undoing {
  const chain = activeEntries(log);
  const index = chain.findIndex(({ cid }) => cid === entry.cid);
  if (index < 0) {
    return { can: false, why: "undone-already" };
  }
  const recovery = recoveryAt(chain, index);
  if (recovery === undefined) {
    return { can: false, why: "genesis" };
  }
  const { keys, deadline, nullified } = recovery;
  if (nullified.some((later) => isOurs(later, ours))) {
    return { can: false, why: "followed-by-own" };
  }
  if (keys.length === 0) {
    return { can: false, why: "no-key-above" };
  }
  const held = ours.keys.length === 0 ? keys : keys.filter((key) => ours.keys.includes(key));
  if (held.length === 0) {
    return { can: false, why: "key-without-power" };
  }
  return now !== undefined && now > deadline
    ? { can: false, why: "too-late" }
    : { can: true, keys: held, until: deadline, isSure: now !== undefined };
}
