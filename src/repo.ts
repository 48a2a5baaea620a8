/** `decamp/repo`: repositories, pure. Bytes go in, and what they say comes out: no network, no files, no clock. */

export {
  DecampError,
  isDecampError,
  type ErrorCode,
  type ErrorData,
  type ErrorOptions,
  type IdentityStanding,
  type KnownStanding,
} from "./errors.ts";

// What a repository is proved to be
export { verifyRepo } from "./repo/verify-later.ts";
export type { Expectation, RepoProgress, VerifyOptions } from "./repo/verify.ts";
export type { Finding, RepoReport } from "./repo/report.ts";
export { rules, type Part, type Rule, type RuleId } from "./repo/rules.ts";
export { limitsWith, type BudgetName, type Limits } from "./data/budgets.ts";
export { defaultLimits, type RepoLimits } from "./repo/limits.ts";

// What is in it
export { bytesSource, type RepoSource } from "./repo/source.ts";
export { readBlobRefs, readRecords, recordsInTurns } from "./repo/records.ts";
export type { BlobRefOptions, ReadOptions, ReferencedBlob, RepoRecord } from "./repo/records.ts";
export { diffInTurns, diffRepos, type DiffOptions, type RecordChange } from "./repo/diff.ts";
export { readDid, timeOfRev } from "./repo/head.ts";
export { framedBlocks, parseCarHeader, type CarHeader, type FramedBlock } from "./repo/car.ts";

// What a record says
export { decodeCbor, isCborMap, type CborMap, type CborValue } from "./data/cbor.ts";
export { CidLink, type Cid } from "./data/cid.ts";
export { toJson } from "./data/json.ts";

// Whose it is
export { parseDidDocument, type DidDocument } from "./identity/did-document.ts";
