/** What the steps share: the services, what is known so far, and the ways to sign in. */

import type { Identity } from "../account/read-identity.ts";
import { signingKeysOf, type AnyIdentity } from "../account/web/any-identity.ts";
import type { Whereabouts } from "../account/where.ts";
import type { AccountServices } from "../account/services.ts";
import { comparedHeads } from "../archive/export/compared-heads.ts";
import { archiveOfMove } from "../archive/export/usual-archive.ts";
import { readManifests, type Manifest, type Missing } from "../archive/manifest.ts";
import { isDecampError } from "../errors.ts";
import { defaultUploads } from "../services/defaults.ts";
import { isStorageError } from "../services/disk/files.ts";
import type { Services } from "../services/open.ts";
import type { ProfileCounts } from "../services/servers/app-view.ts";
import type { Pds, ServerDescription } from "../services/servers/pds.ts";
import type { PlcOperation, UnsignedOperation } from "../plc/operation.ts";
import type { RecommendedCredentials } from "../plc/update.ts";
import type { Expectation } from "../repo/verify.ts";
import type { Answers } from "./answers.ts";
import type { BlobNotMoved, Report, Warning } from "./events.ts";
import { Sample, type Forecast } from "./checks/forecast.ts";
import { lostJournal, type Journal, type JournalEntry, type PreferencesLeft } from "./journal.ts";
import type { MigrateOptions } from "./options.ts";
import type { Restoring } from "./restore/restore-options.ts";
import { liveSource, type Source } from "./account-source.ts";
import type { StepId } from "./step-ids.ts";

/** What a migration talks to: what `openServices` opens, or one's own. */
export type MigrationServices = AccountServices & Pick<Services, "writtenBy" | "lockOwner" | "relay" | "appView">;

/** By the directory of did:plc, or by a document on a host of one's own. */
export type IdentityKind = "plc" | "web";

/** A step: `done` asks the world whether it holds already, `run` makes it so and may say something about it. */
export interface Step {
  readonly id: StepId;
  /** The one kind of identity that it is for; both, unless given. */
  readonly only?: IdentityKind;
  /** Whether the options ask for it at all; always, unless given. */
  readonly applies?: (options: MigrateOptions) => boolean;
  /** Whether what was found on the way asks for it, or may still; always, unless given. Else nothing is said of it. */
  readonly arises?: (context: Context) => boolean;
  readonly done: (context: Context) => Promise<boolean>;
  readonly run: (context: Context) => Promise<string | undefined>;
  /** Loads code that a later step needs, while this one waits for a server. */
  readonly loadAhead?: () => Promise<unknown>;
}

/**
 * The services, with which an audit log has to have what the one in the archive of the move has: nothing is written
 * there, signed or deleted by one from which an operation is held back.
 */
export function withArchivedHeads(
  services: MigrationServices,
  { archive, stateDir }: Pick<MigrateOptions, "archive" | "stateDir">,
): MigrationServices {
  return { ...services, heads: comparedHeads((did) => archive ?? archiveOfMove(stateDir, did), services.heads) };
}

/** What is known so far. A step that reads what no step before it has found out is a mistake of ours, and throws. */
export class Context {
  readonly options: MigrateOptions;
  /** As `withArchivedHeads`. */
  readonly services: MigrationServices;
  readonly answers: Answers;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Origin of the new server; of the host, once the one that was named turns out to be the entryway to it. */
  targetOrigin: string;

  /** What only a restore has; a move has none of it. */
  readonly restoring: Restoring | undefined;

