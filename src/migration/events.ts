/**
 * Progress is data: a migration reports these to one listener, and a terminal, JSON Lines and a test are three
 * listeners. The shapes are public; fields are only added.
 */

import type { PlaceState } from "../account/places.ts";
import type { WhereState } from "../account/where.ts";
import type { RecordChanges } from "../archive/record-changes.ts";
import type { ChangeFacts } from "../plc/change-facts.ts";
import type { Difference } from "../plc/diff.ts";
import type { ProfileCounts } from "../services/servers/app-view.ts";
import type { StepId } from "./step-ids.ts";

/** What will be done, from the facts of both sides. Holds no secret. */
export interface MigrationPlan {
  readonly did: string;
  readonly handle: string;
  /** The handle that the account will have on the new server; unset as long as nobody has chosen it. */
  readonly newHandle?: string;
  /** Origin of the old server and of the new server. */
  readonly source: string;
  readonly target: string;
  /** Where the account is with regard to these two: how much of the move is done. */
  readonly state?: WhereState;
  /** Folder of the archive. */
  readonly archive: string;
  /** How many blobs the old server lists; unset if it does not tell strangers. */
  readonly blobs?: number;
  /** The largest blob that the new server takes (bytes), if it says so. */
  readonly blobLimit?: number;
  /**
   * Bytes of the repository, and of all blobs: as the archive has them from an earlier run; else, in a dry run, as the
   * old server gives them. Unset where that is not known.
   */
  readonly repoBytes?: number;
  readonly blobBytes?: number;
  /** How many blobs were fetched to know `blobBytes`: it is an estimate if they are fewer than `blobs`. */
  readonly sampled?: number;
  /**
   * In a dry run: seconds that the data is likely to take, from and to, by how fast the sample came; nobody's answers
   * and no quota counted in.
   */
  readonly seconds?: { readonly least: number; readonly most: number };
  /** Bytes that are free on the disk of the archive, where the system says so. */
  readonly free?: number;
  /** CIDs of the blobs that are left behind, as it was asked for. */
  readonly skipBlobs?: readonly string[];
  /** Which proofs are weaker than usual, as it was asked for: each by the name of its flag, and what is weaker. */
  readonly weakerProofs?: readonly WeakerProof[];
  /** The user's rotation key, a did:key, if a restore has opened it and it has signed a test. */
  readonly rotationKey?: string;
  /** CID of the last operation of the verified PLC log; unset for a did:web. */
  readonly plcHead?: string;
  readonly steps: readonly PlannedStep[];
}

/** A proof that somebody has agreed to do without, or to have later. */
export interface WeakerProof {
  /** The name of the flag. */
  readonly id: "prove-after-activation" | "allow-missing-blobs";
  readonly message: string;
}

/** A step that a move would take. */
export interface PlannedStep {
  readonly id: StepId;
  readonly title: string;
  /** True for the one step that cannot be taken back by trying again. */
  readonly pointOfNoReturn: boolean;
}

/** What does not come along. Nothing of it is on the new server. */
export interface LeftBehind {
  /** Blobs that the old server did not give, with the reason and the records that need them. */
  readonly missingBlobs: readonly MissingBlob[];
  /**
   * Blobs that were skipped as it was asked for, or that the new server does not take; missing where there are none.
   */
  readonly blobsNotMoved?: readonly BlobNotMoved[];
  /** Why the preferences did not come along; missing where they did, or there are none. */
  readonly preferencesNotMoved?: PreferencesNotMoved;
  /** Why the preferences are those of the archive, and not those that the old server has; missing where they are. */
  readonly preferencesFromArchive?: PreferencesFromArchive;
}

/**
 * The same before the identity changes, with figures: of the blobs that records need, how many are on the new server.
 */
export interface LeftBehindNow extends LeftBehind {
  readonly blobsThere: number;
  readonly blobsNeeded: number;
}

/** What a finished migration has done and left behind, each figure asked from the servers or counted here. */
export interface MigrationResult extends LeftBehind {
  readonly did: string;
  readonly oldHandle: string;
  readonly handle: string;
  readonly source: string;
  readonly target: string;
  readonly archive: string;
  /** `moved`: all steps are done. `planned`: a dry run. `stopped`: ended after the step that `--until` names. */
  readonly state: "moved" | "planned" | "stopped";
  readonly commit?: string;
  readonly records?: number;
  /** How many blobs the archive has; `blobsNotMoved` says which of them the new server has not. */
  readonly blobs?: number;
  readonly preferences?: number;
  /** The temporary signing key of a restore, as long as the identity names it; missing where it does not. */
  readonly temporaryKey?: TemporaryKey;
  /** CID of the PLC operation that moved the identity. */
  readonly operation?: string;
  /** Of a did:web: the document that names the new server; missing where this machine does not know of it. */
  readonly document?: PublishedDocument;
  /** Until when one of `undoKeys` can undo that operation (ISO 8601); missing where nobody can. */
  readonly recoverableUntil?: string;
  /**
   * The rotation keys that can, and are not a server's; none where nobody can; missing if an earlier run made the
   * operation.
   */
  readonly undoKeys?: readonly string[];
  /** Path of the certificate; missing where none was written. */
  readonly certificate?: string;
  /**
   * Paths of records that exist only on the old server, because they were written there too late; where the new server
   * lacks more than a thousand, the first ones.
   */
  readonly lateWrites?: readonly string[];
  /** The old server refused to deactivate the account there; it has to be done by hand. */
  readonly sourceStillActive?: boolean;
  /** What the old server says of the account at the end. */
  readonly sourceState?: PlaceState;
  /** It was stopped, as asked, where nobody can see the account: its server does not have it active. */
  readonly dark?: boolean;
  /**
   * Whether the new server has the e-mail address confirmed, as it said at the end; missing where it was not asked,
   * because nobody was there to confirm it.
   */
  readonly emailConfirmed?: boolean;
  /** What people see of the account, before and after; missing where no AppView was asked. */
  readonly seenByOthers?: SeenByOthers;
  /** What this run has warned of, such as what could not be confirmed; missing where there was nothing. */
  readonly warnings?: readonly Warning[];
}

