/**
 * The commit: the signed object that names the account, the revision and the tree. (Spec: Repository, "Commit
 * Objects".)
 */
import { isDecampError } from "../errors.ts";
import { CidLink, cidToBytes, type Cid } from "../data/cid.ts";
import { decodeCbor, encodeCbor, isCborMap, type CborValue } from "../data/cbor.ts";
import { hasLowS, parseDidKey, verifySignature } from "../identity/keys.ts";
import type { Findings } from "./report.ts";

/** A commit as far as it could be read. */
export interface Commit {
  did?: string;
  rev?: string;
  data?: Cid;
  signature?: Uint8Array;
  /** The bytes that the signature is over: the commit without `sig`. */
  signedBytes: Uint8Array;
}

const didSyntax = /^did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]$/;
const tidSyntax = /^[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}$/;
const tidCharacters = "234567abcdefghijklmnopqrstuvwxyz";

/** Clocks of servers may differ by this much, in milliseconds. */
const clockDrift = 5 * 60_000;

/** The highest TID of a moment. @param now epoch milliseconds */
function latestTid(now: number): string {
  let number = ((BigInt(Math.floor(now)) * 1000n + 999n) << 10n) | 1023n;
  let text = "";
  for (let i = 0; i < 13; i++) {
    text = tidCharacters.charAt(Number(number & 31n)) + text;
    number >>= 5n;
  }
  return text;
}

/** Whether a revision lies in the future, by more than clocks may differ. @param now epoch milliseconds */
export function isFutureRev(rev: string, now: number): boolean {
  return rev > latestTid(now + clockDrift);
}

/**
 * Reads a commit, and adds a finding for each rule of its form that it breaks. Account, time and signature are for
 * `judgeCommit`.
 *
 * @param cid the commit's CID, for the findings
 * @returns what could be read, or undefined if that is nothing
 */
export function parseCommit(bytes: Uint8Array, cid: Cid, findings: Findings): Commit | undefined {
  let value: CborValue;
  try {
    value = decodeCbor(bytes, 8);
  } catch (error) {
    if (isDecampError(error, "damaged")) {
      findings.add("commit/cbor", { cid, message: `The commit cannot be read. ${error.message}` });
      return undefined;
    }
    throw error;
  }
  if (!isCborMap(value)) {
    findings.add("commit/fields", { cid });
    findings.add("commit/data", { cid });
    return undefined;
  }
  const { did, version, data, rev, prev, sig } = value as Record<string, CborValue | undefined>;
  const isVersion2 = version === 2;
  if (isVersion2) {
    findings.add("commit/version-2", { cid });
  } else if (version !== undefined && version !== 3) {
    findings.add("commit/version", { cid });
  }
  const fields = ["did", "version", "data", "rev", "prev", "sig"];
  const missing = fields.filter((field) => !(field in value));
  const extra = Object.keys(value).filter((field) => !fields.includes(field));
  // In version 2 the revision was optional: the version says it all.
  if (extra.length > 0 || (missing.length > 0 && !(isVersion2 && missing.join() === "rev"))) {
    const isNone = missing.length === fields.length;
    const message = [
      isNone
        ? "The root is no commit: this looks like a CAR file of something else than a repository."
        : "The commit does not have exactly the six fields that it must have.",
      ...(missing.length > 0 ? [`Missing: ${missing.join(", ")}.`] : []),
      ...(extra.length > 0 ? [`Not allowed: ${extra.map((field) => JSON.stringify(field)).join(", ")}.`] : []),
    ].join(" ");
    findings.add("commit/fields", { cid, message });
  }
  const { sig: _, ...unsigned } = value;
  const commit: Commit = { signedBytes: encodeCbor(unsigned) };
  if (typeof did === "string" && didSyntax.test(did) && did.length <= 2048) {
    commit.did = did;
  } else if (did !== undefined) {
    findings.add("commit/did", { cid });
  }
  if (typeof rev === "string" && tidSyntax.test(rev)) {
    commit.rev = rev;
  } else if (rev !== undefined && !(isVersion2 && rev === null)) {
    findings.add("commit/rev", { cid });
  }
  if (data instanceof CidLink && cidToBytes(data.cid)[1] === 0x71) {
    commit.data = data.cid;
  } else {
    findings.add("commit/data", { cid });
  }
  if (prev !== undefined && prev !== null && !(prev instanceof CidLink)) {
    findings.add("commit/prev", { cid });
  }
  if (sig instanceof Uint8Array && sig.length === 64) {
    commit.signature = sig;
  } else {
    findings.add("commit/sig", { cid });
  }
  return commit;
}

export interface CommitExpectation {
  did?: string;
  signingKeys?: readonly string[];
  now?: number;
}

export interface CommitVerdict {
  signature: "valid" | "invalid" | "unchecked";
  signingKey?: string;
}

/**
 * Answers whether a commit is true: of the expected account, not from the future, and signed with one of the keys.
 *
 * @throws DecampError `usage` if an expected key is no did:key
 */
export function judgeCommit(commit: Commit, cid: Cid, expected: CommitExpectation, findings: Findings): CommitVerdict {
  if (expected.did !== undefined && commit.did !== undefined && commit.did !== expected.did) {
    const message = `This is the repository of ${commit.did}, not that of ${expected.did}.`;
    findings.add("commit/other-did", { cid, message });
  }
  if (expected.now !== undefined && commit.rev !== undefined && isFutureRev(commit.rev, expected.now)) {
    findings.add("commit/future-rev", { cid });
  }
  const { signature } = commit;
  if (signature === undefined) {
    return { signature: "invalid" };
  }
  const keys = (expected.signingKeys ?? []).map((key) => parseDidKey(key));
  const curves = keys.length === 0 ? (["k256", "p256"] as const) : keys.map(({ curve }) => curve);
  if (!curves.some((curve) => hasLowS(curve, signature))) {
    findings.add("commit/high-s", { cid });
    return { signature: "invalid" };
  }
  if (keys.length === 0) {
    return { signature: "unchecked" };
  }
  const signer = keys.find(({ didKey }) => verifySignature(didKey, commit.signedBytes, signature));
  if (signer === undefined) {
    findings.add("commit/signature", { cid });
    return { signature: "invalid" };
  }
  return { signature: "valid", signingKey: signer.didKey };
}