  /** Whether the identity names the new server already: the point of no return lies behind. */
  switched = false;
  /** Whether the account is deactivated on the old server although its identity names it: nobody can see it. */
  isFrozen = false;
  /** Whether the change of the identity has been sent, and nobody knows yet whether it was taken. */
  sent = false;
  /** What the new server recommends for the identity, since this run has asked for it. */
  recommended: RecommendedCredentials | undefined;
  /**
   * Whether the new server shows nothing of the copy to its owner as long as that is not active, and it was agreed that
   * what it has is proved once it is (checks/unseen.ts).
   */
  isUnseen = false;
  /** Whether the new server has shown the copy to its owner in this run. */
  wasSeen = false;
  /** Whether the new server calls the account active although the identity does not name it: some do so at once. */
  isActiveCopy = false;
  /** Whether the new server was proved to have what the old one has: in this run, or by what both servers show. */
  proved = false;
  /**
   * Whether nothing shows that the blobs are at the new server although the identity names it: no journal says that
   * they were proved, and this run has not.
   */
  owesBlobs = false;
  /**
   * Paths of records that the new server lacks although the identity names it, where that was found out: the first
   * ones, and how many there are.
   */
  lacking: readonly string[] = [];
  lackingCount = 0;
  /** The handle on the old server, when the migration began. */
  oldHandle = "";
  newHandle: string | undefined;
  email: string | undefined;
  inviteCode: string | undefined;
  /** The address for the new server, where it was asked for beforehand. */
  newEmail: string | undefined;
  /** The old server's own rotation keys. */
  sourceRotationKeys: readonly string[] = [];
  /**
   * Rotation keys that the user is known to hold: the one that signs in place of a server, and one that is added first.
   */
  heldKeys: readonly string[] = [];
  /** The change of the identity that was shown and confirmed. */
  planned: UnsignedOperation | undefined;
  signed: { readonly operation: PlcOperation; readonly cid: string } | undefined;
  /** How many blobs the old server lists. */
  blobs: number | undefined;
  /** Some of them, which stand for all. */
  readonly sample: Sample = new Sample();
  /** What can be said beforehand of size and time. */
  forecast: Forecast = {};
  preferences: number | undefined;
  missingBlobs: readonly Missing[] = [];
  /** CIDs of blobs that are left behind because this run was asked to; what an earlier one was asked does not count. */
  skipBlobs: ReadonlySet<string> = new Set();
  /** Blobs that are not on the new server, by CID, beside the missing ones. */
  readonly notMoved: Map<string, BlobNotMoved> = new Map();
  /** Of the blobs that records need, how many this run has proved on the new server. */
  transferred = { there: 0, of: 0 };
  /** Whether what is left behind is what an earlier run has written down, and this one has not looked. */
  leftIsRecalled = false;
  /**
   * Why the preferences are not on the new server as the old one has them, and whether it is worth asking again;
   * undefined if nothing is wrong.
   */
  preferencesLeft: PreferencesLeft | undefined;
  sourceStillActive = false;
  /** What people saw of the account when the move began, if the AppView said it. */
  seenBefore: ProfileCounts | undefined;
  /** Path of the certificate that this run has written. */
  certificate: string | undefined;
  lateWrites: readonly string[] = [];
  /**
   * CID of the head of the old server when it was looked at before the account was deactivated there, and how many late
   * writes there were.
   */
  looked: { readonly head: string; readonly count: number } | undefined;
  recoverableUntil: string | undefined;
  /** The keys that can undo the change that this run made; none where nobody can. */
  undoKeys: readonly string[] | undefined;

  #identity: AnyIdentity | undefined;
  #source: Pds | undefined;
  #from: Source | undefined;
  #target: Pds | undefined;
  #targetDescription: ServerDescription | undefined;
  #where: Whereabouts | undefined;
  #snapshot: Manifest | undefined;
  #journal: Journal | undefined;

  constructor(parts: {
    options: MigrateOptions;
    services: MigrationServices;
    answers: Answers;
    report: Report;
    signal: AbortSignal;
    targetOrigin: string;
    restoring?: Restoring;
  }) {
    this.options = parts.options;
    this.services = withArchivedHeads(parts.services, parts.options);
    this.answers = parts.answers;
    this.report = parts.report;
    this.signal = parts.signal;
    this.targetOrigin = parts.targetOrigin;
    this.restoring = parts.restoring;
  }

