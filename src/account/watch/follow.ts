/**
 * One directory, followed for as long as it takes: which logs are to be read, and when. Time and randomness are
 * arguments: nothing here waits.
 *
 * Tricky bits:
 * - `/export` only says where to look. Its lines are not believed: the log is read, and verified. But what it lists,
 *   the log has to have: until then the log is read again.
 * - A log that cannot be had is the account's affair, and waits for itself. Only where nothing can be had, not even
 *   what could be had before, is it the directory's.
 * - Waits are counted by a clock that nobody sets. Ours may be set back by days.
 */
import { DecampError, isDecampError } from "../../errors.ts";
import { proveLog, type VerifiedLog } from "../../plc/log.ts";
import type { Limits } from "../../data/budgets.ts";
import { noteSpent } from "../../services/spent-memory.ts";
import type { ExportCursor, ExportLine } from "../../services/servers/plc-export.ts";
import { ExportPosition, type TwoClocks } from "./export-cursor.ts";

/** A directory that is followed. */
export interface WatchedDirectory {
  readonly host: string;
  readonly limits?: Limits | undefined;
  auditLog(did: string, signal: AbortSignal): Promise<unknown>;
  /** A page of its `/export`; undefined if it has none. */
  exported(after: ExportCursor, signal: AbortSignal): Promise<readonly ExportLine[] | undefined>;
  /** Milliseconds by which its clock is ahead of ours; 0 where that is not known. */
  clockOffset(): number;
}

/** What time it is. */
export interface WatchClock {
  /** Epoch milliseconds. Somebody may set it. */
  now(): number;
  /** Milliseconds of a clock that only goes on. */
  elapsed(): number;
}

/** With more accounts than these, `/export` is asked in place of each log. */
export const mostAskedAlone = 10;

/** So many pages are read before the logs are: what is behind catches up step by step. */
const mostPages = 20;
/** So many logs are read in a step where there is no `/export`. */
const mostInTurn = 60;
/** Whether there is an `/export` meanwhile is asked this often (milliseconds). */
const exportAgain = 60 * 60_000;
/** Back-off of a directory, and of one log: never longer than this (milliseconds). */
const longestPause = 60 * 60_000;
const longestLater = 15 * 60_000;
/** After so many in a row that cannot be had, something that could be had is asked for: is it the directory? */
const mostInRow = { away: 3, other: 20 };
/** So many are asked for that. */
const mostControls = 3;
/** What a log that cannot be had, or a directory, is known by. */
export const cannotBeHad = ["unreachable", "server-refused", "rate-limited", "bad-answer", "limit-exceeded"] as const;

/** What is left over of a log that was proved, about (bytes): the engine would let it pile up. */
const spentOnLog = 64 * 1024;

/** What one reading of a log gave. */
export type Reading =
  | { readonly log: VerifiedLog }
  /** The directory does not know the account. */
  | { readonly unknown: true }
  | { readonly fault: string };

export type OnReading = (follower: Follower, did: string, reading: Reading) => Promise<void>;

/** By both clocks. */
export interface Moment {
  readonly now: number;
  readonly elapsed: number;
}

/** When a log is read that is not read in every step. */
interface Later {
  readonly tries: number;
  /** By the clock that only goes on. */
  readonly at: number;
}

/** A log that cannot be had. */
export interface Unread {
  readonly since: Moment;
  told: boolean;
}

/** An operation that a directory lists, and that its log did not have yet. */
export interface Listed {
  readonly cid: string;
  /** By the clock that only goes on. */
  readonly since: number;
  told: boolean;
}

/** How a step is made. */
export interface StepOptions {
  readonly onReading: OnReading;
  /** Told of each log that could not be had. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** Whether what had failed is asked for in any case, and not by its own pace. */
  readonly asksAll: boolean;
  readonly signal: AbortSignal;
}

