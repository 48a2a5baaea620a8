/** The library: what the command line does, as functions. Everything else in the package is private. */

// The pure parts, each an entry of its own
export * from "./repo.ts";
export * from "./plc.ts";
// Whoever takes the whole has the proving machine at hand.
export { createRepoVerifier, verifyRepo, type RepoVerifier, type VerifierOptions } from "./repo/verify.ts";
export { proveCommit, type ProvedCommit } from "./repo/commit-proof.ts";
export { parseAccount, type Account } from "./identity/names.ts";

// Services: all of them, and each of them
export { openServices, type OpenOptions, type OpenServices, type Services } from "./services/open.ts";
export type { NetworkOptions } from "./services/open-network.ts";
export { Http, type HttpOptions, type HttpRequest, type SentRequest, type ServerWait } from "./services/http/http.ts";
export type { Flow, FlowTime } from "./services/http/flow.ts";
export type { HttpAnswer } from "./services/http/http-answer.ts";
export type { Allowance, Allowances, AnswerHeaders } from "./services/http/allowances.ts";
export type { Clocks } from "./services/http/clocks.ts";

export { KnownSecrets, type Whose } from "./data/known-secrets.ts";
export { Pds } from "./services/servers/pds.ts";
export type { AccountStatus, ListedRepo, NewAccount, OpenPds, ServerDescription } from "./services/servers/pds.ts";
export type { RepoStatus } from "./services/servers/repo-status.ts";
export type { Download } from "./services/servers/download.ts";
export type { Upload } from "./services/upload.ts";
export type { Credentials, SessionInfo } from "./services/servers/session.ts";
export { createPlcDirectory, type PlcDirectory } from "./services/servers/plc-directory.ts";
export { createAppView, type AppView, type Profile, type ProfileCounts } from "./services/servers/app-view.ts";
export { createRelay, type AccountAtRelay, type HostStatus, type Relay } from "./services/servers/relay.ts";
export { createHandleResolver, type HandleResolver } from "./services/servers/resolver.ts";
export { createSeenHeads, type SeenHead, type SeenHeads } from "./services/disk/seen-heads.ts";
export {
  openCarFile,
  openStoredCar,
  type CarFile,
  type SpoolOptions,
  type StoredOptions,
} from "./services/disk/car-file.ts";
export { createNewFolder, type NewFolder } from "./services/disk/new-folder.ts";
export type { LockOwner } from "./services/disk/lock.ts";
export { createKeychain, type Keychain } from "./services/secrets/keychain.ts";
export { createKeychainStore, createKeyFile, type KeyStore } from "./services/secrets/key-store.ts";

// Work on an identity
export { keepKey, type KeyForm } from "./account/keep-key.ts";
export { auditAccount, type AccountAudit } from "./account/audit.ts";
export { readIdentity, type Identity } from "./account/read-identity.ts";
export { readLog, type ReadLog } from "./account/read-log.ts";
export type { AccountServices, LogServices } from "./account/services.ts";
export { submitOperation, type Submission, type Submitted } from "./account/submit.ts";
export { findIdentity, locateAccount, readAccount } from "./account/find.ts";
export type { AccountLog, Hints, LocatedAccount } from "./account/find.ts";
export type { WhereState } from "./account/where.ts";
export type { PlaceState } from "./account/places.ts";
export { carryOut } from "./account/change.ts";
export type { ChangeOptions, ChangeParts, ChangePlan, ChangeResult, Route } from "./account/change.ts";
export { planMove, serverRotationKeys, type PlannedMove } from "./account/plan-move.ts";
export { addKeyTo, addRotationKey, type NewKeyRequest } from "./account/add-key.ts";
export type { AddKeyRequest, AddKeyResult } from "./account/add-key.ts";
export { repairIdentity, type RepairRequest, type RepairResult } from "./account/repair/repair-identity.ts";
export type { ServerSession } from "./account/repair/own-server.ts";
export { planAccountRecovery, recoverAccount, type RecoveryPlan, type RecoveryWish } from "./account/recover.ts";
export { signByKey, type Signer } from "./account/sign-by-key.ts";
export { signByServer, type SigningRequest } from "./account/sign-by-server.ts";
export { submitSigned, type SubmitRequest, type SubmitResult } from "./account/submit-signed.ts";
export type { IdentityAnswers, PasswordAsked } from "./account/answers.ts";

