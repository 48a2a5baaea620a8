/**
 * `plc watch`: the logs of accounts, followed at one directory or at two, for months. What is noticed is told; nothing
 * is changed. Its memory is one operation for each account and directory, however long it runs.
 *
 * Tricky bits:
 * - A log that proves itself may still lack its newest operation. What was seen is remembered, and what one directory
 *   shows, the other has to show as well, a reading later at the latest: replicas lag.
 * - What is remembered helps, and is never needed: without it, what can still be undone by its age counts as new.
 * - An operation is remembered as told only once whoever was to be told has taken it. Until then the operation before
 *   it is remembered in its place, so that the next run finds it again; and that it was seen, so that no directory can
 *   hide it meanwhile.
 * - What is wrong with very many accounts at once is wrong with the directory, or with what stands before it: it is
 *   told once, and only after something that was right before is wrong, too.
 */
import { isDecampError } from "../../errors.ts";
import { entriesSince, foreignOperations, type Ours } from "../../plc/foreign.ts";
import type { LogEntry, VerifiedLog } from "../../plc/log.ts";
import { tooFarApart } from "../directory-time.ts";
import { isOpen, type OnTold, type WatchEvent } from "./events.ts";
import { earliest } from "./export-cursor.ts";
import { cannotBeHad, Follower, type Reading, type WatchClock, type WatchedDirectory } from "./follow.ts";

const hour = 60 * 60_000;
/** What has not answered for so long, or could not be had, is told of (milliseconds). */
const tooSilent = 24 * hour;
/** So long it has to have been asked in vain by this run (milliseconds): a machine may have slept. */
const longVain = hour;
/** What a directory lists, and does not show in its log for so long, it hides (milliseconds). */
const tooHidden = 10 * 60_000;
/** After that it is looked for this often (milliseconds). */
const hiddenPace = hour;
/** While logs are read for the first time, what is remembered is written this often (accounts). */
const savedEvery = 500;
/** When a directory has answered is written this often, and at the end (milliseconds): all is written with it. */
const answersSavedEvery = 24 * hour;
/** A doubt is looked at again after this, where nothing waits (milliseconds). */
const secondLook = 2000;
/** What is far behind asks again so soon (milliseconds). */
const catchingUp = 1000;
/** Who is to be watched, too, is asked for this often (milliseconds), with the next question after that. */
const joinedEvery = hour;
/** How many operations of one account are held back from being told twice. */
const mostTold = 8;
/** So many operations of one account are kept that nobody has taken. */
const mostUntold = 100;
/** With more complaints than this at once, and more of them than of what is right, it is the directory. */
const mostComplaints = 10;

/** What a later run has to know. */
export interface Remembered {
  /** The newest operations that were told, or are nobody else's, by DID. */
  readonly heads: ReadonlyMap<string, readonly string[]>;
  /** What was seen beyond that, and has to be there, by DID. */
  readonly seen: ReadonlyMap<string, readonly string[]>;
  /** What a directory lists and does not show, by its host: all of it, as CIDs by DID. */
  readonly listed: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** When a directory answered last, by its host: epoch milliseconds. */
  readonly answered: ReadonlyMap<string, number>;
}