/** A directory, and how far it was read. */
export class Follower {
  readonly directory: WatchedDirectory;
  /** The newest operation that it has shown, by DID. */
  readonly heads: Map<string, string> = new Map();
  /** Operations that it does not show, by DID. */
  readonly doubts: Map<string, { readonly cid: string; told: boolean }> = new Map();
  /** What it lists, until its log has it, by DID. */
  readonly listed: Map<string, Listed> = new Map();
  /** What was wrong with a log, by DID: said once. */
  readonly faults: Map<string, string> = new Map();
  /** Logs that cannot be had while others can, by DID. */
  readonly unread: Map<string, Unread> = new Map();
  /** The logs that are to be read. */
  readonly queue: Set<string> = new Set();
  /** When it is asked next, by the clock that only goes on. */
  nextAt: number;
  /** When it answered last. */
  answeredAt: Moment;
  /** Since when it has been asked in vain, by the clock that only goes on. */
  vainSince: number | undefined;
  /** Whether it answered when it was asked last, and everything that is new in it was read. */
  isCurrent = false;
  /** Since when it has been silent, once that was told. */
  silentSince: number | undefined;
  readonly #dids: ReadonlySet<string>;
  readonly #clock: WatchClock;
  readonly #interval: number;
  readonly #later = new Map<string, Later>();
  readonly #startedAt: number;
  #position: ExportPosition;
  #way: "alone" | "export" | "turns";
  #exportAt = 0;
  #failures = 0;
  #turn: Iterator<string> | undefined;
  #isFirst = true;
  /** Whether it has answered in this step. */
  #hasAnswered = false;
  /** Whether it could not say in this step what is new. */
  #isPartial = false;

