/**
 * `plc watch`: the logs of accounts, followed at one directory or at two, for months. What is noticed is told; nothing
 * is changed. Its memory is one operation for each account and directory, however long it runs.
 *
 * Tricky bits:
 * - A log that proves itself may still lack its newest operation. What was seen is remembered, and what one directory
 *   shows, the other has to show as well, a reading later at the latest: replicas lag.
 * - What is remembered helps, and is never needed: without it, what can still be undone by its age counts as new.
 * - An operation is remembered only once it was told.
 */
import { isDecampError } from "../../errors.ts";
import { entriesSince, foreignOperations, type Ours } from "../../plc/foreign.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import type { WatchEvent } from "./events.ts";
import { Follower, type Reading, type WatchedDirectory } from "./follow.ts";

/** A directory that has not answered for so long is told of (milliseconds). */
const tooSilent = 24 * 60 * 60_000;
/** While logs are read for the first time, what is remembered is written this often (accounts). */
const savedEvery = 500;
/** A doubt is looked at again after this, where nothing waits (milliseconds). */
const secondLook = 2000;
/** What is far behind asks again so soon (milliseconds). */
const catchingUp = 1000;
/** How many operations of one account are held back from being told twice. */
const mostTold = 8;

export interface WatchServices {
  /** One's own directory first. */
  readonly directories: readonly WatchedDirectory[];
  /** What is the owner's. */
  ours(did: string): Promise<Ours>;
  /** Newest operations that were seen earlier: after them everything is new. */
  known(did: string): readonly string[];
  /** Operations that somebody has seen in the log: it has to have them. */
  seen(did: string): Promise<readonly string[]>;
  /** Remembers the newest operations that were told. */
  save(heads: ReadonlyMap<string, readonly string[]>): Promise<void>;
  /** Resolves once it is told. */
  tell(event: WatchEvent): Promise<void>;
  /** Told whenever a directory was asked in vain, and why. */
  readonly onFailure?: (host: string, error: unknown) => void;
  /** Told after each round of a watch. */
  readonly onRound?: (round: Round) => Promise<void>;
  /** Epoch milliseconds. */
  now(): number;
  /** From 0 to 1. */
  random(): number;
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** How far a watch has come. */
export interface Round {
  /** Every log was read once, at every directory. */
  readonly hasReadAll: boolean;
  /** Every directory answered when it was asked last, and what is new in it was read. */
  readonly isCurrent: boolean;
}

export interface WatchOptions {
  readonly dids: readonly string[];
  /** Milliseconds between two questions. */
  readonly interval: number;
  readonly signal: AbortSignal;
}

/** What a single look has found. */
export interface Looked {
  /** How many events there were that somebody should look at. */
  readonly events: number;
  /** Hosts of directories that did not answer. */
  readonly unanswered: readonly string[];
}

/** Looks once at every log. @throws what `tell` and `save` throw, the signal's reason */
export async function lookOnce(services: WatchServices, options: WatchOptions): Promise<Looked> {
  const watch = new Watch(services, options);
  const unanswered = new Set<string>();
  const pass = async (): Promise<void> => {
    for (const follower of watch.followers) {
      if (follower.queue.size > 0 && !(await watch.ask(follower))) {
        unanswered.add(follower.directory.host);
      }
    }
  };
  await pass();
  // What one directory has shown is asked of the others, twice: they may lag.
  for (let look = 0; look < 2 && watch.followers.some(({ queue }) => queue.size > 0); look += 1) {
    await services.sleep(secondLook, options.signal);
    watch.isLastLook = look === 1;
    await pass();
  }
  for (const { queue, directory } of watch.followers) {
    if (queue.size > 0) {
      unanswered.add(directory.host);
    }
  }
  await watch.save();
  return { events: watch.events, unanswered: [...unanswered] };
}

/** Watches until the signal fires. @throws what `tell` and `save` throw, the signal's reason */
export async function watchLogs(services: WatchServices, options: WatchOptions): Promise<never> {
  const watch = new Watch(services, options);
  for (;;) {
    options.signal.throwIfAborted();
    const next = Math.min(...watch.followers.map(({ nextAt }) => nextAt));
    const wait = next - services.now();
    if (wait > 0) {
      await services.sleep(wait, options.signal);
    }
    for (const follower of watch.followers) {
      if (follower.nextAt <= services.now()) {
        await watch.ask(follower);
      }
    }
    await services.onRound?.({
      hasReadAll: watch.followers.every(({ hasReadAll }) => hasReadAll),
      isCurrent: watch.followers.every(({ isCurrent }) => isCurrent),
    });
  }
}

class Watch {
  readonly followers: readonly Follower[];
  events = 0;
  /** In a single look: what is missing now is told. */
  isLastLook = false;
  readonly #services: WatchServices;
  readonly #options: WatchOptions;
  /** What is not remembered yet. */
  readonly #unsaved = new Map<string, readonly string[]>();
  /** Operations that were told, by DID, the newest last: two directories show the same one. */
  readonly #told = new Map<string, string[]>();

  constructor(services: WatchServices, options: WatchOptions) {
    this.#services = services;
    this.#options = options;
    const dids = new Set(options.dids);
    this.followers = services.directories.map((directory) => new Follower(directory, dids, services.now()));
  }

