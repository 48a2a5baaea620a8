/**
 * A night over all accounts of a server: what its list shows to be as the archives have it costs no request.
 *
 * - An account is left alone if the list names the head of its archive, and its archive lies on the disk as its
 *   manifest says (`as-listed.ts`). One in a hundred is asked for all the same, each night another one.
 * - What the list cannot say is whether the identity has changed. The directory has a list of all operations, and what
 *   has one since the night before is looked up. Where that cannot be had, half of the accounts are looked up, and in
 *   the next night the other half: somebody who has taken an identity can be undone for 72 hours.
 * - What is remembered in the folder says whose turn it is, and where accounts had gone. It never says that something
 *   lies on the disk, and a night without it asks for more, not for less.
 *
 * What a night goes by, so that no change of an identity is missed: of each account the archive has the log as it was
 * when the identities were seen last (`upTo`), or the account is among those that stay in doubt (`inDoubt`), which are
 * looked up each night until their archive has what the directory says.
 */
import { locateAccount, type LocatedAccount } from "../../account/find.ts";
import { isHeldBack } from "../../account/read-log.ts";
import type { AccountServices } from "../../account/services.ts";
import { NumberSet } from "../../data/number-set.ts";
import { DecampError, expectedFailure, isDecampError } from "../../errors.ts";
import { isFutureRev } from "../../repo/commit.ts";
import { isPlcDid } from "../../identity/names.ts";
import { joinPath, splitPath } from "../../services/disk/files.ts";
import { namesAtOnce } from "../../services/disk/quick-look.ts";
import type { PatientDirectory } from "../../services/servers/patient-directory.ts";
import { clockSkew } from "../../services/servers/plc-export.ts";
import type { ListedRepo } from "../../services/servers/pds.ts";
import { archivesIn } from "../archives.ts";
import { archivedHome } from "./archived-home.ts";
import { keptAsListed } from "./as-listed.ts";
import { readChanged, type Changed } from "./changed-identities.ts";
import type { ExportResult } from "../export/export-account.ts";
import type { Outcome } from "../export/export-many.ts";
import { archiveName, snapshotFiles, snapshotsFolder } from "../layout.ts";
import { readableManifests, readManifests, type Manifest } from "../manifest.ts";
import { missedAccounts, recallNight, rememberNight, type MissedAccount, type NightMemory } from "./night-memory.ts";
import { isInShard, isInTurn, numberIn, type Shard } from "../state/shard.ts";
import { describeLog } from "../export/small-files.ts";
import { listedUnavailable } from "../unavailable.ts";

/** One account in so many is asked for its real head, each night. */
const realHeads = 100;

/** A page of the directory's list costs as much as so many look-ups: it has a thousand operations of everybody. */
const pageInLookUps = 10;

/** With more accounts in doubt than these, identities are looked up as if nothing were known. */
const mostInDoubt = 10_000;

/** An account is newly gone for so long, in milliseconds: whoever does not look at one night sees it in the next. */
const newlyGone = 72 * 3_600_000;

/** The accounts of a server that have an archive, and how many of them its list lacks of late. */
export interface Missed {
  /** First noted by a night in the last 72 hours, and their identity names no other server, as far as is known. */
  readonly count: number;
  /** These, and the ones in the list. */
  readonly of: number;
  /** When a night noted the first of them; epoch milliseconds. */
  readonly since: number;
}

/**
 * Whether the list of a server lacks so many accounts that somebody has to look: people leave one by one. More than a
 * tenth of them are many, if they are ten at least, or of fewer three and more than half.
 */
export function isMuchMissed({ count, of }: Missed): boolean {
  return count >= 10 ? count > of / 10 : count >= 3 && count > of / 2;
}

/** What a night needs to know. */
export interface NightSetting {
  /** The folder of the archives. */
  readonly folder: string;
  /** Of the server whose accounts they are. */
  readonly origin: string;
  readonly shard: Shard | undefined;
  readonly services: AccountServices & { readonly directory: PatientDirectory };
}

