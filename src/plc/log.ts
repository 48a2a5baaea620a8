/**
 * The audit log of a did:plc, judged from nothing but itself: every hash, every signature, every recovery (did:plc
 * specification, "Key Rotation & Account Recovery" and "Audit Log"). What no log can show: a newest operation that was
 * held back, or another fork that was shown to somebody else.
 */
import { defaultBudgets, overLimit, type Limits } from "../data/budgets.ts";
import type { Cid } from "../data/cid.ts";
import { isJsonObject } from "../data/json-object.ts";
import { atOnce, inTurns, type Slices } from "../data/slices.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { isPlcDid } from "../identity/names.ts";
import {
  didOfGenesis,
  findSigner,
  operationCid,
  parseSignedOperation,
  rotationKeysOf,
  signingKeyOf,
} from "./operation.ts";
import type { SignedOperation } from "./operation.ts";

/** How long an operation can be nullified after the directory took it, in milliseconds: 72 hours. */
export const recoveryWindow: number = 72 * 60 * 60 * 1000;

/** An operation in its log. */
export interface LogEntry {
  readonly cid: Cid;
  readonly operation: SignedOperation;
  /** When the directory took it, ISO 8601. Not signed by anybody. */
  readonly createdAt: string;
  readonly nullified: boolean;
  /** The did:key that signed it. */
  readonly signer: string;
}

/** A log that was proved from its genesis to its head. */
export interface VerifiedLog {
  readonly did: string;
  /** All entries, nullified ones included, oldest first. */
  readonly entries: readonly LogEntry[];
  /** The last entry that is not nullified: the state of the DID. */
  readonly head: LogEntry;
  /** Whether the head is a tombstone. */
  readonly tombstoned: boolean;
  /** Every key that was the signing key in an operation that is not nullified, the newest first. */
  readonly signingKeys: readonly string[];
}

/** An entry whose own content is in order. */
interface ReadEntry {
  readonly index: number;
  readonly cid: Cid;
  readonly operation: SignedOperation;
  readonly createdAt: string;
  readonly time: number;
  readonly nullified: boolean;
}

/** An entry that has its place in the chain. */
interface PlacedEntry extends ReadEntry {
  readonly signer: string;
}

/**
 * Verifies a whole audit log, as `GET /DID/log/audit` answers it.
 *
 * @param did the did:plc that was asked for
 * @param entries the parsed JSON: a list of `{ did, operation, cid, nullified, createdAt }`, oldest first
 * @param limits how much it may hold, which is looked at before any signature is
 * @throws DecampError `identity-invalid` at the first thing that is wrong, with data `rule` (a `plc/…` id), and `index`
 * and `cid` of the entry where there is one; `limit-exceeded`
 */
export function verifyLog(did: string, entries: unknown, limits: Limits = defaultBudgets): VerifiedLog {
  return atOnce(logSlices(did, entries, limits));
}

/**
 * The same, an operation at a time: a long log is no reason not to hear an abort.
 *
 * @throws as `verifyLog`, and the signal's reason
 */
export async function proveLog(
  did: string,
  entries: unknown,
  { signal, limits = defaultBudgets }: { readonly signal?: AbortSignal; readonly limits?: Limits | undefined },
): Promise<VerifiedLog> {
  return inTurns(logSlices(did, entries, limits), signal);
}

/** The same as work in slices: one for each operation that is read, and for each that is proved. */
export function* logSlices(did: string, entries: unknown, limits: Limits): Slices<VerifiedLog> {
  if (!isPlcDid(did)) {
    throw broken("plc/did", `This is not a did:plc: ${JSON.stringify(did)}.`);
  }
  if (!Array.isArray(entries)) {
    throw broken("plc/log-form", "The audit log is not a list.");
  }
  if (entries.length > limits.logOperations) {
    throw overLimit("logOperations", `The audit log of ${did} has`, limits.logOperations, "operations");
  }
  const read: ReadEntry[] = [];
  for (const value of entries) {
    read.push(readEntry(value, did, read.length, limits));
    yield;
  }
  const [first, ...later] = read;
  if (first === undefined) {
    throw broken("plc/log-empty", `The audit log of ${did} is empty.`);
  }
  const placed = [placeGenesis(first, did)];
  const chain = [...placed];
  for (const entry of later) {
    const fork = findFork(chain, placed, entry);
    const next = { ...entry, signer: findNextSigner(chain, fork, entry) };
    placed.push(next);
    chain.length = fork + 1;
    chain.push(next);
    yield;
  }
  requireFlags(placed, chain);
  return describe(did, placed);
}

function readEntry(value: unknown, did: string, index: number, limits: Limits): ReadEntry {
  if (!isJsonObject(value)) {
    throw broken("plc/entry-form", "An entry of the audit log is not an object.", { index });
  }
  const { cid, createdAt, nullified } = value;
  if (typeof cid !== "string" || typeof createdAt !== "string" || typeof nullified !== "boolean") {
    throw broken("plc/entry-form", "An entry of the audit log lacks cid, createdAt or nullified.", { index });
  }
  if (value["did"] !== did) {
    throw broken("plc/foreign-entry", `An entry of the audit log belongs to another DID than ${did}.`, { index, cid });
  }
  const operation = readOperation(value["operation"], index, cid, limits);
  const computed = operationCid(operation);
  if (cid !== computed) {
    throw broken("plc/cid", `An operation has not the CID that the log gives it, but ${computed}.`, { index, cid });
  }
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(createdAt)
    ? Date.parse(createdAt)
    : Number.NaN;
  if (Number.isNaN(time)) {
    throw broken("plc/time", "An entry of the audit log has a createdAt that is no time.", { index, cid });
  }
  return { index, cid, operation, createdAt, time, nullified };
}