  /** Asks a directory once. @returns whether it answered */
  async ask(follower: Follower): Promise<boolean> {
    const services = this.#services;
    const { interval, signal } = this.#options;
    const isFirst = !follower.hasReadAll;
    try {
      const { isBehind } = await follower.step(services.now(), this.#notice, signal);
      await this.#tellBack(follower);
      // Many watches that were started together do not ask together; after that, each keeps its pace.
      const wait = isBehind ? catchingUp : isFirst ? interval * services.random() : interval;
      follower.succeeded(services.now(), wait, isBehind);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!isDecampError(error, "unreachable", "server-refused", "rate-limited", "bad-answer", "limit-exceeded")) {
        throw error;
      }
      services.onFailure?.(follower.directory.host, error);
      follower.failed(services.now(), interval, () => services.random());
      await this.#tellSilence(follower);
      return false;
    } finally {
      if (!signal.aborted) {
        await this.save();
      }
    }
  }

  async save(): Promise<void> {
    if (this.#unsaved.size > 0) {
      await this.#services.save(this.#unsaved);
      this.#unsaved.clear();
    }
  }

  async #tell(event: WatchEvent): Promise<void> {
    if (event.event !== "answers") {
      this.events += 1;
    }
    await this.#services.tell(event);
  }

  async #tellSilence(follower: Follower): Promise<void> {
    const { answeredAt: since, directory, silentSince } = follower;
    if (silentSince === undefined && this.#services.now() - since >= tooSilent) {
      follower.silentSince = since;
      await this.#tell({ event: "silent", directory: directory.host, since });
    }
  }

  async #tellBack(follower: Follower): Promise<void> {
    const { silentSince: since, directory } = follower;
    if (since !== undefined) {
      follower.silentSince = undefined;
      await this.#tell({ event: "answers", directory: directory.host, since });
    }
  }

  readonly #notice = async (follower: Follower, did: string, reading: Reading): Promise<void> => {
    // A directory that answers is not silent, however long all its logs take.
    follower.answeredAt = this.#services.now();
    if ("log" in reading) {
      follower.faults.delete(did);
      await this.#noticeLog(follower, did, reading.log);
      return;
    }
    const { host } = follower.directory;
    const [expected] = "unknown" in reading ? await this.#expected(follower, did) : [];
    if (expected !== undefined) {
      await this.#doubt(follower, did, expected);
      return;
    }
    const message = "unknown" in reading ? `The directory ${host} does not know ${did}.` : reading.fault;
    if (follower.faults.get(did) !== message) {
      follower.faults.set(did, message);
      await this.#tell({ event: "invalid", did, directory: host, message });
    }
  };

  async #noticeLog(follower: Follower, did: string, log: VerifiedLog): Promise<void> {
    const { directory, heads, doubts } = follower;
    const expected = await this.#expected(follower, did);
    const known = [...new Set([heads.get(did), ...(heads.has(did) ? [] : this.#services.known(did))])].flatMap(
      (cid) => cid ?? [],
    );
    const now = this.#services.now() + directory.clockOffset();
    const told = this.#told.get(did) ?? [];
    const fresh = entriesSince(log, known, now).filter(({ cid }) => !told.includes(cid));
    if (fresh.length > 0) {
      for (const operation of foreignOperations(log, fresh, await this.#services.ours(did), now)) {
        await this.#tell({ event: "operation", did, directory: directory.host, ...operation });
      }
      this.#told.set(did, [...told, ...fresh.map(({ cid }) => cid)].slice(-mostTold));
    }
    const head = log.entries.at(-1)?.cid ?? "";
    if (heads.get(did) !== head) {
      heads.set(did, head);
      this.#unsaved.set(did, this.#remembered(did));
      if (this.#unsaved.size >= savedEvery) {
        await this.save();
      }
    }
    const missing = expected.find((cid) => log.entries.every((entry) => entry.cid !== cid));
    if (missing === undefined) {
      doubts.delete(did);
    } else {
      await this.#doubt(follower, did, missing);
    }
    for (const other of this.followers) {
      const theirs = other.heads.get(did);
      if (other !== follower && theirs !== undefined && theirs !== head && other.doubts.get(did)?.cid !== head) {
        // It may only lag: it is asked, and then once more.
        other.queue.add(did);
      }
    }
  }

  /** What a later run has to know: what was shown, and what is not shown any more. */
  #remembered(did: string): readonly string[] {
    const all = this.followers.flatMap(({ heads, doubts }) =>
      [heads.get(did) ?? [], doubts.get(did)?.cid ?? []].flat(),
    );
    return [...new Set(all)];
  }

  /** What the log of a directory has to have. */
  async #expected(follower: Follower, did: string): Promise<readonly string[]> {
    const shown = this.followers.flatMap((one) => one.heads.get(did) ?? []);
    const doubt = follower.doubts.get(did);
    const earlier = follower.heads.has(did) ? [] : [...this.#services.known(did), ...(await this.#services.seen(did))];
    return [...new Set([...(doubt === undefined ? [] : [doubt.cid]), ...shown, ...earlier])];
  }

  /** An operation is not there: it is looked for once more, and then told. */
  async #doubt(follower: Follower, did: string, cid: string): Promise<void> {
    const { doubts, directory, queue } = follower;
    const doubt = doubts.get(did);
    if (doubt?.cid !== cid) {
      doubts.set(did, { cid, told: false });
      this.#unsaved.set(did, this.#remembered(did));
      if (!this.isLastLook) {
        queue.add(did);
        return;
      }
    }
    const current = doubts.get(did);
    if (current !== undefined && !current.told) {
      current.told = true;
      await this.#tell({ event: "hidden", did, directory: directory.host, cid });
    }
  }
}
