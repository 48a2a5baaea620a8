/** What a migration is asked to do. Secrets are not among it: they are asked for when they are needed (answers.ts). */

import type { StepId } from "./step-ids.ts";

/** How an account is moved. */
export interface MigrateOptions {
  /** Handle or DID of the account. */
  readonly account: string;
  /** Address of the new server. */
  readonly to: string;
  /** Address of the old server, when it is not the one that the DID document names. */
  readonly from?: string;
  /**
   * The server that the identity names is lost for good: move what `from` has, although it may be older. Without it a
   * `from` that is not the home of the account is refused.
   */
  readonly homeIsLost: boolean;
  /** Replace a copy on the new server although it has records that are nowhere else; it is kept in the archive. */
  readonly replaceCopy: boolean;
  /** Make the plan, report it, and change nothing. */
  readonly dryRun: boolean;
  /** Stop after this step. */
  readonly until?: StepId;
  /** Folder of the archive; by default one under `stateDir`. */
  readonly archive?: string;
  /** Folder of decamp's own state. */
  readonly stateDir: string;
  /** Allow `http:` and addresses of this machine and of home networks. */
  readonly allowPrivateHosts: boolean;
  /** How many blobs are in flight at once; by default `defaultDownloads` and `defaultUploads`. */
  readonly concurrency?: number;
  /** Deactivate the account on the old server before the export, so that nothing can be written during the move. */
  readonly freeze: boolean;
  /** Send the repository in parts if the new server does not take it as a whole. */
  readonly chunkedImport: boolean;
  /** Write to the new server what was written on the old one after the move. */
  readonly bringLateWrites: boolean;
  /** Create and delete one record on the new server at the end, so that it signs the repository with its own key. */
  readonly firstWrite: boolean;
  /**
   * Put a rotation key of the user's own first before the identity moves: `newRotationKey` of the answers says which.
   */
  readonly addRecoveryKey: boolean;
  /**
   * Rotation keys, did:keys, that may stay in the identity although the old server does not say that they are not its
   * own.
   */
  readonly acceptKeys?: readonly string[];
  /**
   * Go on although the new server shows nothing of the account to its owner before it is active: what it has is proved
   * then, and the account on the old server stays active until that is done. Only with a rotation key of the user's
   * that stands above the new server's.
   */
  readonly proveAfterActivation: boolean;
  /**
   * Go on although the old server does not give some blobs, or the new one does not take some. The result is then
   * incomplete.
   */
  readonly allowMissingBlobs: boolean;
  /** CIDs of blobs that are left behind. */
  readonly skipBlobs?: readonly string[];
  /** Go on although the revision of the repository lies in the future. */
  readonly acceptFutureRev: boolean;
  /** How long is waited for the document of a did:web to be published (milliseconds); half an hour unless given. */
  readonly documentWait?: number;
}
