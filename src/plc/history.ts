/**
 * A verified log as a story: what each operation changed, who signed it, what it undid, and until when it can be
 * undone.
 */
import type { Cid } from "../data/cid.ts";
import { changesServer, keysThatCameAlone } from "./came-alone.ts";
import { diffOperations } from "./diff.ts";
import type { Difference } from "./diff.ts";
import { recoveryWindow } from "./log.ts";
import type { LogEntry, VerifiedLog } from "./log.ts";
import { contentOf, normalizeOperation, rotationKeysOf } from "./operation.ts";
import type { SignedOperation, UnsignedOperation } from "./operation.ts";

/** An operation, told: what it changed, who signed it, and who can undo it. */
export interface HistoryEntry {
  readonly entry: LogEntry;
  readonly kind: "genesis" | "update" | "recovery" | "tombstone";
  /** What it changed in the operation that it follows. A genesis adds everything; a tombstone changes no field. */
  readonly changes: readonly Difference[];
  /** The place of the signer in the rotation keys that had the power: 0 is the most powerful. */
  readonly signerRank: number;
  /** The operations that it nullified, oldest first. */
  readonly nullifies: readonly Cid[];
  /** The operation that nullified it. */
  readonly nullifiedBy?: Cid;
  /** The keys that can undo it, or could while there was time, the most powerful first; none can undo a genesis. */
  readonly undoKeys: readonly string[];
  /** Until when they can, in epoch milliseconds of the directory's clock; missing where no key can, or it is undone. */
  readonly undoUntil?: number;
}

/** The history of a DID, oldest operation first, nullified ones included. */
export function describeHistory(log: VerifiedLog): HistoryEntry[] {
  const history: HistoryEntry[] = [];
  const nullifiedBy = new Map<Cid, Cid>();
  let chain: readonly LogEntry[] = [];
  for (const entry of log.entries) {
    const fork = chain.findLastIndex(({ cid }) => cid === entry.operation.prev);
    const before = chain[fork];
    const nullified = chain.slice(fork + 1);
    for (const { cid } of nullified) {
      nullifiedBy.set(cid, entry.cid);
    }
    history.push(describe(entry, before, nullified));
    chain = [...chain.slice(0, fork + 1), entry];
  }
  return history.map((item) => {
    const by = nullifiedBy.get(item.entry.cid);
    if (by !== undefined) {
      const { undoUntil: _, ...undone } = item;
      return Object.assign(undone, { nullifiedBy: by });
    }
    return item;
  });
}

/** The keys that stand above the signer of an operation, in the operation that it follows: they can nullify it. */
export function keysAbove(signer: string, before: SignedOperation): readonly string[] {
  const keys = rotationKeysOf(before);
  return [...new Set(keys.slice(0, Math.max(0, keys.indexOf(signer))))];
}

/**
 * Who can undo an operation, and how long: the most powerful key first; epoch milliseconds of the directory's clock.
 */
export interface UndoPower {
  readonly keys: readonly string[];
  readonly until: number;
}

/**
 * Who of those that are not a server can undo an operation, or could while there was time: the keys that stand above
 * its signer. Of an operation that changed the server, the keys that left with it are the servers', unless the log
 * shows that they once came by themselves (`keysThatCameAlone`); a key that it brought in has no power over it anyway.
 *
 * @param serverKeys more keys that are known to be a server's, or not to be the user's
 * @returns undefined where nobody can: a genesis, one that is nullified, one that is not in the log, and where no key
 *   is left
 */
export function undoPower(log: VerifiedLog, cid: Cid, serverKeys: readonly string[] = []): UndoPower | undefined {
  const entry = log.entries.find((other) => other.cid === cid && !other.nullified);
  const before = log.entries.find((other) => other.cid === entry?.operation.prev);
  if (entry === undefined || before === undefined) {
    return undefined;
  }
  const known = { kept: keysThatCameAlone(log), servers: serverKeys };
  const keys = undoKeys(entry.signer, before.operation, entry.operation, known);
  return keys.length === 0 ? undefined : { keys, until: undoDeadline(entry) };
}

/**
 * The keys above a signer that nothing shows to be a server's, the most powerful first.
 *
 * @param known `servers`: keys that are known to be a server's; `kept`: keys that are not, even where they leave
 *   together with a server
 */
export function undoKeys(
  signer: string,
  before: SignedOperation,
  after: SignedOperation | UnsignedOperation,
  { kept, servers }: { kept: readonly string[]; servers: readonly string[] },
): readonly string[] {
  const staying = contentOf(after)?.rotationKeys ?? [];
  const moves = changesServer(before, after);
  return keysAbove(signer, before).filter(
    (key) => !servers.includes(key) && (!moves || staying.includes(key) || kept.includes(key)),
  );
}

/** The last millisecond at which an operation can be nullified, by the directory's clock. */
export function undoDeadline(entry: LogEntry): number {
  return Date.parse(entry.createdAt) + recoveryWindow;
}

function describe(entry: LogEntry, before: LogEntry | undefined, nullified: readonly LogEntry[]): HistoryEntry {
  const undoKeys = before === undefined ? [] : keysAbove(entry.signer, before.operation);
  return {
    entry,
    kind: kindOf(entry, before, nullified),
    changes: changesOf(entry.operation, before?.operation),
    signerRank: rotationKeysOf(before?.operation ?? entry.operation).indexOf(entry.signer),
    nullifies: nullified.map(({ cid }) => cid),
    undoKeys,
    ...(undoKeys.length === 0 ? {} : { undoUntil: undoDeadline(entry) }),
  };
}

function kindOf(
  { operation }: LogEntry,
  before: LogEntry | undefined,
  nullified: readonly LogEntry[],
): HistoryEntry["kind"] {
  if (before === undefined) {
    return "genesis";
  }
  if (operation.type === "plc_tombstone") {
    return "tombstone";
  }
  return nullified.length > 0 ? "recovery" : "update";
}

const nothing: UnsignedOperation = {
  type: "plc_operation",
  rotationKeys: [],
  verificationMethods: {},
  alsoKnownAs: [],
  services: {},
  prev: null,
};

function changesOf(operation: SignedOperation, before: SignedOperation | undefined): Difference[] {
  if (operation.type === "plc_tombstone") {
    return [];
  }
  const old = before === undefined || before.type === "plc_tombstone" ? nothing : normalizeOperation(before);
  return diffOperations(old, normalizeOperation(operation));
}
