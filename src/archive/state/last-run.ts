/**
 * What a run over all accounts of a server leaves about itself, in the folder of the archives: when it was, how it
 * ended, and which accounts it could not bring up to date, since when.
 *
 * It is for people and for monitoring. No run goes by it, and it never says that something lies on the disk. An account
 * in which nothing changes keeps a snapshot that grows old, so its age says nothing: here stands when it was seen last
 * that the snapshot is all there is.
 */
import * as v from "valibot";
import { isDid } from "../../identity/names.ts";
import { readWhole, writeWhole } from "../../services/disk/files.ts";
import { isInShard, type Shard } from "./shard.ts";
import { lastRunFile } from "./run-files.ts";

/** What becomes of an account in a run over all of them; each has one outcome. */
export type AccountOutcome =
  "exported" | "unchanged" | "incomplete" | "inactive" | "takenDown" | "moved" | "gone" | "notLookedAt" | "failed";

/** What is known of the last run over a folder, or a part of it, and of those before. Times are ISO 8601. */
export interface LastRun {
  readonly type: "decamp last run";
  readonly format: 1;
  /** Origin of the server whose accounts these are. */
  readonly server: string;
  readonly shard?: Shard | undefined;
  readonly startedAt: string;
  /** Unset while it goes on, and for good if it was killed. Figures are those of the run before then. */
  readonly endedAt?: string | undefined;
  readonly exitCode?: number | undefined;
  /** How many, by what became of them. */
  readonly accounts?: Readonly<Record<AccountOutcome, number>> | undefined;
  /** How many failed, by the code of the error. */
  readonly failures?: Readonly<Record<string, number>> | undefined;
  readonly requests?: number | undefined;
  readonly receivedBytes?: number | undefined;
  /** When the last run ended in which all was well. */
  readonly goodAt?: string | undefined;
  /** When the last run began that went through the whole list: each account was up to date then that is not behind. */
  readonly seenAt?: string | undefined;
  /**
   * Accounts that failed or were not looked at, and when each of them was up to date for the last time; of one that has
   * no archive, when a run failed first.
   */
  readonly behind: Readonly<Record<string, string>>;
  /** Of all runs. */
  readonly totals: {
    /** How many ended so; see `runResults`. */
    readonly runs: Readonly<Record<string, number>>;
    readonly requests: number;
    readonly receivedBytes: number;
  };
}

const time = v.pipe(v.string(), v.isoTimestamp());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const schema = v.object({
  type: v.literal("decamp last run"),
  format: v.literal(1),
  server: v.string(),
  shard: v.optional(v.object({ index: count, count })),
  startedAt: time,
  endedAt: v.optional(time),
  exitCode: v.optional(count),
  accounts: v.optional(
    v.object({
      exported: count,
      unchanged: count,
      incomplete: count,
      inactive: count,
      takenDown: count,
      moved: count,
      gone: count,
      notLookedAt: count,
      failed: count,
    }),
  ),
  failures: v.optional(v.record(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*$/)), count)),
  requests: v.optional(count),
  receivedBytes: v.optional(count),
  goodAt: v.optional(time),
  seenAt: v.optional(time),
  behind: v.record(v.pipe(v.string(), v.check(isDid)), time),
  totals: v.object({ runs: v.record(v.string(), count), requests: count, receivedBytes: count }),
});

/** More accounts than these are not named: then only the time of a snapshot says how old it is. */
const mostBehind = 10_000;

/**
 * What a run has said of itself; undefined if it has not, or in words that are not known here.
 *
 * @throws DecampError `storage`
 */