export interface WatchServices extends WatchClock {
  /** One's own directory first. */
  readonly directories: readonly WatchedDirectory[];
  /** What is the owner's. */
  ours(did: string): Promise<Ours>;
  /** Newest operations that were seen earlier: after them everything is new. */
  known(did: string): readonly string[];
  /** Operations that somebody has seen in the log: it has to have them. */
  seen(did: string): Promise<readonly string[]>;
  /** What a directory has listed earlier and has not shown yet: CIDs by DID. */
  listed(host: string): ReadonlyMap<string, string>;
  /** When a directory answered last, in an earlier run: epoch milliseconds. */
  answered(host: string): number | undefined;
  /** Remembers what is new. */
  save(remembered: Remembered): Promise<void>;
  /** Resolves once it is on its way. @param onTold called once it is told, and never if that fails */
  tell(event: WatchEvent, onTold: OnTold): Promise<void>;
  /** Resolves once everybody was told, or cannot be told by this run. */
  settled(): Promise<void>;
  /** Told whenever a directory was asked in vain, and why. */
  readonly onFailure?: (host: string, error: unknown) => void;
  /** Told after each round of a watch. */
  readonly onRound?: (round: Round) => Promise<void>;
  /** From 0 to 1. */
  random(): number;
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** How far a watch has come. */
export interface Round {
  /** Every log was asked for once, at every directory. */
  readonly hasReadAll: boolean;
  /** Every directory answered when it was asked last, and what is new in it was read. */
  readonly isCurrent: boolean;
}

export interface WatchOptions {
  readonly dids: readonly string[];
  /** Accounts that have come since it was called last: a watch of months looks for them. */
  readonly joined?: (() => Promise<readonly string[]>) | undefined;
  /** Milliseconds between two questions. */
  readonly interval: number;
  readonly signal: AbortSignal;
}

/** What a single look has found. */
export interface Looked {
  /** How many events there were that somebody should look at. */
  readonly events: number;
  /** Directories that did not answer, and when they did last, where that is known (epoch milliseconds). */
  readonly unanswered: readonly { readonly host: string; readonly answeredAt: number | undefined }[];
  /** Logs that could not be had of a directory that answers. */
  readonly unread: readonly { readonly host: string; readonly did: string }[];
}

/** Looks once at every log. @throws what `tell` and `save` throw, the signal's reason */
export async function lookOnce(services: WatchServices, options: WatchOptions): Promise<Looked> {
  const watch = new Watch(services, options, true);
  const unanswered = new Set<Follower>();
  const pass = async (): Promise<void> => {
    for (const follower of watch.followers) {
      if (follower.queue.size > 0) {
        unanswered.delete(follower);
        if (!(await watch.ask(follower))) {
          unanswered.add(follower);
        }
      }
    }
  };
  try {
    await pass();
    // What one directory has shown is asked of the others, twice: they may lag.
    for (let look = 0; look < 2 && watch.followers.some(({ queue }) => queue.size > 0); look += 1) {
      await services.sleep(secondLook, options.signal);
      watch.isLastLook = look === 1;
      await pass();
    }
    await services.settled();
  } finally {
    await watch.save();
  }
  return {
    events: watch.events,
    unanswered: [...unanswered].map(({ directory: { host } }) => ({ host, answeredAt: services.answered(host) })),
    unread: watch.followers.flatMap(({ unread, directory: { host } }) =>
      [...unread.keys()].map((did) => ({ host, did })),
    ),
  };
}

/** Watches until the signal fires. @throws what `tell` and `save` throw, the signal's reason */
export async function watchLogs(services: WatchServices, options: WatchOptions): Promise<never> {
  const watch = new Watch(services, options, false);
  let joinedAt = services.elapsed();
  try {
    for (;;) {
      options.signal.throwIfAborted();
      const next = Math.min(...watch.followers.map(({ nextAt }) => nextAt));
      const wait = next - services.elapsed();
      if (wait > 0) {
        await services.sleep(wait, options.signal);
      }
      if (options.joined !== undefined && services.elapsed() - joinedAt >= joinedEvery) {
        joinedAt = services.elapsed();
        watch.join(await options.joined());
      }
      for (const follower of watch.followers) {
        if (follower.nextAt <= services.elapsed()) {
          await watch.ask(follower);
        }
      }
      await services.onRound?.({
        hasReadAll: watch.followers.every(({ hasReadAll }) => hasReadAll),
        isCurrent: watch.followers.every(({ isCurrent }) => isCurrent),
      });
    }
  } finally {
    // What was told a moment ago is not told again.
    await watch.save(true);
  }
}

/** Something that is wrong with a log, until it is clear whether it is wrong with the directory. */
interface Complaint {
  readonly did: string;
  readonly event: WatchEvent & { event: "hidden" | "invalid" };
  /** Whether the log proves itself. */
  readonly isProved: boolean;
  /** Called when it is told. */
  readonly note: () => void;
}

/** What is noted of a directory as a whole. */
interface Standing {
  /** So many steps in a row it was wrong with everybody. */
  brokenSteps: number;
  isBrokenTold: boolean;
  /** When it was written last that it answers. */
  savedAt: number | undefined;
}

class Watch {
  readonly followers: readonly Follower[];
  events = 0;
  /** In a single look: what is missing now is told. */
  isLastLook = false;
  readonly #services: WatchServices;
  readonly #options: WatchOptions;
  readonly #isOnce: boolean;
  readonly #dids: Set<string>;
  /** The accounts of which what is remembered has changed. */
  readonly #unsaved = new Set<string>();
  /** Operations that were told, by DID, the newest last: two directories show the same one. */
  readonly #told = new Map<string, string[]>();
  /** What nobody has taken yet, the oldest first, and what came before each, by DID. */
  readonly #untold = new Map<string, readonly Untold[]>();
  readonly #standing = new Map<Follower, Standing>();
  #complaints: Complaint[] = [];
  /** Hosts of directories of which what they list and do not show has changed. */
  readonly #listedChanged = new Set<Follower>();

