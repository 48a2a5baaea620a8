/** The library: what the command line does, as functions. Everything else in the package is private. */

export {
  DecampError,
  isDecampError,
  type ErrorCode,
  type ErrorData,
  type ErrorOptions,
  type IdentityStanding,
  type KnownStanding,
} from "./errors.ts";

// Repository
export { createRepoVerifier, verifyRepo } from "./repo/verify.ts";
export type { Expectation, RepoProgress, RepoVerifier, VerifierOptions, VerifyOptions } from "./repo/verify.ts";
export type { Finding, RepoReport } from "./repo/report.ts";
export { bytesSource, type RepoSource } from "./repo/source.ts";
export { defaultLimits, type RepoLimits } from "./repo/limits.ts";
export { readBlobRefs, readRecords, type ReadOptions, type ReferencedBlob, type RepoRecord } from "./repo/records.ts";
export { diffRepos } from "./repo/diff.ts";
export { toJson } from "./data/json.ts";
export { decodeCbor } from "./data/cbor.ts";

// Identity
export { parseDidDocument, type DidDocument } from "./identity/did-document.ts";
export { makePrivateKey, parsePrivateKey, PrivateKey } from "./identity/private-key.ts";
export type { Curve } from "./identity/keys.ts";
export { auditLog, type AuditFinding, type LogAudit } from "./plc/audit.ts";
export { describeHistory, undoPower, type HistoryEntry, type UndoPower } from "./plc/history.ts";
export { changeFacts } from "./plc/change-facts.ts";
export type { ChangeFacts, KeyFact, KeyKnowledge, KeyOwner, UndoFacts } from "./plc/change-facts.ts";
export { verifyLog, type LogEntry, type VerifiedLog } from "./plc/log.ts";
export { moveOperation, updateOperation, type Base, type Move } from "./plc/update.ts";
export { editOperation, type IdentityEdit } from "./plc/edit.ts";
export { checkOperation, type CheckContext, type OperationsLeft } from "./plc/check.ts";
export { judgeOperation, type Intent, type Judgement } from "./plc/judge.ts";
export { placeOperation, predecessorAt, type Place } from "./plc/place.ts";
export {
  findRecoveries,
  findUnwanted,
  planRecovery,
  recoveryOperation,
  recoveryPredecessor,
  type Recovery,
  type RecoveryRequest,
} from "./plc/recover.ts";
export { compareSigned, diffOperations, type Difference, type Predecessor, type SignedAnswer } from "./plc/diff.ts";

// Services
export { Http, type HttpOptions } from "./services/http/http.ts";
export { Pds } from "./services/servers/pds.ts";
export { createPlcDirectory, type PlcDirectory } from "./services/servers/plc-directory.ts";
export { createHandleResolver, type HandleResolver } from "./services/servers/resolver.ts";
export { createSeenHeads, type SeenHead, type SeenHeads } from "./services/disk/seen-heads.ts";
export { openCarFile, type CarFile } from "./services/disk/car-file.ts";

export { createKeychain, type Keychain } from "./services/secrets/keychain.ts";
export { createKeychainStore, createKeyFile, type KeyStore } from "./services/secrets/key-store.ts";

// Work on an identity
export { keepKey, type KeyForm } from "./account/keep-key.ts";
export { auditAccount, type AccountAudit } from "./account/audit.ts";
export { readIdentity, type Identity } from "./account/read-identity.ts";
export { readLog, type ReadLog } from "./account/read-log.ts";
export type { AccountServices, LogServices } from "./account/services.ts";
export { submitOperation, type Submission, type Submitted } from "./account/submit.ts";
export { findIdentity, readAccount, type AccountLog, type Hints } from "./account/find.ts";
export { carryOut } from "./account/change.ts";
export type { ChangeOptions, ChangeParts, ChangePlan, ChangeResult, Route } from "./account/change.ts";
export { planMove, serverRotationKeys, type PlannedMove } from "./account/plan-move.ts";
export { addKeyTo, addRotationKey, type NewKeyRequest, type ServerSession } from "./account/add-key.ts";
export type { AddKeyRequest, AddKeyResult } from "./account/add-key.ts";
export { planAccountRecovery, recoverAccount, type RecoveryPlan, type RecoveryWish } from "./account/recover.ts";
export { signByKey, type Signer } from "./account/sign-by-key.ts";
export { signByServer, type SigningRequest } from "./account/sign-by-server.ts";
export { submitSigned, type SubmitRequest, type SubmitResult } from "./account/submit-signed.ts";
export type { IdentityAnswers } from "./account/answers.ts";

// Archive and migration
export { exportAccount, type ExportResult } from "./archive/export/export-account.ts";
export type { Mended, Unmended } from "./archive/export/mend.ts";
export type { ExportEvent, ExportStepId, ReportExport } from "./archive/events.ts";
export type { ExportOptions, ExportSource } from "./archive/export/export-options.ts";
export type { Manifest } from "./archive/manifest.ts";
export { migrate } from "./migration/run.ts";
export { undoMove, type UndoParts, type UndoRequest, type UndoResult } from "./migration/undo.ts";
export type { Answers } from "./migration/answers.ts";
export type { MigrationServices } from "./migration/context.ts";
export type { MigrationEvent, MigrationPlan, MigrationResult, Report } from "./migration/events.ts";
export type { MigrateOptions } from "./migration/options.ts";
export { stepIds, stepTitle, type StepId } from "./migration/step-ids.ts";