  get identity(): AnyIdentity {
    return known(this.#identity);
  }
  set identity(identity: AnyIdentity) {
    this.#identity = identity;
  }

  /** Undefined as long as the account was not found. */
  get kind(): IdentityKind | undefined {
    return this.#identity === undefined ? undefined : this.#identity.log === undefined ? "web" : "plc";
  }

  /** The identity, in what only a did:plc has to do. */
  get plc(): Identity {
    const { identity } = this;
    if (identity.log === undefined) {
      throw new TypeError("a step of a did:plc runs for a did:plc");
    }
    return identity;
  }

  /** The old server. */
  get source(): Pds {
    return known(this.#source);
  }
  set source(pds: Pds) {
    this.#source = pds;
  }

  /** Where the account comes from: the old server, unless it is the archive. */
  get from(): Source {
    return this.#from ?? liveSource(this.source);
  }
  set from(source: Source) {
    this.#from = source;
  }

  /** The new server, and what it says about itself. */
  get target(): Pds {
    return known(this.#target);
  }
  set target(pds: Pds) {
    this.#target = pds;
  }
  get targetDescription(): ServerDescription {
    return known(this.#targetDescription);
  }
  set targetDescription(description: ServerDescription) {
    this.#targetDescription = description;
  }

  /** Where the account was when this run began. */
  get where(): Whereabouts {
    return known(this.#where);
  }
  set where(where: Whereabouts) {
    this.#where = where;
  }

  get snapshot(): Manifest {
    return known(this.#snapshot);
  }
  set snapshot(manifest: Manifest) {
    this.#snapshot = manifest;
  }
  get hasSnapshot(): boolean {
    return this.#snapshot !== undefined;
  }

  get journal(): Journal {
    return known(this.#journal);
  }
  set journal(journal: Journal) {
    this.#journal = journal;
  }
  get hasJournal(): boolean {
    return this.#journal !== undefined;
  }

  get hasIdentity(): boolean {
    return this.#identity !== undefined;
  }
  get hasTarget(): boolean {
    return this.#target !== undefined;
  }

  /**
   * The newest complete snapshot of this account in the archive, or none. After the point of no return an archive that
   * cannot be read holds nothing up.
   *
   * @throws DecampError `damaged`, `storage` before it
   */
  async lastSnapshot(): Promise<Manifest | undefined> {
    try {
      return (await readManifests(this.archive)).findLast(({ did }) => did === this.identity.did);
    } catch (error) {
      if (!this.switched || !isDecampError(error)) {
        throw error;
      }
      this.warn("archive-unreadable", `The archive cannot be read: ${error.message}`);
      return undefined;
    }
  }

  /**
   * What a repository of this account has to be. Of whom a revision in the future is accepted, it is not judged. The
   * temporary key of a restore signs no repository.
   */
  get expectation(): Expectation & { readonly did: string } {
    const { did } = this.identity;
    const keys = [...signingKeysOf(this.identity), ...(this.restoring?.archivedKeys ?? [])];
    const temporary = new Set([
      this.restoring?.temporaryKey?.didKey,
      ...(this.restoring?.earlierKeys ?? []),
      ...(this.#journal?.state.temporaryKeys ?? []),
    ]);
    const now = this.options.acceptFutureRev || this.switched ? {} : { now: this.services.now() };
    return { did, signingKeys: keys.filter((key) => !temporary.has(key)), ...now };
  }

  /** The same for what the new server gives out, which may be signed with the key that it recommends. */
  get expectationThere(): Expectation & { readonly did: string } {
    const { expectation, recommended } = this;
    const own = recommended === undefined ? [] : [recommended.signingKey];
    return { ...expectation, signingKeys: [...(expectation.signingKeys ?? []), ...own] };
  }

  /** How many blobs are sent to the new server, or read back, at once. */
  get uploads(): number {
    return this.options.concurrency ?? defaultUploads;
  }

  /** The servers that were opened. */
  get servers(): readonly Pds[] {
    return [this.#source, this.#target].filter((pds) => pds !== undefined);
  }

  /** Folder of the archive. */
  get archive(): string {
    return this.options.archive ?? archiveOfMove(this.options.stateDir, this.identity.did);
  }

  /** What was warned of, each once, for the result. */
  readonly warnings: Warning[] = [];
  readonly warn = (code: string, message: string, next?: readonly string[]): void => {
    if (!this.warnings.some((warning) => warning.code === code && warning.message === message)) {
      this.warnings.push({ code, message });
    }
    this.report({ type: "warning", code, message, ...(next === undefined ? {} : { next }) });
  };

  /** Whether the step at hand could not do what it is for, and the move goes on without it. */
  isLeft = false;

  /** Says why the step at hand is left to the user. */
  leave(code: string, message: string): void {
    this.isLeft = true;
    this.warn(code, message);
  }

  /**
   * Writes down what is to be remembered. After the point of no return a disk that is full holds nothing up.
   *
   * @throws DecampError `storage` before it
   */
  async note(entry: JournalEntry): Promise<void> {
    try {
      await this.journal.append(entry);
    } catch (error) {
      if (!this.switched || !isStorageError(error)) {
        throw error;
      }
      this.warn("journal-lost", `What was done could not be written down: ${error.message}`);
      this.journal = lostJournal();
    }
  }
}

/** Nobody needs the sessions any more. */
export async function endSessions(context: Context): Promise<void> {
  await Promise.all(context.servers.map(async (pds) => pds.signOut()));
  if (context.hasJournal) {
    await context.journal.close();
  }
}

function known<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new TypeError("a step needs what no step before it has found out");
  }
  return value;
}
