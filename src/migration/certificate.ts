/**
 * The proof of a move, for anybody to check, offline and years later.
 *
 * It holds the two signed commits and the audit log. The log proves itself, and says which key the account had at which
 * server, and when. The old commit is signed with a key that it had at the old server right before the move: so this
 * was the repository. The new commit is newer, and signed with a key that the log names for the new server after the
 * move, and nowhere else: so this is what the new server says it has. Both name the same tree (`data`), and a tree's
 * CID covers every record. So the copy is identical. As long as nothing was written on the new server, there is no new
 * commit, and the certificate says so.
 *
 * What it cannot show: whether the holder of the rotation keys put a key of their own into the log as that of the new
 * server.
 */

import * as v from "valibot";
import { DecampError, isDecampError } from "../errors.ts";
import { isCid } from "../data/cid.ts";
import { originOfPds } from "../identity/did-document.ts";
import { isDid } from "../identity/names.ts";
import { proveLog, type LogEntry, type VerifiedLog } from "../plc/log.ts";
import { contentOf, pdsOf, signingKeyOf } from "../plc/operation.ts";
import { proveCommit, type ProvedCommit } from "../repo/commit-proof.ts";

/** What a certificate says; `verifyCertificate` says whether it is true. */
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
  /** CIDs of blobs that the old server did not give. */
  readonly missingBlobs: readonly string[];
  /** CIDs of blobs that were left behind, or that the new server did not take; unset where there were none. */
  readonly blobsNotMoved?: readonly string[] | undefined;
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
  /** Only what is proved to be of the server that it is said to be of. */
  readonly oldCommit?: ProvedCommit;
  readonly newCommit?: ProvedCommit;
  /**
   * `identical`: both servers signed the same tree. `unsigned`: there is nothing that the new server signed.
   * `different`: it signed another tree. `unproved`: one of the commits, or the move itself, is not what the
   * certificate says it is.
   */
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
  blobsNotMoved: v.optional(v.array(cid)),
  operation: cid,
  oldCommit: base64,
  newCommit: v.optional(base64),
  plcLog: v.array(v.unknown()),
});

/** Where there is one. */
export const certificateHint = "A move that is finished writes one, and says where.";

/**
 * Checks a certificate, without network.
 *
 * @param value parsed JSON
 * @throws DecampError `damaged` if it has not the form of one; what is wrong with it otherwise stands in the report
 */
export async function verifyCertificate(value: unknown): Promise<CertificateReport> {
  const parsed = v.safeParse(schema, value);
  if (!parsed.success) {
    throw new DecampError("damaged", "This is not a certificate of a move.", { hint: certificateHint });
  }
  const certificate = parsed.output;
  const { did, source, target } = certificate;
  const facts = { did, source, target };
  let log: VerifiedLog;
  try {
    log = await proveLog(did, certificate.plcLog, {});
  } catch (error) {
    return failed(facts, error);
  }
  const move = findMove(log, certificate);
  if (typeof move === "string") {
    return failed(facts, move);
  }
  let commits: readonly ProvedCommit[];
  try {
    commits = await proveCommits(certificate, log);
  } catch (error) {
    return failed(facts, error);
  }
  const [oldCommit, newCommit] = commits;
  if (oldCommit === undefined || !move.oldKeys.has(oldCommit.signingKey)) {
    return failed(facts, `The old commit is not signed with a key that the account had at ${source} before the move.`);
  }
  if (newCommit === undefined) {
    return { ok: true, ...facts, oldCommit, copy: "unsigned", findings: [] };
  }
  const doubt = doubtNewCommit(newCommit, oldCommit, move, target);
  if (doubt !== undefined) {
    return { ...failed(facts, doubt), oldCommit };
  }
  const identical = newCommit.data === oldCommit.data;
  return {
    ok: identical,
    ...facts,
    oldCommit,
    newCommit,
    copy: identical ? "identical" : "different",
    findings: identical ? [] : ["The two servers signed different trees."],
  };
}