function readOperation(value: unknown, index: number, cid: string, limits: Limits): SignedOperation {
  try {
    return parseSignedOperation(value, limits);
  } catch (error) {
    if (!isDecampError(error, "identity-invalid")) {
      throw error;
    }
    throw broken(String(error.data["rule"]), error.message, { index, cid }, error);
  }
}

function placeGenesis(entry: ReadEntry, did: string): PlacedEntry {
  const { operation } = entry;
  if (operation.type === "plc_tombstone" || operation.prev !== null) {
    throw broken("plc/genesis-form", "The log does not begin with an operation without a predecessor.", entry);
  }
  const founded = didOfGenesis(operation);
  if (founded !== did) {
    throw broken("plc/genesis-did", `The first operation founds another DID: ${founded}.`, entry);
  }
  const signer = findSigner(operation, rotationKeysOf(operation));
  if (signer === undefined) {
    throw broken("plc/signature", "The first operation is not signed by one of its own rotation keys.", entry);
  }
  return { ...entry, signer };
}

/** The place in the chain of the operation that `prev` names. What stands behind it is nullified by the entry. */
function findFork(chain: readonly PlacedEntry[], placed: readonly PlacedEntry[], entry: ReadEntry): number {
  const { operation } = entry;
  if (operation.prev === null) {
    throw broken("plc/second-genesis", "A later operation names no predecessor.", entry);
  }
  const fork = chain.findLastIndex(({ cid }) => cid === operation.prev);
  if (fork < 0) {
    const known = placed.some(({ cid }) => cid === operation.prev);
    throw known
      ? broken("plc/prev-nullified", "An operation follows one that is nullified.", entry)
      : broken("plc/prev-unknown", "An operation follows one that is not in the log before it.", entry);
  }
  if (chain[fork]?.operation.type === "plc_tombstone") {
    throw broken("plc/after-tombstone", "An operation follows a tombstone.", entry);
  }
  return fork;
}

function findNextSigner(chain: readonly PlacedEntry[], fork: number, entry: ReadEntry): string {
  const keys = rotationKeysOf(at(chain, fork).operation);
  const disputed = chain[fork + 1];
  const allowed = disputed === undefined ? keys : keys.slice(0, keys.indexOf(disputed.signer));
  const signer = findSigner(entry.operation, allowed);
  if (signer === undefined) {
    throw findSigner(entry.operation, keys) === undefined
      ? broken("plc/signature", "An operation is not signed by a rotation key of the one that it follows.", entry)
      : broken(
          "plc/recovery-authority",
          "An operation would nullify another, but its key does not stand above the one that signed the other.",
          entry,
        );
  }
  if (disputed !== undefined) {
    if (entry.time - disputed.time > recoveryWindow) {
      throw broken("plc/recovery-late", "An operation nullifies another more than 72 hours later.", entry);
    }
    if (entry.time <= at(chain, chain.length - 1).time) {
      throw broken("plc/time-order", "An operation nullifies others, but is not later than they are.", entry);
    }
  }
  return signer;
}

function requireFlags(placed: readonly PlacedEntry[], chain: readonly PlacedEntry[]): void {
  const active = new Set(chain.map(({ index }) => index));
  for (const entry of placed) {
    if (entry.nullified === active.has(entry.index)) {
      const what = entry.nullified ? "marked as nullified, but nothing nullifies it" : "nullified, but not marked so";
      throw broken("plc/nullified-flag", `An operation is ${what}.`, entry);
    }
  }
}

function describe(did: string, placed: readonly PlacedEntry[]): VerifiedLog {
  const entries = placed.map(({ cid, operation, createdAt, nullified, signer }) => ({
    cid,
    operation,
    createdAt,
    nullified,
    signer,
  }));
  const active = entries.filter(({ nullified }) => !nullified);
  const signingKeys = active.flatMap(({ operation }) => signingKeyOf(operation) ?? []);
  const head = at(active, active.length - 1);
  return {
    did,
    entries,
    head,
    tombstoned: head.operation.type === "plc_tombstone",
    signingKeys: [...new Set(signingKeys.toReversed())],
  };
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) {
    throw new TypeError(`A list of ${list.length} has no item ${index}.`);
  }
  return item;
}

function broken(
  rule: string,
  message: string,
  where: { index?: number; cid?: string } = {},
  cause?: unknown,
): DecampError {
  const { index } = where;
  // Of what is no operation there is none.
  const cid = where.cid === "" ? undefined : where.cid;
  const place = index === undefined ? "" : ` (Entry ${index + 1}${cid === undefined ? "" : `, ${cid.slice(0, 80)}`}.)`;
  return new DecampError("identity-invalid", `${message}${place}`, { data: { rule, index, cid }, cause });
}
