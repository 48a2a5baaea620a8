/**
 * An audit log as a report: what it says if it is in order, what is wrong if it is not. Nothing is thrown for a bad
 * log.
 */
import { defaultBudgets, type Limits } from "../data/budgets.ts";
import { isJsonObject } from "../data/json-object.ts";
import { atOnce, type Slices } from "../data/slices.ts";
import { isDecampError } from "../errors.ts";
import { checkOperation } from "./check.ts";
import { logSlices, type VerifiedLog } from "./log.ts";
import { contentOf } from "./operation.ts";

/** Something that is wrong with an identity, or odd. */
export interface AuditFinding {
  /** `plc/…`, `did-document/…` or `handle/…`, stable. */
  readonly rule: string;
  /** An error makes the audit fail; a warning does not. */
  readonly severity: "error" | "warning";
  readonly message: string;
  /** The entry, from 0. */
  readonly index?: number;
  readonly cid?: string;
}

/** What was found out about a log. */
export interface LogAudit {
  readonly did?: string;
  /** The verified log; missing if it is not in order. */
  readonly log?: VerifiedLog;
  /** No part of what was read is of `did`: it is another's log, or nobody's. */
  readonly foreign?: true;
  /** The times of the entries are not known: those of the log only say their order. */
  readonly timeless?: true;
  readonly findings: readonly AuditFinding[];
}

/**
 * Audits a log from nothing but itself. Warnings say what the directory took although decamp would not make it.
 *
 * @param did whose log it has to be; by default that of its first entry
 * @param entries the parsed JSON
 * @throws DecampError `limit-exceeded` for a log that is too large to be looked at
 */
export function auditLog(entries: unknown, did: string | undefined = didOf(entries)): LogAudit {
  return atOnce(auditSlices(entries, did, defaultBudgets));
}

/** The same as work in slices. */
export function* auditSlices(
  entries: unknown,
  did: string | undefined = didOf(entries),
  limits: Limits = defaultBudgets,
): Slices<LogAudit> {
  if (did === undefined) {
    const message = "This is no audit log: a list whose entries name their DID.";
    return { findings: [{ rule: "plc/log-form", severity: "error", message }] };
  }
  try {
    return auditOf(yield* logSlices(did, entries, limits));
  } catch (error) {
    if (!isDecampError(error, "identity-invalid")) {
      throw error;
    }
    return { did, findings: [findingOf(error)] };
  }
}

/** The audit of a log that is verified already. */
export function auditOf(log: VerifiedLog): LogAudit & { readonly did: string } {
  return { did: log.did, log, findings: oddities(log) };
}

/** What an `identity-invalid` error says, as a finding. */
export function findingOf(error: { message: string; data: Readonly<Record<string, unknown>> }): AuditFinding {
  const { rule, index, cid } = error.data;
  return {
    rule: String(rule),
    severity: "error",
    message: error.message,
    ...(typeof index === "number" ? { index } : {}),
    ...(typeof cid === "string" ? { cid } : {}),
  };
}

function oddities({ head, entries }: VerifiedLog): AuditFinding[] {
  const content = contentOf(head.operation);
  return (content === undefined ? [] : checkOperation(content)).map(({ rule, message }) => ({
    rule,
    severity: "warning",
    message,
    index: entries.indexOf(head),
    cid: head.cid,
  }));
}

function didOf(entries: unknown): string | undefined {
  const first: unknown = Array.isArray(entries) ? entries[0] : undefined;
  const did = isJsonObject(first) ? first["did"] : undefined;
  return typeof did === "string" ? did : undefined;
}
