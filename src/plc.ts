/**
 * `decamp/plc`: identities of did:plc, pure. Logs and operations go in, verdicts and plans come out: no network, no
 * files, no clock.
 */

export {
  DecampError,
  isDecampError,
  type ErrorCode,
  type ErrorData,
  type ErrorOptions,
  type IdentityStanding,
  type KnownStanding,
} from "./errors.ts";

// The log
export { proveLog, verifyLog, type LogEntry, type VerifiedLog } from "./plc/log.ts";
export { auditLog, type AuditFinding, type LogAudit } from "./plc/audit.ts";
export { describeHistory, undoPower, type HistoryEntry, type UndoPower } from "./plc/history.ts";

// Operations
export {
  didOfGenesis,
  operationBytes,
  operationCid,
  parseSignedOperation,
  parseUnsignedOperation,
} from "./plc/operation.ts";
export type {
  LegacyCreate,
  PlcOperation,
  PlcService,
  PlcTombstone,
  SignedOperation,
  UnsignedOperation,
} from "./plc/operation.ts";
export { moveOperation, updateOperation, type Base, type Move, type RecommendedCredentials } from "./plc/update.ts";
export { editOperation, type IdentityEdit } from "./plc/edit.ts";
export { placeOperation, predecessorAt, type Place } from "./plc/place.ts";
export { compareSigned, diffOperations, type Difference, type Predecessor, type SignedAnswer } from "./plc/diff.ts";

// What speaks against one, and what it does
export { checkOperation, type CheckContext, type OperationFinding, type OperationsLeft } from "./plc/check.ts";
export { judgeOperation, type Intent, type Judgement } from "./plc/judge.ts";
export { changeFacts } from "./plc/change-facts.ts";
export type { BeforeAndAfter, ChangeFacts, KeyFact, KeyKnowledge, KeyOwner, UndoFacts } from "./plc/change-facts.ts";

// Recovery
export { findRecoveries, findUnwanted, planRecovery, recoveryOperation, recoveryPredecessor } from "./plc/recover.ts";
export type { Recovery, RecoveryRequest } from "./plc/recover.ts";

// Documents and keys, and what is spoken of
export type { Cid } from "./data/cid.ts";
export { limitsWith, type BudgetName, type Limits } from "./data/budgets.ts";
export { parseDidDocument, type DidDocument } from "./identity/did-document.ts";
export { parseDidKey, verifySignature, type Curve, type PublicKey } from "./identity/keys.ts";
export { makePrivateKey, parsePrivateKey, PrivateKey } from "./identity/private-key.ts";