  constructor(services: WatchServices, options: WatchOptions, isOnce: boolean) {
    this.#services = services;
    this.#options = options;
    this.#isOnce = isOnce;
    const dids = new Set(options.dids);
    this.#dids = dids;
    this.followers = services.directories.map((directory) => {
      const follower = new Follower(directory, dids, options.interval, services);
      this.#listAgain(follower, dids);
      const answered = services.answered(directory.host);
      if (answered !== undefined) {
        const ago = Math.max(0, services.now() - answered);
        follower.answeredAt = { now: answered, elapsed: services.elapsed() - ago };
      }
      this.#standing.set(follower, { brokenSteps: 0, isBrokenTold: false, savedAt: undefined });
      return follower;
    });
  }

  /** More accounts are to be watched. */
  join(dids: readonly string[]): void {
    const fresh = new Set(dids.filter((did) => !this.#dids.has(did)));
    if (fresh.size === 0) {
      return;
    }
    for (const did of fresh) {
      this.#dids.add(did);
    }
    for (const follower of this.followers) {
      follower.join(fresh);
      this.#listAgain(follower, fresh);
    }
  }

  /** What an earlier run has left of what a directory lists and does not show. */
  #listAgain(follower: Follower, dids: ReadonlySet<string>): void {
    for (const [did, cid] of this.#services.listed(follower.directory.host)) {
      if (dids.has(did)) {
        follower.list(did, cid);
      }
    }
  }

  /** Asks a directory once. @returns whether it answered */
  async ask(follower: Follower): Promise<boolean> {
    const services = this.#services;
    const { interval, signal } = this.#options;
    const began = services.elapsed();
    const isFirst = !follower.hasReadAll;
    const { host } = follower.directory;
    this.#complaints = [];
    try {
      const { isBehind, proved } = await follower.step({
        onReading: this.#notice,
        onFailure: (error) => services.onFailure?.(host, error),
        asksAll: this.#isOnce,
        signal,
      });
      if (!(await this.#complain(follower, proved))) {
        follower.failed(false, () => services.random());
        return this.#standing.get(follower)?.isBrokenTold === true;
      }
      await this.#tellBack(follower);
      await this.#tellUnread(follower);
      // Many watches that were started together do not ask together; after that, each keeps its pace.
      const now = services.elapsed();
      const next = isBehind ? now + catchingUp : isFirst ? now + interval * services.random() : began + interval;
      follower.succeeded(Math.max(now, next), isBehind);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!isDecampError(error, ...cannotBeHad)) {
        throw error;
      }
      services.onFailure?.(host, error);
      follower.failed(true, () => services.random());
      await this.#tellSilence(follower);
      return false;
    } finally {
      if (!signal.aborted) {
        await this.save();
      }
    }
  }

  /** Remembers what is new. @param isEnd whether this run ends */
  async save(isEnd: boolean = this.#isOnce): Promise<void> {
    const heads = new Map([...this.#unsaved].map((did) => [did, this.#remembered(did)] as const));
    const seen = new Map([...heads].map(([did, told]) => [did, this.#seenBeyond(did, told)] as const));
    const listed = new Map(
      [...this.#listedChanged].map(
        ({ directory, listed: all }) =>
          [directory.host, new Map([...all].map(([did, { cid }]) => [did, cid] as const))] as const,
      ),
    );
    const answered = new Map<string, number>();
    for (const [follower, standing] of this.#standing) {
      const { answeredAt, directory, hasReadAll, vainSince } = follower;
      const isDue =
        standing.savedAt === undefined || answeredAt.elapsed - standing.savedAt >= answersSavedEvery || isEnd;
      if (isDue && hasReadAll && vainSince === undefined && answeredAt.elapsed !== standing.savedAt) {
        standing.savedAt = answeredAt.elapsed;
        answered.set(directory.host, answeredAt.now);
      }
    }
    if (heads.size + listed.size + answered.size > 0) {
      this.#unsaved.clear();
      this.#listedChanged.clear();
      try {
        await this.#services.save({ heads, seen, listed, answered });
      } catch (error) {
        for (const did of heads.keys()) {
          this.#unsaved.add(did);
        }
        throw error;
      }
    }
  }

  async #tell(event: WatchEvent, onTold: OnTold = () => undefined): Promise<void> {
    if (event.event !== "answers") {
      this.events += 1;
    }
    await this.#services.tell(event, onTold);
  }

  async #tellSilence(follower: Follower): Promise<void> {
    const { answeredAt, directory, silentSince, vainSince = Infinity } = follower;
    const now = this.#services.elapsed();
    if (
      silentSince === undefined &&
      !this.#isOnce &&
      now - answeredAt.elapsed >= tooSilent &&
      now - vainSince >= longVain
    ) {
      follower.silentSince = answeredAt.now;
      await this.#tell({ event: "silent", directory: directory.host, since: answeredAt.now });
    }
  }

  async #tellBack(follower: Follower): Promise<void> {
    const { silentSince: since, directory } = follower;
    if (since !== undefined) {
      follower.silentSince = undefined;
      await this.#tell({ event: "answers", directory: directory.host, since });
    }
  }

  /** Logs that could not be had for a day, while others could. */
  async #tellUnread({ unread, directory }: Follower): Promise<void> {
    const now = this.#services.elapsed();
    const due = [...unread].filter(([, { since, told }]) => !told && now - since.elapsed >= tooSilent);
    if (due.length > 0) {
      for (const [, one] of due) {
        one.told = true;
      }
      const since = Math.min(...due.map(([, one]) => one.since.now));
      await this.#tell({ event: "unread", directory: directory.host, dids: due.map(([did]) => did), since });
    }
  }

  /**
   * Tells what is wrong with logs, unless it is wrong with the directory.
   *
   * @param proved how many logs were proved in this step
   * @returns false if nothing of it can be believed
   */
  async #complain(follower: Follower, proved: number): Promise<boolean> {
    const complaints = this.#complaints;
    this.#complaints = [];
    const standing = this.#standing.get(follower) ?? { brokenSteps: 0, isBrokenTold: false, savedAt: undefined };
    if (complaints.length === 0) {
      if (proved > 0) {
        standing.brokenSteps = 0;
        standing.isBrokenTold = false;
      }
      return true;
    }
    const isEveryone = proved === 0 && (await this.#isEveryone(follower, complaints));
    const calm = proved - complaints.filter(({ isProved }) => isProved).length;
    if (!isEveryone && (complaints.length <= mostComplaints || complaints.length <= 2 * calm)) {
      standing.brokenSteps = 0;
      standing.isBrokenTold = false;
      for (const { event, note } of complaints) {
        note();
        await this.#tell(event);
      }
      return true;
    }
    standing.brokenSteps += 1;
    for (const { did } of complaints) {
      follower.postpone(did);
    }
    if (!standing.isBrokenTold && (standing.brokenSteps > 1 || this.isLastLook)) {
      standing.isBrokenTold = true;
      await this.#tell({ event: "broken", directory: follower.directory.host, accounts: complaints.length });
    }
    return !isEveryone;
  }

  /** Whether what was right before is wrong, too. */
  async #isEveryone(follower: Follower, complaints: readonly Complaint[]): Promise<boolean> {
    const dids = new Set(complaints.map(({ did }) => did));
    const { good, bad } = await follower.control((did) => dids.has(did), this.#options.signal);
    return good === 0 && complaints.length + bad > 1;
  }

  readonly #notice = async (follower: Follower, did: string, reading: Reading): Promise<void> => {
    if ("log" in reading) {
      follower.faults.delete(did);
      await this.#noticeLog(follower, did, reading.log);
      return;
    }
    if (follower.listed.has(did)) {
      follower.postpone(did);
    }
    const { host } = follower.directory;
    const [expected] = "unknown" in reading ? await this.#expected(follower, did) : [];
    if (expected !== undefined) {
      this.#doubt(follower, did, expected, false);
      return;
    }
    const message = "unknown" in reading ? `The directory ${host} does not know ${did}.` : reading.fault;
    if (follower.faults.get(did) !== message) {
      this.#complaints.push({
        did,
        event: { event: "invalid", did, directory: host, message },
        isProved: false,
        note: () => follower.faults.set(did, message),
      });
    }
  };

