/** What a restore is asked to do, and what it has found out so far. */

import type { Signer } from "../../account/sign-by-key.ts";
import type { PrivateKey } from "../../identity/private-key.ts";
import type { MigrateOptions } from "../options.ts";
import type { StepId } from "../step-ids.ts";

/** How an account is brought back from its archive. */
export interface RestoreOptions {
  /** Folder of the archive. */
  readonly archive: string;
  /** Address of the new server. */
  readonly to: string;
  /**
   * The server that the identity names is lost or hostile: what it has is not believed, also where it has something
   * newer.
   */
  readonly homeIsLost: boolean;
  /** CID of the operation that is to be taken back, with all after it. */
  readonly nullify?: string;
  /** Rotation keys, did:keys, that stay although they came with a server. */
  readonly acceptKeys?: readonly string[];
  /** Rotation keys, did:keys, that leave although nothing shows that they are a server's. */
  readonly dropKeys?: readonly string[];
  /** Addresses of other servers, and folders of other archives, that may have blobs that the archive lacks. */
  readonly also?: readonly string[];
  /** Replace what the new server has of the account although it has records that are not in the archive. */
  readonly replaceNewer: boolean;
  /** Make the plan, report it, and change nothing. */
  readonly dryRun: boolean;
  /** Stop after this step. */
  readonly until?: StepId;
  /** Folder of decamp's own state. */
  readonly stateDir: string;
  /** Allow `http:` and addresses of this machine and of home networks. */
  readonly allowPrivateHosts: boolean;
  /** How many blobs are in flight at once; by default `defaultDownloads` and `defaultUploads`. */
  readonly concurrency?: number;
  /** Send the repository in parts if the new server does not take it as a whole. */
  readonly chunkedImport: boolean;
  /** Go on although the archive lacks blobs, or the new server does not take some. The result is then incomplete. */
  readonly allowMissingBlobs: boolean;
  /** CIDs of blobs that are left behind. */
  readonly skipBlobs?: readonly string[];
  /** Go on although the revision of the repository lies in the future. */
  readonly acceptFutureRev: boolean;
  /** How long is waited for the document of a did:web to be published (milliseconds); half an hour unless given. */
  readonly documentWait?: number;
  /** Whether a rotation key was named: a did:web has none, and refuses it. */
  readonly namesKey?: boolean;
}

/** What the steps of a restore share beside what a move has. */
export interface Restoring {
  readonly options: RestoreOptions;
  /** The proof of the archive, once it is under way. */
  proof?: Promise<void>;
  /** The user's rotation key, once it was opened. */
  signer?: Signer;
  /** The key that stands in the identity until the account has a server again. */
  temporaryKey?: PrivateKey;
  /** Every temporary key that earlier runs have made, did:keys. */
  earlierKeys?: readonly string[];
  /** Of a did:web: the signing keys in the archive's own copies of the document. Nobody but the archive says so. */
  archivedKeys?: readonly string[];
}

/** What a restore has; a step of one runs nowhere else. */
export function restoringOf({ restoring }: { readonly restoring: Restoring | undefined }): Restoring {
  if (restoring === undefined) {
    throw new TypeError("a step of a restore runs in a restore");
  }
  return restoring;
}

/** The same as a move is asked it: the steps that both have read this. */
export function asMove(options: RestoreOptions, archive: string | undefined, account: string): MigrateOptions {
  const {
    archive: _archive,
    replaceNewer,
    nullify: _nullify,
    dropKeys: _drop,
    also: _also,
    namesKey: _names,
    ...rest
  } = options;
  return {
    ...rest,
    account,
    ...(archive === undefined ? {} : { archive }),
    replaceCopy: replaceNewer,
    proveAfterActivation: false,
    freeze: false,
    bringLateWrites: false,
    firstWrite: false,
    addRecoveryKey: false,
  };
}