  /** @param dids may grow: `join` says so. @param interval milliseconds between two questions */
  constructor(directory: WatchedDirectory, dids: ReadonlySet<string>, interval: number, clock: WatchClock) {
    this.directory = directory;
    this.#dids = dids;
    this.#interval = interval;
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.nextAt = clock.elapsed();
    this.answeredAt = { now: this.#startedAt, elapsed: this.nextAt };
    this.#position = new ExportPosition(this.#clocks());
    this.#way = dids.size <= mostAskedAlone ? "alone" : "export";
    for (const did of dids) {
      this.queue.add(did);
    }
  }

  /** Whether every log was asked for once. */
  get hasReadAll(): boolean {
    return !this.#isFirst;
  }

  /**
   * Asks once: what is new, and then each log that has to be read.
   *
   * @returns whether there is more to be found, and how many logs were proved
   * @throws what the directory throws if nothing can be had of it; what was not read stays in the queue
   */
  async step(options: StepOptions): Promise<{ readonly isBehind: boolean; readonly proved: number }> {
    this.#hasAnswered = false;
    this.#isPartial = false;
    const isBehind = this.#isFirst ? false : await this.#findNew(options.signal);
    const proved = await this.#readQueue(options);
    if (this.#isFirst) {
      this.#isFirst = false;
      // What came while the logs were read comes again.
      this.#position = new ExportPosition({ now: this.#startedAt, offset: this.directory.clockOffset() });
    }
    return { isBehind, proved };
  }

  /** It has answered. @param at when it is asked again, by the clock that only goes on */
  succeeded(at: number, isBehind: boolean): void {
    this.#failures = 0;
    this.vainSince = undefined;
    this.isCurrent = !isBehind && !this.#isPartial && this.unread.size === 0 && this.listed.size === 0;
    this.nextAt = at;
  }

  /** Nothing can be had of it: the pause grows, up to an hour. @param isVain whether it does not even answer */
  failed(isVain: boolean, random: () => number): void {
    const now = this.#clock.elapsed();
    this.#failures += 1;
    this.isCurrent = false;
    this.vainSince = isVain ? (this.vainSince ?? now) : undefined;
    this.nextAt = now + this.#pauseAfter(this.#failures, longestPause) * (0.5 + random() / 2);
  }

  /** Has a log read again, less and less often. @param longest milliseconds */
  postpone(did: string, longest: number = longestLater): void {
    const tries = (this.#later.get(did)?.tries ?? 0) + 1;
    this.#later.set(did, { tries, at: this.#clock.elapsed() + this.#pauseAfter(tries, longest) });
    this.queue.add(did);
  }

  /** It lists an operation: its log has to have that. */
  list(did: string, cid: string): void {
    const before = this.listed.get(did);
    if (before?.cid === cid) {
      return;
    }
    // Who lists another one every minute does not begin anew every minute.
    const since = before?.told === false ? before.since : this.#clock.elapsed();
    this.listed.set(did, { cid, since, told: false });
    this.#later.delete(did);
    this.queue.add(did);
  }

  /** Accounts have come to those that are followed: their logs are read in the next step. */
  join(dids: ReadonlySet<string>): void {
    const isMany = this.#way === "alone" && this.#dids.size > mostAskedAlone;
    if (isMany) {
      this.#way = "export";
      this.#position = new ExportPosition(this.#clocks());
    }
    // Of who was asked alone, what is newer than the last answer is older than what the export lists from now on.
    for (const did of isMany ? this.#dids : dids) {
      this.queue.add(did);
    }
  }

  /** Whether a few logs that could be had can be had still, others than those that are excepted. */
  async control(isExcepted: (did: string) => boolean, signal: AbortSignal): Promise<{ good: number; bad: number }> {
    const count = { good: 0, bad: 0 };
    for (const did of this.heads.keys()) {
      if (count.good > 0 || count.bad >= mostControls) {
        break;
      }
      if (!isExcepted(did)) {
        const isGood = await this.#read(did, signal).then(
          (reading) => "log" in reading,
          () => false,
        );
        signal.throwIfAborted();
        count[isGood ? "good" : "bad"] += 1;
      }
    }
    return count;
  }

  #clocks(): TwoClocks {
    return { now: this.#clock.now(), offset: this.directory.clockOffset() };
  }

  #pauseAfter(tries: number, longest: number): number {
    return Math.min(this.#interval * 2 ** Math.min(tries - 1, 20), Math.max(longest, this.#interval));
  }

  #answered(): void {
    this.#hasAnswered = true;
    this.answeredAt = { now: this.#clock.now(), elapsed: this.#clock.elapsed() };
  }

  async #findNew(signal: AbortSignal): Promise<boolean> {
    if (this.#way === "turns" && this.#clock.elapsed() >= this.#exportAt) {
      this.#way = "export";
    }
    if (this.#way !== "export") {
      this.#takeTurns();
      return false;
    }
    try {
      return await this.#readExport(signal);
    } catch (error) {
      // The logs may be there all the same.
      if (
        !isDecampError(error, "server-refused", "bad-answer", "limit-exceeded") ||
        (await this.control((did) => this.unread.has(did), signal)).good === 0
      ) {
        throw error;
      }
      this.#answered();
      this.#takeTurns();
      this.#isPartial = true;
      return false;
    }
  }

  #takeTurns(): void {
    const most = Math.min(this.#way === "alone" ? mostAskedAlone : mostInTurn, this.#dids.size);
    for (let count = 0; count < most;) {
      this.#turn ??= this.#dids.values();
      const next = this.#turn.next();
      if (next.done === true) {
        this.#turn = undefined;
      } else {
        this.queue.add(next.value);
        count += 1;
      }
    }
  }

  async #readExport(signal: AbortSignal): Promise<boolean> {
    for (let page = 0; page < mostPages; page += 1) {
      const lines = await this.directory.exported(this.#position.cursor, signal);
      if (lines === undefined) {
        this.#way = "turns";
        this.#exportAt = this.#clock.elapsed() + exportAgain;
        this.#takeTurns();
        return false;
      }
      this.#answered();
      for (const { did, cid } of lines) {
        if (this.#dids.has(did) && !this.#position.hasSeen(cid) && this.heads.get(did) !== cid) {
          this.list(did, cid);
        }
      }
      if (!this.#position.advance(lines, this.#dids, this.#clocks())) {
        return false;
      }
    }
    return true;
  }