/** A night, as it goes on. */
export class Night {
  readonly #setting: NightSetting;
  readonly #half: 0 | 1;
  readonly #before: NightMemory | undefined;
  /** Our clock. */
  readonly #begun: number;
  /** Identities with an operation since they were seen last, if the directory says that. */
  #changed: Changed | undefined;
  readonly #inDoubt: Set<string>;
  /** Accounts that were left alone, and whose identity was not seen. */
  #unseen = 0;
  /** Where accounts have gone, as this night and those before have seen it. */
  readonly #moved = new Map<string, string>();
  /** Accounts with an archive that the list does not have, and since when: epoch milliseconds. */
  readonly #gone = new Map<string, number>();
  /** The same, as nights before have seen it, those over other parts of the accounts, too. */
  readonly #goneBefore: ReadonlyMap<string, number>;
  /** How many accounts of the list have an archive. */
  #archived = 0;
  /** The accounts of the list, by a number of 48 bits each: what is kept of one must be small. */
  readonly #listed = new NumberSet();
  /** Identities that should have been looked up, and the directory did not answer. */
  notLookedUp = 0;

  private constructor(setting: NightSetting, before: NightMemory | undefined, missed: readonly MissedAccount[]) {
    this.#setting = setting;
    this.#before = before;
    this.#goneBefore = new Map(
      missed.flatMap(({ did, server, since }) => (server === setting.origin ? [[did, since]] : [])),
    );
    this.#half = before?.half === 0 ? 1 : 0;
    this.#begun = setting.services.now();
    this.#inDoubt = new Set(before?.identities?.inDoubt);
  }

  /**
   * Begins a night. What an earlier one has left in another format counts as nothing.
   *
   * @throws DecampError `storage`; the signal's reason
   */
  static async begin(setting: NightSetting, signal: AbortSignal): Promise<Night> {
    const night = new Night(setting, await recall(setting), (await missedAccounts(setting.folder)) ?? []);
    await night.#readChanged(signal);
    return night;
  }

  async #readChanged(signal: AbortSignal): Promise<void> {
    const { directory } = this.#setting.services;
    const { accounts = 0 } = this.#before?.identities ?? {};
    const [first, second] = this.#upTo();
    const now = (): number => this.#setting.services.now() + this.#offset(directory.origin);
    const mostPages = Math.floor(accounts / 2 / pageInLookUps);
    if (first !== null && second !== null && mostPages > 0) {
      const since = Math.min(first, second);
      const changed = await readChanged(directory, { since, mostPages, numberOf, now }, signal);
      // Of a time that a clock was wrong to name, nobody has seen what will happen until then.
      this.#changed = changed && { has: changed.has, upTo: Math.min(changed.upTo, this.#begun + clockSkew) };
    }
  }

  /** By how much a server's clock is ahead of ours (milliseconds). */
  #offset(origin: string): number {
    return this.#setting.services.clockOffset(origin) ?? 0;
  }

  /**
   * Up to when each half of the identities was seen, as the night before says it; null if that is not known. It is not
   * by a night whose clocks were wrong: a time that has not come yet.
   */
  #upTo(): readonly [number | null, number | null] {
    const past = (time: number | null): number | null =>
      time !== null && time > this.#begun + 2 * clockSkew ? null : time;
    const [first, second] = this.#before?.identities?.upTo ?? [null, null];
    return [past(first), past(second)];
  }

  /**
   * Since when an account is gone that this night does not see. Where two clocks differ, ours and the server's, it
   * counts from the later one, so that a wrong clock makes it too long for nobody; what lies in the future counts from
   * now on.
   */
  #goneSince(did: string): number {
    const ahead = this.#offset(this.#setting.origin);
    const now = this.#begun + (ahead > clockSkew ? Math.ceil(ahead) : 0);
    const since = this.#goneBefore.get(did) ?? now;
    return since > now + clockSkew ? now : since;
  }

  /** Notes that an account is in the list. */
  see(did: string): void {
    this.#listed.add(numberOf(did));
  }

  /**
   * What there is of an account, if nothing of it has to be exported.
   *
   * @returns undefined if an export has to look
   * @throws DecampError `account-unavailable` for one that is not active, as the list says; as `locateAccount` where
   *   the identity is looked up; the signal's reason
   */
  async kept(did: string, stated: ListedRepo, signal: AbortSignal): Promise<ExportResult | undefined> {
    const { folder, origin, services } = this.#setting;
    const now = services.now();
    if (isInTurn(did, realHeads, now)) {
      return undefined;
    }
    if (stated.active === false) {
      const unavailable = listedUnavailable(new URL(origin).host, did, stated.status);
      if (unavailable !== undefined) {
        throw unavailable;
      }
      // Why, the list does not say in a word that is known: the account is asked for.
      return undefined;
    }
    const manifest = keptAsListed(joinPath(folder, archiveName(did)), did, origin, stated, now);
    if (manifest === undefined || isFutureRev(manifest.rev, now)) {
      return undefined;
    }
    if (this.#isLookedUp(did) || this.#before?.moved[did] !== undefined) {
      return (await this.#hasSameIdentity(manifest, signal))
        ? { manifest, mode: "unchanged", ...nothingDone }
        : undefined;
    }
    this.#unseen += 1;
    return { manifest, mode: "unchanged", ...nothingDone };
  }

  /**
   * The same for an account that is not active, and that is exported because its server's operator asks for it.
   *
   * @param manifest the newest snapshot of its archive
   * @returns `home` if it has moved away: then there is nothing to export; undefined if an export has to look
   * @throws as `whereTo`
   */
  async keptInactive(
    manifest: Manifest,
    stated: ListedRepo | undefined,
    signal: AbortSignal,
  ): Promise<ExportResult | { readonly home: string } | undefined> {
    const { folder, origin, services } = this.#setting;
    const { did } = manifest;
    const now = services.now();
    const { home, isUnanswered } = await this.#lookUp(manifest, signal);
    if (home !== undefined) {
      return { home };
    }
    const isSame = !this.#inDoubt.has(did) || isUnanswered;
    const kept =
      stated === undefined || !isSame || isInTurn(did, realHeads, now)
        ? undefined
        : keptAsListed(joinPath(folder, archiveName(did)), did, origin, stated, now);
    return kept === undefined || isFutureRev(kept.rev, now)
      ? undefined
      : { manifest: kept, mode: "unchanged", ...nothingDone };
  }

  /** Notes what became of an account that is active: one that has failed is looked up until it has not. */
  settle(did: string, isWell: boolean): void {
    if (isWell) {
      this.#inDoubt.delete(did);
    } else if (namesAtOnce(snapshotsFolder(joinPath(this.#setting.folder, archiveName(did)))) !== undefined) {
      this.#inDoubt.add(did);
    }
  }

  /**
   * Which server the identity of an account names that is not active at this one, or not there any more, if that is
   * another than when its archive was made.
   *
   * @param manifest the newest snapshot of its archive
   * @returns undefined also where that is not known: the identity may have been given up, or nobody answers
   * @throws DecampError `identity-invalid` if an operation that was seen is held back; `storage`; the signal's reason
   */
  async whereTo(manifest: Manifest, signal: AbortSignal): Promise<string | undefined> {
    return (await this.#lookUp(manifest, signal)).home;
  }

  /** The same, and whether the directory did not answer. */
  async #lookUp(
    manifest: Manifest,
    signal: AbortSignal,
  ): Promise<{ readonly home: string | undefined; readonly isUnanswered: boolean }> {
    const { folder } = this.#setting;
    const { did, snapshot } = manifest;
    const known = this.#before?.moved[did];
    const isLookedUp = this.#isLookedUp(did);
    if (!isLookedUp && known === undefined && this.#changed !== undefined) {
      // Its identity is that of its archive.
      return { home: undefined, isUnanswered: false };
    }
    const located = !isLookedUp && known !== undefined ? { pds: known } : await this.#locate(did, signal);
    const before = await archivedHome(joinPath(folder, archiveName(did)), did, snapshot);
    // Where nobody answers, what an earlier night has seen.
    const home = before === undefined ? undefined : located === "unanswered" ? known : located?.pds;
    if (home !== undefined && home !== before) {
      this.#moved.set(did, home);
      this.#inDoubt.delete(did);
      return { home, isUnanswered: false };
    }
    const isUnanswered = located === "unanswered";
    this.settle(did, located !== undefined && !isUnanswered && isSameLog(located, manifest));
    return { home: undefined, isUnanswered };
  }

  /**
   * The accounts that have an archive from this server and were not in its list. An archive that cannot be read may be
   * of one: its error comes in the place of that, and holds up nothing.
   *
   * @throws DecampError `storage` if the folder itself cannot be read; the signal's reason
   */
  async *findGone(signal: AbortSignal): AsyncGenerator<Outcome> {
    const { folder, origin, shard } = this.#setting;
    const { host } = new URL(origin);
    for await (const path of archivesIn(folder)) {
      signal.throwIfAborted();
      const named = /\bdid-plc-([2-7a-z]{24})$/.exec(path)?.[1];
      const did = named === undefined ? undefined : `did:plc:${named}`;
      if (did !== undefined && this.#listed.has(numberOf(did))) {
        this.#archived += 1;
        continue;
      }
      if (did !== undefined && !isInShard(did, shard)) {
        continue;
      }
      const newest = await newestIn(path).catch((error: unknown) => expectedFailure(error, signal));
      if (isDecampError(newest)) {
        // What is called otherwise than an account is told by one part, too, by whatever it is called.
        if (isInShard(did ?? path, shard)) {
          yield { name: did ?? splitPath(path).name, ...(did === undefined ? {} : { did }), error: newest };
        }
        continue;
      }
      if (
        newest?.source !== origin ||
        path !== joinPath(folder, archiveName(newest.did)) ||
        !isInShard(newest.did, shard)
      ) {
        continue;
      }
      if (this.#listed.has(numberOf(newest.did))) {
        this.#archived += 1;
      } else {
        if (this.#listed.size > 0) {
          this.#gone.set(newest.did, this.#goneSince(newest.did));
        }
        const error = new DecampError(
          "account-not-found",
          `${host} does not list the account ${newest.did} any more.`,
          {
            hint: "Its archive stays as it is.",
            data: { did: newest.did, host },
          },
        );
        yield { name: newest.did, did: newest.did, error, isGone: true };
      }
    }
  }

  /** How many are newly gone. To be asked once `findGone` has come to its end, and each was looked up (`whereTo`). */
  missed(): Missed {
    let [count, first] = [0, this.#begun];
    for (const [did, since] of this.#gone) {
      if (this.#begun - since < newlyGone && !this.#moved.has(did)) {
        count += 1;
        first = Math.min(first, since);
      }
    }
    return { count, of: this.#archived + count, since: first };
  }

  /**
   * Notes that the night is over, whose list was gone through to its end. One in which the directory did not answer
   * has seen who is gone, and of the identities nothing: the next one looks up the same half. From a list that has
   * nobody nothing is learned of who is gone.
   *
   * @throws DecampError `storage`
   */
  async end(): Promise<void> {
    const { origin } = this.#setting;
    const isWhole = this.notLookedUp === 0;
    const identities = isWhole ? this.#identities() : this.#before?.identities;
    const other = this.#half === 0 ? 1 : 0;
    const sawList = this.#listed.size > 0;
    const at = sawList ? this.#begun : this.#before?.at;
    await rememberNight(this.#setting, {
      type: "decamp night",
      format: 1,
      server: origin,
      half: isWhole ? this.#half : other,
      ...(at === undefined ? {} : { at }),
      gone: sawList ? Object.fromEntries(this.#gone) : (this.#before?.gone ?? {}),
      moved: isWhole ? Object.fromEntries(this.#moved) : (this.#before?.moved ?? {}),
      ...(identities === undefined ? {} : { identities }),
    });
  }

  /** What this night leaves of the identities; undefined if that is of no use. */
  #identities(): NightMemory["identities"] {
    const { directory, clockOffset } = this.#setting.services;
    if (this.#inDoubt.size > mostInDoubt) {
      return undefined;
    }
    // Without a clock of the directory, nobody can say which of its operations were seen.
    const offset = clockOffset(directory.origin);
    // The earlier one of the two clocks: one that is ahead would hide what happens until its time comes.
    const now = offset === undefined ? null : Math.floor(this.#begun + Math.min(0, offset));
    const [first, second] = this.#upTo();
    const seen = (half: 0 | 1, last: number | null): number | null =>
      this.#changed?.upTo ?? (this.#half === half || this.#unseen === 0 ? now : last);
    return {
      directory: directory.origin,
      upTo: [seen(0, first), seen(1, second)],
      accounts: this.#listed.size,
      // Whose archive is not there any more is nobody's doubt.
      inDoubt: [...this.#inDoubt].filter(
        (did) => this.#listed.size === 0 || this.#listed.has(numberOf(did)) || this.#gone.has(did),
      ),
    };
  }

  /** Whether the identity of an account is looked up. Of a did:web there is no list of operations. */
  #isLookedUp(did: string): boolean {
    return this.#changed === undefined || !isPlcDid(did)
      ? numberOf(did) % 2 === this.#half || this.#inDoubt.has(did)
      : this.#changed.has(numberOf(did)) || this.#inDoubt.has(did);
  }

  async #hasSameIdentity(manifest: Manifest, signal: AbortSignal): Promise<boolean> {
    const located = await this.#locate(manifest.did, signal);
    return located === "unanswered" || (located !== undefined && isSameLog(located, manifest));
  }

  /**
   * Where an account lives; `unanswered` where the directory does not answer, undefined where its identity is such that
   * an export says what is wrong with it. That an operation is held back is said at once: of an account that is not
   * active there is no export.
   */
  async #locate(did: string, signal: AbortSignal): Promise<LocatedAccount | "unanswered" | undefined> {
    const { services } = this.#setting;
    try {
      return await locateAccount(services, { type: "did", did }, {}, signal);
    } catch (error) {
      if (!isDecampError(error) || isDecampError(error, "storage") || isHeldBack(error)) {
        throw error;
      }
      if (error !== services.directory.silence) {
        return undefined;
      }
      this.notLookedUp += 1;
      return "unanswered";
    }
  }
}

/**
 * Whether a snapshot has the log of an account. A did:web has none: its document is all there is, and an export reads
 * it.
 */
function isSameLog(located: Partial<LocatedAccount>, { files }: Manifest): boolean {
  const { log } = located;
  return log !== undefined && describeLog(log.raw).sha256 === files[snapshotFiles.log]?.sha256;
}

const nothingDone = {
  futureRev: false,
  received: { repoBytes: 0, blobs: 0, blobBytes: 0 },
  mended: { files: 0, blobs: 0 },
  unmended: [],
  leftOut: [],
} as const;

/**
 * The newest manifest of an archive that can be read; undefined if it has none.
 *
 * @throws DecampError `damaged` if none of those that it has can be; `unreadable-file` for what is no folder; `storage`
 */
async function newestIn(archive: string): Promise<Manifest | undefined> {
  return (await readableManifests(archive)).at(-1) ?? (await readManifests(archive)).at(-1);
}

/** Bits of the SHA-256 that say neither the shard nor the turn of an account. */
function numberOf(did: string): number {
  return numberIn(did, 8, 6);
}

async function recall(setting: NightSetting): Promise<NightMemory | undefined> {
  const memory = await recallNight(setting);
  if (memory === undefined || memory.server !== setting.origin) {
    return undefined;
  }
  const { identities, ...rest } = memory;
  return identities?.directory === setting.services.directory.origin ? memory : rest;
}