/** What an AppView shows of the account. */
export interface SeenByOthers {
  /** The AppView. */
  readonly host: string;
  /** When the move began; missing where it did not say it then. */
  readonly before?: ProfileCounts;
  /** At the end; missing where it does not say it, or shows no profile. */
  readonly after?: ProfileCounts;
}

/** A signing key that a restore has put into the identity for a while. */
export interface TemporaryKey {
  /** Its public part, a did:key. */
  readonly key: string;
  /** Path of the file where it lies, encrypted. */
  readonly file: string;
}

/** The document of a did:web, as a move has had it published. */
export interface PublishedDocument {
  /** Where it lies. */
  readonly url: string;
  /** Path of the file that was made to be published. */
  readonly file: string;
  /** Path of the one that was published before. */
  readonly kept: string;
}

/** Something that the user should know. */
export interface Warning {
  readonly code: string;
  readonly message: string;
  /** A command that helps, as words. */
  readonly next?: readonly string[];
}

/** A blob that the old server does not give. */
export interface MissingBlob {
  readonly cid: string;
  readonly reason: string;
  /** Paths of the records that refer to it. */
  readonly records: readonly string[];
}

/** A blob that is not on the new server although the old one may have given it. */
export interface BlobNotMoved extends MissingBlob {
  /** Bytes, if known. */
  readonly size?: number;
  /** Whether the archive has it. */
  readonly archived: boolean;
}

/** Why the preferences are not on the new server. */
export interface PreferencesNotMoved {
  readonly reason: string;
  /** The file that has them, if there is one. */
  readonly archived?: string;
}

/** Preferences that may be older than those of the old server. */
export interface PreferencesFromArchive extends PreferencesNotMoved {
  /** When the old server was asked for them (ISO 8601). */
  readonly of: string;
}

/** What is different record by record, shown before it is agreed to. */
export interface ShownChanges extends RecordChanges {
  /**
   * `replace`: what an import would do to the copy of the account at `host`; a changed record is quoted as it is there
   * now. `newer`: what `host` has, against the archive.
   */
  readonly purpose: "replace" | "newer";
  readonly host: string;
}

/** Something that a move says while it works. */
export type MigrationEvent =
  | { readonly type: "plan"; readonly plan: MigrationPlan }
  | {
      readonly type: "step";
      readonly id: StepId;
      readonly title: string;
      readonly state: "start" | "done" | "skipped";
      /** The step is over without what it was for: a warning said why, and the move goes on without it. */
      readonly outcome?: "left";
      readonly detail?: string;
    }
  | {
      readonly type: "progress";
      readonly step: StepId;
      readonly unit: "bytes" | "blobs" | "records";
      readonly done: number;
      readonly total?: number;
      /** Of blobs that are done, where they are known. */
      readonly bytes?: number;
    }
  | ({ readonly type: "warning" } & Warning)
  | ({ readonly type: "records" } & ShownChanges)
  | {
      readonly type: "identity";
      readonly did: string;
      readonly handle: string;
      /** The change that is about to be signed, against the last operation of the log; or against the document. */
      readonly differences: readonly Difference[];
      /** What it means: server, handle, keys, and who can undo it. */
      readonly facts: ChangeFacts;
      /** What is not on the new server; missing where all of it is there. */
      readonly leftBehind?: LeftBehindNow;
      /** The new server shows nothing of it yet: what it has is proved once the account is active there. */
      readonly provedLater?: true;
      /** Of a did:web: where its document lies, and the file that is to be published there. */
      readonly document?: Pick<PublishedDocument, "url" | "file">;
    }
  | ({
      /** The document of a did:web is written, and now the owner of its host has to publish it. */
      readonly type: "document";
      readonly did: string;
      /** Until when is waited for it (ISO 8601). */
      readonly until: string;
    } & PublishedDocument)
  | { readonly type: "result"; readonly result: MigrationResult };

/** The one listener of a run. It must not throw. */
export type Report = (event: MigrationEvent) => void;