  /** What is to be read now, last what has failed. What is put into the queue meanwhile waits for the next step. */
  #due(asksAll: boolean): readonly string[] {
    const now = this.#clock.elapsed();
    const fresh: string[] = [];
    const late: string[] = [];
    for (const did of this.queue) {
      const later = this.#later.get(did);
      if (later === undefined) {
        fresh.push(did);
      } else if (asksAll || later.at <= now) {
        late.push(did);
      }
    }
    return [...fresh, ...late];
  }

  /** @returns how many logs were proved */
  async #readQueue({ onReading, onFailure, asksAll, signal }: StepOptions): Promise<number> {
    const began = this.#clock.elapsed();
    const failed = new Set<string>();
    let [inRow, proved, strange] = [0, 0, 0];
    let lastError: unknown;
    for (const did of this.#due(asksAll)) {
      if (!asksAll && this.#later.has(did) && this.#clock.elapsed() - began > this.#interval / 2) {
        // What cannot be had takes no time from the others.
        break;
      }
      const reading = await this.#read(did, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        if (!isDecampError(error, ...cannotBeHad)) {
          throw error;
        }
        lastError = error;
        onFailure?.(error);
      });
      if (reading === undefined) {
        failed.add(did);
        inRow += 1;
        if (inRow < (isDecampError(lastError, "unreachable", "rate-limited") ? mostInRow.away : mostInRow.other)) {
          continue;
        }
        if (!(await this.#isThere(failed, signal))) {
          throw this.#putBehind(failed, lastError);
        }
        inRow = 0;
        continue;
      }
      inRow = 0;
      this.#answered();
      this.unread.delete(did);
      this.queue.delete(did);
      if ("log" in reading) {
        proved += 1;
      } else {
        strange += 1;
      }
      await onReading(this, did, reading);
      if (!this.queue.has(did)) {
        this.#later.delete(did);
      }
      noteSpent(spentOnLog);
      if (proved === 0 && strange >= mostInRow.other) {
        // It is hardly the accounts.
        break;
      }
    }
    if (failed.size > 0 && !this.#hasAnswered) {
      throw this.#putBehind(failed, lastError);
    }
    const now = { now: this.#clock.now(), elapsed: this.#clock.elapsed() };
    for (const did of failed) {
      this.unread.set(did, this.unread.get(did) ?? { since: now, told: false });
      this.postpone(did);
    }
    return proved;
  }

  /** Others come first in the next step. @returns the error */
  #putBehind(dids: ReadonlySet<string>, error: unknown): unknown {
    for (const did of dids) {
      this.queue.delete(did);
      this.queue.add(did);
    }
    return error;
  }

  /** Whether others than these logs can be had. */
  async #isThere(failed: ReadonlySet<string>, signal: AbortSignal): Promise<boolean> {
    const { good, bad } = await this.control((did) => failed.has(did) || this.unread.has(did), signal);
    if (good + bad > 0) {
      return good > 0;
    }
    try {
      return (await this.directory.exported(this.#position.cursor, signal)) !== undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (isDecampError(error)) {
        return false;
      }
      throw error;
    }
  }

  async #read(did: string, signal: AbortSignal): Promise<Reading> {
    const { directory } = this;
    try {
      const raw = await directory.auditLog(did, signal);
      if (!Array.isArray(raw)) {
        throw new DecampError("bad-answer", `${directory.host} answered with something that is no log.`);
      }
      return { log: await proveLog(did, raw, { signal, limits: directory.limits }) };
    } catch (error) {
      if (isDecampError(error, "account-not-found")) {
        return { unknown: true };
      }
      if (isDecampError(error, "identity-invalid", "limit-exceeded")) {
        return { fault: error.message };
      }
      throw error;
    }
  }
}
