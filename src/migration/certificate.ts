/**
 * The proof of a move, for anybody to check, offline and years later.
 *
 * It holds the two signed commits and the audit log. The log proves itself, and says which keys the account had before and
 * after the move. The old commit is signed with a key from before: so this was the repository. The new commit is signed with
 * the key that the new server holds: so this is what the new server says it has. Both name the same tree (`data`), and a tree's
 * CID covers every record. So the copy is identical. As long as nothing was written on the new server, there is no new
 * commit, and the certificate says so.
 */

import * as v from "valibot";
import { DecampError, isDecampError } from "../errors.ts";
import { isCid } from "../data/cid.ts";
import { isDid } from "../identity/syntax.ts";
import { verifyLog, type LogEntry, type VerifiedLog } from "../plc/log.ts";
import { normalizeOperation, pdsOf } from "../plc/operation.ts";
import { proveCommit, type ProvedCommit } from "../repo/commit-proof.ts";

export interface Certificate {
  readonly format: 1;
  readonly writtenBy: string;
  /** ISO 8601. */
  readonly movedAt: string;
  readonly did: string;
  readonly oldHandle: string;
  readonly handle: string;
  /** Origins. */
  readonly source: string;
  readonly target: string;
  readonly records: number;
  readonly blobs: number;
  /** CIDs of blobs that the old server no longer had. */
  readonly missingBlobs: readonly string[];
  /** CID of the operation that moved the identity. */
  readonly operation: string;
  /** CAR files of one commit each, base64. */
  readonly oldCommit: string;
  readonly newCommit?: string | undefined;
  /** The audit log as the directory sent it. */
  readonly plcLog: readonly unknown[];
}

/** What a certificate proves. */
export interface CertificateReport {
  readonly ok: boolean;
  readonly did?: string;
  readonly source?: string;
  readonly target?: string;
  readonly oldCommit?: ProvedCommit;
  readonly newCommit?: ProvedCommit;
  /** `identical`: both servers signed the same tree. `unsigned`: the new server has not signed anything yet. */
  readonly copy: "identical" | "unsigned" | "different" | "unproved";
  /** What is wrong, one sentence each. */
  readonly findings: readonly string[];
}

const cid = v.pipe(v.string(), v.check(isCid));
const base64 = v.pipe(v.string(), v.base64());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const schema: v.GenericSchema<unknown, Certificate> = v.object({
  format: v.literal(1),
  writtenBy: v.string(),
  movedAt: v.string(),
  did: v.pipe(v.string(), v.check(isDid)),
  oldHandle: v.string(),
  handle: v.string(),
  source: v.string(),
  target: v.string(),
  records: count,
  blobs: count,
  missingBlobs: v.array(cid),
  operation: cid,
  oldCommit: base64,
  newCommit: v.optional(base64),
  plcLog: v.array(v.unknown()),
});

/**
 * Checks a certificate, without network.
 *
 * @param value parsed JSON
 * @throws DecampError `damaged` if it has not the form of one; what is wrong with it otherwise stands in the report
 */
export async function verifyCertificate(value: unknown): Promise<CertificateReport> {
  const parsed = v.safeParse(schema, value);
  if (!parsed.success) {
    throw new DecampError("damaged", "This is not a certificate of a move.");
  }
  const certificate = parsed.output;
  const { did, source, target } = certificate;
  const facts = { did, source, target };
  let log: VerifiedLog;
  try {
    log = verifyLog(did, certificate.plcLog);
  } catch (error) {
    return failed(facts, error);
  }
  const place = log.entries.findIndex((entry) => entry.cid === certificate.operation && !entry.nullified);
  const operation = log.entries[place];
  const before = log.entries.slice(0, Math.max(place, 0)).filter(({ nullified }) => !nullified);
  if (operation === undefined || pdsOf(operation.operation) !== target || pdsOf(before.at(-1)?.operation) !== source) {
    return failed(facts, "The log has no operation that moved the account between these two servers.");
  }
  try {
    const oldCommit = await proveCommit(Buffer.from(certificate.oldCommit, "base64"), did, before.flatMap(keys));
    if (certificate.newCommit === undefined) {
      return { ok: true, ...facts, oldCommit, copy: "unsigned", findings: [] };
    }
    const after = log.entries.slice(place).filter(({ nullified }) => !nullified);
    const newCommit = await proveCommit(Buffer.from(certificate.newCommit, "base64"), did, after.flatMap(keys));
    const identical = newCommit.data === oldCommit.data;
    return {
      ok: identical,
      ...facts,
      oldCommit,
      newCommit,
      copy: identical ? "identical" : "different",
      findings: identical ? [] : ["The two servers signed different trees."],
    };
  } catch (error) {
    return failed(facts, error);
  }
}

function failed(facts: Pick<CertificateReport, "did" | "source" | "target">, reason: unknown): CertificateReport {
  if (typeof reason !== "string" && !isDecampError(reason)) {
    throw reason;
  }
  const finding = typeof reason === "string" ? reason : reason.message;
  return { ok: false, ...facts, copy: "unproved", findings: [finding] };
}

/** The signing key that an operation names, if it names one. */
function keys({ operation }: LogEntry): string[] {
  const key =
    operation.type === "plc_tombstone" ? undefined : normalizeOperation(operation).verificationMethods["atproto"];
  return key === undefined ? [] : [key];
}