// Archive
export { exportAccount, type ExportResult } from "./archive/export/export-account.ts";
export { comparedHeads } from "./archive/export/compared-heads.ts";
export { exportMany, type Listed, type ListEnd, type ManyOptions, type Outcome } from "./archive/export/export-many.ts";
export type { Shard } from "./archive/state/shard.ts";
export { exportOptions } from "./archive/export/export-options.ts";
export type { Ahead } from "./archive/export/ahead.ts";
export type { WantedBlob } from "./archive/export/fetch-blobs.ts";
export type { LeftOut } from "./archive/export/small-files.ts";
export type { Loss } from "./archive/shrink.ts";
export type { BlobsAhead, Head, ExportOptions, ExportSource, ExportWishes } from "./archive/export/export-options.ts";
export type { Mended, Unmended } from "./archive/export/mend.ts";
export type { Compression } from "./archive/export/repo-file.ts";
export type { ExportEvent, ExportStepId, ReportExport } from "./archive/events.ts";
export { listSnapshots, readManifest, type Manifest } from "./archive/manifest.ts";
export type { ArchivedBlob, ArchivedFile, Missing, Most } from "./archive/manifest.ts";
export {
  openSnapshot,
  readArchive,
  type ArchiveContents,
  type ArchivedSnapshots,
  type OpenSnapshot,
} from "./archive/open.ts";
export type { SigningOptions } from "./account/repair/who-signs.ts";
export type { ExportCursor, ExportLine } from "./services/servers/plc-export.ts";
export type { OddSnapshot } from "./archive/odd-snapshots.ts";
export { openSnapshotRepo } from "./archive/open-repo.ts";
export { checkArchive, type AnyFinding, type ArchiveReport } from "./archive/check/check-archive.ts";
export type { ArchiveFinding, CheckOptions } from "./archive/check/check-snapshot.ts";
export type { NamedChange, RecordChanges } from "./archive/record-changes.ts";
export { compareBlobs, compareFiles, compareRecords, type PartChange } from "./archive/compare-snapshots.ts";
export { pruneArchive, type Pruned, type PruneOptions } from "./archive/prune.ts";
export { parseSpan, type KeepRules, type Span } from "./archive/keep-rules.ts";
export { unpackRecords, type Unpacked } from "./archive/unpack.ts";

// Move
export { migrate } from "./migration/run.ts";
export { restore } from "./migration/restore/run.ts";
export {
  couldComeBack,
  type Comeback,
  type ComebackCheck,
  type ComebackCheckId,
  type ComebackQuestion,
} from "./migration/restore/comeback.ts";
export { cancelRestore, type CancelledRestore } from "./migration/restore/cancel.ts";
export type { RestoreOptions } from "./migration/restore/restore-options.ts";
export { cancelMigration, type CancelResult } from "./migration/cancel.ts";
export {
  migrationStatus,
  type AccountStatusReport,
  type MoveStatus,
  type Phase,
  type ServerStatus,
  type StatusOptions,
} from "./migration/status.ts";
export { undoMove, type UndoParts, type UndoRequest, type UndoResult } from "./migration/undo.ts";
export { verifyCertificate, type Certificate, type CertificateReport } from "./migration/certificate.ts";
export type { Answers } from "./migration/answers.ts";
export type { MigrationServices } from "./migration/context.ts";
export type { MigrationEvent, MigrationPlan, MigrationResult, Report } from "./migration/events.ts";
export type {
  BlobNotMoved,
  LeftBehind,
  LeftBehindNow,
  MissingBlob,
  PlannedStep,
  WeakerProof,
  PreferencesFromArchive,
  PreferencesNotMoved,
  PublishedDocument,
  SeenByOthers,
  ShownChanges,
  TemporaryKey,
  Warning,
} from "./migration/events.ts";
export type { MigrateOptions } from "./migration/options.ts";
export { restoreStepIds, stepIds, stepTitle, type StepId } from "./migration/step-ids.ts";