  async #noticeLog(follower: Follower, did: string, log: VerifiedLog): Promise<void> {
    const { heads, doubts } = follower;
    const expected = await this.#expected(follower, did);
    await this.#tellNew(follower, did, log);
    const head = log.entries.at(-1)?.cid ?? "";
    if (heads.get(did) !== head) {
      heads.set(did, head);
      this.#unsaved.add(did);
      if (this.#unsaved.size >= savedEvery) {
        await this.save();
      }
    }
    const lacks = (cid: string): boolean => log.entries.every((entry) => entry.cid !== cid);
    const missing = expected.find(lacks);
    if (missing === undefined) {
      doubts.delete(did);
    } else {
      this.#doubt(follower, did, missing, true);
    }
    this.#lookForListed(follower, did, lacks);
    for (const other of this.followers) {
      const theirs = other.heads.get(did);
      if (other !== follower && theirs !== undefined && theirs !== head && other.doubts.get(did)?.cid !== head) {
        // It may only lag: it is asked, and then once more.
        other.queue.add(did);
      }
    }
  }

  /** Tells the operations that are new, and nobody's who is known. */
  async #tellNew({ directory, heads }: Follower, did: string, log: VerifiedLog): Promise<void> {
    const head = heads.get(did);
    const known = head === undefined ? this.#services.known(did) : [head];
    const clocks = { now: this.#services.now(), offset: directory.clockOffset() };
    const apart = Math.abs(clocks.offset) > tooFarApart ? clocks.offset : undefined;
    const now = clocks.now + clocks.offset;
    const told = this.#told.get(did) ?? [];
    // Of clocks that differ, none is believed to say that something is old.
    const fresh = entriesSince(log, known, apart === undefined ? now : earliest(clocks)).filter(
      ({ cid }) => !told.includes(cid),
    );
    if (fresh.length === 0) {
      return;
    }
    this.#told.set(did, [...told, ...fresh.map(({ cid }) => cid)].slice(-mostTold));
    const ours = await this.#services.ours(did);
    const foreign = foreignOperations(log, fresh, ours, apart === undefined ? now : undefined);
    if (foreign.length === 0) {
      return;
    }
    const untold = foreign.map(({ entry }) => ({ cid: entry.cid, before: before(log, entry) }));
    this.#untold.set(did, bounded([...(this.#untold.get(did) ?? []), ...untold]));
    for (const operation of foreign) {
      const event = { event: "operation", did, directory: directory.host, now, apart, ...operation } as const;
      await this.#tell(event, (isTaken) => {
        if (isTaken || !isOpen(event)) {
          const left = (this.#untold.get(did) ?? []).filter(({ cid }) => cid !== operation.entry.cid);
          this.#untold[left.length > 0 ? "set" : "delete"](did, left);
          this.#unsaved.add(did);
        }
      });
    }
  }

  /** What the directory lists, its log has to have, or it has it soon. */
  #lookForListed(follower: Follower, did: string, lacks: (cid: string) => boolean): void {
    const { listed, directory } = follower;
    const one = listed.get(did);
    if (one === undefined) {
      return;
    }
    if (!lacks(one.cid)) {
      listed.delete(did);
      this.#listedChanged.add(follower);
      return;
    }
    this.#listedChanged.add(follower);
    follower.postpone(did, one.told ? hiddenPace : undefined);
    if (!one.told && (this.isLastLook || this.#services.elapsed() - one.since >= tooHidden)) {
      this.#complaints.push({
        did,
        event: { event: "hidden", did, directory: directory.host, cid: one.cid, isListed: true },
        isProved: true,
        note: () => (one.told = true),
      });
    }
  }

  /** What a later run has to know of an account: what was shown and told, and what is not shown any more. */
  #remembered(did: string): readonly string[] {
    // Behind the oldest that nobody has taken everything is found again.
    const [untold] = this.#untold.get(did) ?? [];
    const known = this.#services.known(did);
    const heads = this.followers.flatMap((one) => one.heads.get(did) ?? []);
    const gone = this.followers
      .flatMap(({ doubts }) => doubts.get(did)?.cid ?? [])
      .filter((cid) => known.includes(cid) || (untold === undefined && heads.includes(cid)));
    return [...new Set([...(untold === undefined ? heads : untold.before), ...gone])];
  }

  /** What a log has to have beside that: what nobody has taken yet, and what of it is not shown any more. */
  #seenBeyond(did: string, told: readonly string[]): readonly string[] {
    const heads = this.#untold.has(did) ? this.followers.flatMap((one) => one.heads.get(did) ?? []) : [];
    const gone = this.followers.flatMap(({ doubts }) => doubts.get(did)?.cid ?? []);
    return [...new Set([...heads, ...gone])].filter((cid) => !told.includes(cid));
  }

  /** What the log of a directory has to have. */
  async #expected(follower: Follower, did: string): Promise<readonly string[]> {
    const shown = this.followers.flatMap((one) => one.heads.get(did) ?? []);
    const doubt = follower.doubts.get(did);
    const earlier = follower.heads.has(did) ? [] : [...this.#services.known(did), ...(await this.#services.seen(did))];
    return [...new Set([...(doubt === undefined ? [] : [doubt.cid]), ...shown, ...earlier])];
  }

  /** An operation is not there: it is looked for once more, and then told. @param isProved whether the log is proved */
  #doubt(follower: Follower, did: string, cid: string, isProved: boolean): void {
    const { doubts, directory, queue } = follower;
    const doubt = doubts.get(did);
    if (doubt?.cid !== cid) {
      doubts.set(did, { cid, told: false });
      this.#unsaved.add(did);
      if (!this.isLastLook) {
        queue.add(did);
        return;
      }
    }
    const current = doubts.get(did);
    if (current !== undefined && !current.told) {
      this.#complaints.push({
        did,
        event: { event: "hidden", did, directory: directory.host, cid },
        isProved,
        note: () => (current.told = true),
      });
    }
  }
}

/** An operation that nobody has taken yet, and what is remembered as told until then. */
interface Untold {
  readonly cid: string;
  readonly before: readonly string[];
}

/** With more than these the last one stands for all behind it, and nobody takes it: the next run finds them again. */
function bounded(untold: readonly Untold[]): readonly Untold[] {
  const last = untold[mostUntold - 1];
  return last === undefined ? untold : [...untold.slice(0, mostUntold - 1), { cid: "", before: last.before }];
}

/** The operation before another one in a log. */
function before({ entries }: VerifiedLog, entry: LogEntry | undefined): readonly string[] {
  const index = entries.findIndex(({ cid }) => cid === entry?.cid);
  return [entries[index - 1]?.cid ?? []].flat();
}
