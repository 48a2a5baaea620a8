/**
 * One directory, followed for as long as it takes: which logs are to be read, and when. Time and randomness are
 * arguments: nothing here waits.
 *
 * `/export` only says where to look. Its lines are not believed: the log is read, and verified.
 */
import { isDecampError } from "../../errors.ts";
import { proveLog, type VerifiedLog } from "../../plc/log.ts";
import type { Limits } from "../../data/budgets.ts";
import { noteSpent } from "../../services/spent-memory.ts";
import {
  clockSkew,
  exportPage,
  nextCursor,
  type ExportCursor,
  type ExportLine,
} from "../../services/servers/plc-export.ts";

/** A directory that is followed. */
export interface WatchedDirectory {
  readonly host: string;
  readonly limits?: Limits | undefined;
  auditLog(did: string, signal: AbortSignal): Promise<unknown>;
  /** A page of its `/export`; undefined if it has none. */
  exported(after: ExportCursor, signal: AbortSignal): Promise<readonly ExportLine[] | undefined>;
  /** Milliseconds by which its clock is ahead of ours, where that is known. */
  clockOffset(): number;
}

/** With more accounts than these, `/export` is asked in place of each log. */
export const mostAskedAlone = 10;

/** So many pages are read before the logs are: what is behind catches up step by step. */
const mostPages = 20;
/** So many logs are read in a step where there is no `/export`. */
const mostInTurn = 60;
/** Back-off: never longer than this (milliseconds). */
const longestPause = 60 * 60_000;
/** So many logs in a row that cannot be had: then it is the directory. */
const mostFailures = 3;

/** What is left over of a log that was proved, about (bytes): the engine would let it pile up. */
const spentOnLog = 64 * 1024;

/** What one reading of a log gave. */
export type Reading =
  | { readonly log: VerifiedLog }
  /** The directory does not know the account. */
  | { readonly unknown: true }
  | { readonly fault: string };

export type OnReading = (follower: Follower, did: string, reading: Reading) => Promise<void>;

/** A directory, and how far it was read. */
export class Follower {
  readonly directory: WatchedDirectory;
  /** The newest operation that it has shown, by DID. */
  readonly heads: Map<string, string> = new Map();
  /** Operations that it does not show, by DID. */
  readonly doubts: Map<string, { readonly cid: string; told: boolean }> = new Map();
  /** What was wrong with a log, by DID: said once. */
  readonly faults: Map<string, string> = new Map();
  /** The logs that are to be read. */
  readonly queue: Set<string> = new Set();
  /** When it is asked next (epoch milliseconds). */
  nextAt: number;
  /** When it answered last. */
  answeredAt: number;
  /** Whether it answered when it was asked last, and everything that is new in it was read. */
  isCurrent = false;
  /** Since when it has been silent, once that was told. */
  silentSince: number | undefined;
  readonly #dids: ReadonlySet<string>;
  #cursor: ExportCursor;
  #recent: ReadonlySet<string> = new Set();
  #way: "alone" | "export" | "turns";
  #failures = 0;
  #turn: Iterator<string> | undefined;
  #isFirst = true;
  /** By the clock of the directory. */
  #now: number;
  readonly #startedAt: number;

  /** @param now epoch milliseconds */
  constructor(directory: WatchedDirectory, dids: ReadonlySet<string>, now: number) {
    this.directory = directory;
    this.#dids = dids;
    this.nextAt = now;
    this.answeredAt = now;
    this.#now = now;
    this.#startedAt = now;
    this.#cursor = { time: now - clockSkew };
    this.#way = dids.size <= mostAskedAlone ? "alone" : "export";
    for (const did of dids) {
      this.queue.add(did);
    }
  }

  /** Whether every log was read once. */
  get hasReadAll(): boolean {
    return !this.#isFirst;
  }

  /**
   * Asks once: what is new, and then each log that has to be read.
   *
   * @throws what the directory throws if it cannot be asked; what was not read stays in the queue
   */
  async step(now: number, onReading: OnReading, signal: AbortSignal): Promise<{ readonly isBehind: boolean }> {
    this.#now = now + this.directory.clockOffset();
    const isBehind = this.#isFirst ? false : await this.#findNew(signal);
    await this.#readQueue(onReading, signal);
    if (this.#isFirst) {
      this.#isFirst = false;
      // What came while the logs were read comes again.
      this.#cursor = { time: this.#startedAt + this.directory.clockOffset() - clockSkew };
    }
    return { isBehind };
  }

  /** It has answered. @param wait milliseconds until it is asked again */
  succeeded(now: number, wait: number, isBehind: boolean): void {
    this.#failures = 0;
    this.isCurrent = !isBehind;
    this.answeredAt = now;
    this.nextAt = now + wait;
  }

  /** It has not: the pause grows, up to an hour. */
  failed(now: number, interval: number, random: () => number): void {
    this.#failures += 1;
    this.isCurrent = false;
    const pause = Math.min(interval * 2 ** Math.min(this.#failures - 1, 20), Math.max(longestPause, interval));
    this.nextAt = now + pause * (0.5 + random() / 2);
  }

  async #findNew(signal: AbortSignal): Promise<boolean> {
    if (this.#way === "export") {
      return this.#readExport(signal);
    }
    const most = this.#way === "alone" ? this.#dids.size : mostInTurn;
    for (let count = 0; count < most; count += 1) {
      this.#turn ??= this.#dids.values();
      const next = this.#turn.next();
      if (next.done === true) {
        this.#turn = undefined;
        break;
      }
      this.queue.add(next.value);
    }
    return false;
  }

  async #readExport(signal: AbortSignal): Promise<boolean> {
    for (let page = 0; page < mostPages; page += 1) {
      const before = this.#cursor;
      const lines = await this.directory.exported(before, signal);
      if (lines === undefined) {
        this.#way = "turns";
        return false;
      }
      for (const { did, cid } of lines) {
        if (this.#dids.has(did) && !this.#recent.has(cid) && this.heads.get(did) !== cid) {
          this.queue.add(did);
        }
      }
      this.#advance(lines);
      if (lines.length < exportPage) {
        return false;
      }
    }
    return true;
  }

  #advance(lines: readonly ExportLine[]): void {
    const cursor = nextCursor(this.#cursor, lines, this.#now);
    this.#cursor = cursor;
    // Lines that the next page has again are known by then.
    const again = "seq" in cursor ? [] : lines.filter(({ did, time }) => time > cursor.time && this.#dids.has(did));
    this.#recent = new Set(again.map(({ cid }) => cid));
  }

  async #readQueue(onReading: OnReading, signal: AbortSignal): Promise<void> {
    let failures = 0;
    // What is put into it meanwhile waits for the next step.
    const dids = Array.from(this.queue);
    for (const did of dids) {
      let reading: Reading;
      try {
        reading = await this.#read(did, signal);
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        failures += 1;
        if (failures >= mostFailures || failures >= this.queue.size) {
          throw error;
        }
        continue;
      }
      this.queue.delete(did);
      await onReading(this, did, reading);
      noteSpent(spentOnLog);
    }
  }

  async #read(did: string, signal: AbortSignal): Promise<Reading> {
    const { directory } = this;
    try {
      const raw = await directory.auditLog(did, signal);
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
