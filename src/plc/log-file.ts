/**
 * What people have in a file in place of an audit log, or of an operation: read where it proves something, else named.
 */
import { defaultBudgets, type Limits } from "../data/budgets.ts";
import { isJsonObject } from "../data/json-object.ts";
import { inTurns, type Slices } from "../data/slices.ts";
import { isDecampError } from "../errors.ts";
import { isPlcDid } from "../identity/names.ts";
import { auditSlices, type AuditFinding, type LogAudit } from "./audit.ts";
import { didOfGenesis, operationCid, parseSignedOperation } from "./operation.ts";

/** JSON from a file, and whether it stood there as lines (JSON Lines) and not as one value. */
export interface LogFile {
  readonly value: unknown;
  readonly lines: boolean;
}

export interface AuditOptions {
  readonly signal?: AbortSignal;
  readonly limits?: Limits;
}

/**
 * Audits a log from a file: an audit log; the `/log` of a directory, which has no times; or lines of its `/export`.
 *
 * @param did whose log it has to be, and of lines which one is meant; by default whose it is by itself
 * @throws the signal's reason; DecampError `limit-exceeded` for a log that is too large to be looked at
 */
export async function auditLogFile(file: LogFile, did: string | undefined, options: AuditOptions): Promise<LogAudit> {
  const { signal, limits = defaultBudgets } = options;
  return inTurns(fileSlices(file, did, limits), signal);
}

function* fileSlices(file: LogFile, did: string | undefined, limits: Limits): Slices<LogAudit> {
  const audit = yield* auditAs(file, did, limits);
  const [finding] = audit.findings;
  const owners = ownersOf(file.value);
  if (did === undefined || audit.log !== undefined || finding === undefined || owners.includes(did)) {
    return audit;
  }
  const [owner] = owners;
  if (owner === undefined || !["plc/foreign-entry", "plc/genesis-did"].includes(finding.rule)) {
    return { ...audit, foreign: true };
  }
  const message =
    owners.length > 1
      ? `This is of ${owners.length} identities, and ${did} is none of them.`
      : (yield* auditAs(file, undefined, limits)).log === undefined
        ? `By what it says of itself this is a log of ${owner}, not in order, and not that of ${did}.`
        : `This is the log of ${owner}, in order as such, and not that of ${did}.`;
  return { ...audit, foreign: true, findings: [{ ...finding, message }] };
}

/** The DIDs that entries name; of operations alone the one that the first of them founds. */
function ownersOf(value: unknown): string[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  const [first] = items;
  const founds = isOperation(first) && (first["prev"] ?? null) === null;
  const named = founds
    ? [founded(first)]
    : items.map((item) => (isJsonObject(item) && isJsonObject(item["operation"]) ? item["did"] : undefined));
  return [...new Set(named.filter((did) => typeof did === "string").filter(isPlcDid))];
}

function* auditAs({ value, lines }: LogFile, did: string | undefined, limits: Limits): Slices<LogAudit> {
  if (lines || isEntry(value)) {
    return yield* auditLines(Array.isArray(value) ? value : [value], did, limits);
  }
  if (Array.isArray(value) && value.length > 0 && value.every(isOperation)) {
    return yield* auditOperations(value, did, limits);
  }
  const what = Array.isArray(value) ? undefined : nameJson(value);
  if (what !== undefined) {
    return { ...(did === undefined ? {} : { did }), findings: [noLog(`This is no audit log, but ${what}.`)] };
  }
  return yield* auditSlices(value, did, limits);
}

/** What a JSON value is, in words, if it is something of an identity; undefined for everything else. */
export function nameJson(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    return value.length === 0
      ? undefined
      : value.every(isOperation)
        ? "a list of operations (/log)"
        : value.every(isEntry)
          ? "an audit log (/log/audit)"
          : undefined;
  }
  if (isEntry(value)) {
    return "an entry of an audit log";
  }
  if (isOperation(value)) {
    return value["sig"] === undefined ? "an operation that is not signed" : "one signed operation (/log/last)";
  }
  if (!isJsonObject(value)) {
    return undefined;
  }
  if (typeof value["id"] === "string" && value["id"].startsWith("did:")) {
    return "a DID document";
  }
  if (typeof value["did"] === "string" && Array.isArray(value["rotationKeys"])) {
    return "what an identity says now (/data), without signatures";
  }
  return value["type"] === "result" ? "what decamp has printed with --json" : undefined;
}

/** Lines of `/export` are of many identities, each with its own place in time. */
function* auditLines(entries: readonly unknown[], did: string | undefined, limits: Limits): Slices<LogAudit> {
  const dids = new Set(entries.map((entry) => (isJsonObject(entry) ? entry["did"] : undefined)));
  if (did === undefined) {
    return dids.size > 1
      ? { findings: [noLog(`These are lines of ${dids.size} identities: say which one is meant with --did.`)] }
      : yield* auditSlices(entries, undefined, limits);
  }
  return yield* auditSlices(
    dids.has(did) ? entries.filter((entry) => isJsonObject(entry) && entry["did"] === did) : entries,
    did,
    limits,
  );
}

/** Hashes, signatures and the chain are all there. Which operations were nullified, and when, is not. */
function* auditOperations(
  operations: readonly unknown[],
  expected: string | undefined,
  limits: Limits,
): Slices<LogAudit> {
  const did = expected ?? founded(operations[0]);
  const entries: unknown[] = [];
  for (const operation of operations) {
    // In their order, for what asks for one; nothing of it is shown.
    const createdAt = new Date(entries.length).toISOString();
    // Of a log that is too long nothing is reckoned out.
    const cid = operations.length > limits.logOperations ? "" : cidOf(operation, limits);
    entries.push({ did, operation, cid, nullified: false, createdAt });
    yield;
  }
  const audit = yield* auditSlices(entries, did, limits);
  const { log } = audit;
  if (log === undefined) {
    return audit;
  }
  const message =
    "This is a list of operations (/log), without times and without what was nullified: whether everything that was undone was undone within 72 hours cannot be checked. /log/audit has it.";
  return {
    ...audit,
    timeless: true,
    findings: [...audit.findings, { rule: "plc/no-times", severity: "warning", message }],
  };
}

function founded(operation: unknown): string {
  try {
    return didOfGenesis(parseSignedOperation(operation));
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    return "";
  }
}

/** Empty for what is no operation: that is found when the log is verified. */
function cidOf(operation: unknown, limits: Limits): string {
  try {
    return operationCid(parseSignedOperation(operation, limits));
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    return "";
  }
}

function noLog(message: string): AuditFinding {
  return { rule: "plc/log-form", severity: "error", message };
}

/** Whether a value says that it is an operation. */
export function isOperation(value: unknown): value is Record<string, unknown> {
  return isJsonObject(value) && ["plc_operation", "plc_tombstone", "create"].includes(String(value["type"]));
}

function isEntry(value: unknown): boolean {
  return isJsonObject(value) && isJsonObject(value["operation"]) && typeof value["cid"] === "string";
}