/** Which keys the log gives to the two servers of a move. */
interface Move {
  /** The signing keys of the stay at the old server that the move ended. */
  readonly oldKeys: ReadonlySet<string>;
  /** Those of the stay at the new server that it began. */
  readonly newKeys: ReadonlySet<string>;
  /** Keys that somebody else could have: of another stay, at whatever server, nullified ones included. */
  readonly otherKeys: ReadonlySet<string>;
}

/** The move that a certificate speaks of, or why there is none. */
function findMove({ entries }: VerifiedLog, { operation, source, target }: Certificate): Move | string {
  const entry = entries.find(({ cid: found }) => found === operation);
  if (entry?.nullified === true) {
    return "The operation of this move was nullified: the account did not move by it.";
  }
  const chain = entries.filter(({ nullified }) => !nullified);
  const place = chain.findIndex(({ cid: found }) => found === operation);
  if (place < 1 || !isAt(chain[place], target) || !isAt(chain[place - 1], source)) {
    return "The log has no operation that moved the account between these two servers.";
  }
  if (source === target) {
    return "The old server and the new one are the same: this is no move.";
  }
  const begin = chain.slice(0, place).findLastIndex((other) => !isAt(other, source)) + 1;
  const away = chain.findIndex((other, index) => index > place && !isAt(other, target));
  const stay = chain.slice(place, away < 0 ? undefined : away);
  // Nullified operations among those of the stay belong to it, as long as they name the same server.
  const [first, last] = [stay[0], stay.at(-1)].map((other) => entries.findIndex((one) => one === other));
  const others = entries.filter((other, index) => index < (first ?? 0) || index > (last ?? 0) || !isAt(other, target));
  return {
    oldKeys: new Set(chain.slice(begin, place).flatMap(signingKeysOf)),
    newKeys: new Set(stay.flatMap(signingKeysOf)),
    otherKeys: new Set([
      ...others.flatMap(methodKeysOf),
      // A key that could change the identity before the move was known to others before the new server had it.
      ...entries.slice(0, first).flatMap((other) => contentOf(other.operation)?.rotationKeys ?? []),
    ]),
  };
}

/** The commits of a certificate, each signed with some key of the account. @throws DecampError `damaged` */
async function proveCommits(
  { did, oldCommit, newCommit }: Certificate,
  { signingKeys }: VerifiedLog,
): Promise<readonly ProvedCommit[]> {
  const cars = [oldCommit, ...(newCommit === undefined ? [] : [newCommit])];
  return Promise.all(cars.map(async (car) => proveCommit(Buffer.from(car, "base64"), did, signingKeys)));
}

/** Why a commit is not one that the new server alone can have made, after the old one. */
function doubtNewCommit(
  { signingKey, rev }: ProvedCommit,
  old: ProvedCommit,
  { newKeys, otherKeys }: Move,
  target: string,
): string | undefined {
  if (!newKeys.has(signingKey)) {
    return `The new commit is not signed with a key that the log names for ${target} after the move.`;
  }
  if (otherKeys.has(signingKey)) {
    return `The new commit is signed with a key that the log does not name for ${target} alone, after the move alone: others could have signed it.`;
  }
  return rev > old.rev ? undefined : `The new commit is not newer than the old one: ${rev} does not follow ${old.rev}.`;
}

function failed(facts: Pick<CertificateReport, "did" | "source" | "target">, reason: unknown): CertificateReport {
  if (typeof reason !== "string" && !isDecampError(reason)) {
    throw reason;
  }
  const finding = typeof reason === "string" ? reason : reason.message;
  return { ok: false, ...facts, copy: "unproved", findings: [finding] };
}

function isAt(entry: LogEntry | undefined, server: string): boolean {
  return originOfPds(pdsOf(entry?.operation)) === server;
}

/** The key that signs the repository, if an operation names one. */
function signingKeysOf({ operation }: LogEntry): readonly string[] {
  const key = signingKeyOf(operation);
  return key === undefined ? [] : [key];
}

function methodKeysOf({ operation }: LogEntry): readonly string[] {
  return Object.values(contentOf(operation)?.verificationMethods ?? {});
}