export async function readLastRun(path: string): Promise<LastRun | undefined> {
  const bytes = await readWhole(path);
  try {
    return v.parse(schema, JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}

/** How a run ended. */
export interface RunEnd {
  readonly exitCode: number;
  /** Whether it went through the list to its end. */
  readonly isWhole: boolean;
  readonly accounts: Readonly<Record<AccountOutcome, number>>;
  readonly failures: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly receivedBytes: number;
}

/** A run that goes on, and takes note of itself. */
export class RunNotes {
  readonly #path: string;
  readonly #before: LastRun | undefined;
  /** Whether what lies there is of another server: that stays until this run has seen a list to its end. */
  readonly #isOthers: boolean;
  readonly #server: string;
  readonly #shard: Shard | undefined;
  readonly #startedAt: string;
  readonly #behind: Map<string, string>;
  /** Those that are behind in this run. */
  readonly #found = new Set<string>();

  private constructor(place: Place, known: LastRun | undefined, now: number) {
    const before = known?.server === place.origin ? known : undefined;
    this.#path = lastRunFile(place);
    this.#before = before;
    this.#isOthers = known !== before;
    this.#server = place.origin;
    this.#shard = place.shard;
    this.#startedAt = new Date(now).toISOString();
    this.#behind = new Map(Object.entries(before?.behind ?? {}));
  }

  /**
   * Notes that a run begins. What one over another server has left there counts as nothing, and stays until this one
   * has gone through its list: the address may be a wrong one. To be called with the lock of the night held.
   *
   * @param now epoch milliseconds
   * @throws DecampError `storage`
   */
  static async begin(place: Place, now: number): Promise<RunNotes> {
    const known = await readLastRun(lastRunFile(place));
    const notes = new RunNotes(place, known, now);
    const { endedAt: _, exitCode: __, ...rest } = notes.#before ?? notes.#blank();
    if (!notes.#isOthers) {
      await notes.#write({ ...rest, startedAt: notes.#startedAt });
    }
    return notes;
  }

  #blank(): LastRun {
    return {
      type: "decamp last run",
      format: 1,
      server: this.#server,
      ...(this.#shard === undefined ? {} : { shard: this.#shard }),
      startedAt: this.#startedAt,
      behind: {},
      totals: { runs: {}, requests: 0, receivedBytes: 0 },
    };
  }

  /** An account is up to date, or there is nothing to bring up to date. */
  well(did: string): void {
    this.#behind.delete(did);
  }

  /**
   * An account could not be brought up to date.
   *
   * @param snapshotAt when its newest snapshot was made, if it has one
   */
  fallBehind(did: string, snapshotAt: string | undefined): void {
    if (this.#found.size > mostBehind) {
      return;
    }
    this.#found.add(did);
    if (!this.#behind.has(did)) {
      const seenAt = this.#before?.seenAt ?? "";
      const lastAt = snapshotAt !== undefined && snapshotAt > seenAt ? snapshotAt : seenAt;
      this.#behind.set(did, snapshotAt === undefined ? this.#startedAt : lastAt);
    }
  }

  /**
   * Notes how the run ended.
   *
   * @param now epoch milliseconds
   * @returns what is known now, also if it could not be written: then why
   */
  async end(end: RunEnd, now: number): Promise<{ readonly run: LastRun; readonly error?: unknown }> {
    const { exitCode, isWhole, ...figures } = end;
    const blank = this.#blank();
    const { goodAt, seenAt, totals } = this.#before ?? blank;
    const endedAt = new Date(now).toISOString();
    const behind = [...this.#behind].filter(([did]) => !isWhole || this.#found.has(did));
    const isKnown = behind.length <= mostBehind;
    const seen = isWhole ? this.#startedAt : seenAt;
    const good = exitCode === 0 && isWhole ? endedAt : goodAt;
    const result = resultOf(exitCode);
    const run: LastRun = {
      ...blank,
      endedAt,
      exitCode,
      ...figures,
      ...(good === undefined ? {} : { goodAt: good }),
      ...(seen === undefined || !isKnown ? {} : { seenAt: seen }),
      behind: isKnown ? Object.fromEntries(behind) : {},
      totals: {
        runs: { ...totals.runs, [result]: (totals.runs[result] ?? 0) + 1 },
        requests: totals.requests + end.requests,
        receivedBytes: totals.receivedBytes + end.receivedBytes,
      },
    };
    try {
      if (isWhole || !this.#isOthers) {
        await this.#write(run);
      }
      return { run };
    } catch (error) {
      return { run, error };
    }
  }

  async #write(run: LastRun): Promise<void> {
    await writeWhole(this.#path, `${JSON.stringify(run)}\n`);
  }
}

interface Place {
  /** The folder of the archives. */
  readonly folder: string;
  /** Of the server whose accounts they are. */
  readonly origin: string;
  readonly shard: Shard | undefined;
}

/** How a run ended, in one of few words. */
export type RunResult = "good" | "incomplete" | "failed" | "interrupted";
export const runResults: readonly RunResult[] = ["good", "incomplete", "failed", "interrupted"];

function resultOf(exitCode: number): RunResult {
  return exitCode === 0 ? "good" : exitCode === 6 ? "incomplete" : exitCode === 130 ? "interrupted" : "failed";
}

/**
 * Since when the account waits that has been behind for longest; where none is, when the last run began that saw them
 * all. Undefined if nobody knows.
 */
export function leastRenewedAt({ behind, seenAt }: LastRun): string | undefined {
  return seenAt === undefined
    ? undefined
    : Object.values(behind).reduce((first, one) => (one < first ? one : first), seenAt);
}

/**
 * When it was known for the last time that a snapshot has all that there is: when it was made, or when a run over all
 * accounts saw that nothing is new.
 *
 * @param runs what is known of the last runs over the folder
 * @param newest of the archive
 * @returns epoch milliseconds
 */
export function renewedAt(runs: readonly LastRun[], newest: Renewable): number {
  const { did, source, createdAt, updatedAt } = newest;
  const seen = runs.flatMap(({ server, shard, seenAt, behind }) =>
    server === source && isInShard(did, shard) ? [behind[did] ?? seenAt] : [],
  );
  return [createdAt, updatedAt, ...seen].reduce((last, one) => Math.max(last, Date.parse(one ?? createdAt)), 0);
}

/** What a manifest says of that. */
interface Renewable {
  readonly did: string;
  readonly source: string;
  readonly createdAt: string;
  readonly updatedAt?: string | undefined;
}
