/**
 * Directories that a watch asks, with a clock that only its waits move. They do what a real one does, and what it does
 * not do on demand: they hide operations, lie, lag and are away.
 */
import { DecampError } from "../../src/errors.ts";
import type { Ours } from "../../src/plc/foreign.ts";
import type { WatchEvent } from "../../src/account/watch/events.ts";
import type { WatchedDirectory } from "../../src/account/watch/follow.ts";
import type { Round, WatchServices } from "../../src/account/watch/watch-logs.ts";
import type { ExportCursor, ExportLine } from "../../src/services/servers/plc-export.ts";
import { hour, testCid, testDid, type Json, type TestEntry } from "../tools/plc.ts";

export const minute = 60_000;
export const day: number = 24 * hour;

/** What every honest directory has. */
export class Log {
  readonly entries: TestEntry[] = [];

  /** Takes operations at a time; what they nullify is marked. */
  add(time: number, ...operations: readonly Json[]): string {
    const createdAt = new Date(time).toISOString();
    for (const operation of operations) {
      const before = this.entries.find(({ cid }) => cid === operation["prev"]);
      const did = before?.did ?? testDid(operation);
      const from = before === undefined ? 0 : this.entries.indexOf(before) + 1;
      for (const [index, entry] of this.entries.entries()) {
        if (before !== undefined && index >= from && entry.did === did) {
          this.entries[index] = { ...entry, nullified: true };
        }
      }
      this.entries.push({ did, operation, cid: testCid(operation), nullified: false, createdAt });
    }
    return this.entries.at(-1)?.cid ?? "";
  }
}

/** One directory. */
export class FakeDirectory implements WatchedDirectory {
  readonly host: string;
  readonly log: Log;
  /** `audit DID` and `export CURSOR`, and when. */
  readonly asked: { readonly what: string; readonly at: number }[] = [];
  /** Operations that it does not show. */
  readonly hidden = new Set<string>();
  isAway = false;
  cursors: "time" | "seq" | "none" = "time";
  /** Put in place of the log of a DID. */
  readonly lies = new Map<string, unknown>();
  readonly #world: World;

  constructor(host: string, log: Log, world: World) {
    this.host = host;
    this.log = log;
    this.#world = world;
  }

  async auditLog(did: string): Promise<unknown> {
    this.#ask(`audit ${did}`);
    const entries = this.#shown().filter((entry) => entry.did === did);
    if (this.lies.has(did)) {
      return this.lies.get(did);
    }
    if (entries.length === 0) {
      throw new DecampError("account-not-found", "not known");
    }
    return structuredClone(entries);
  }

  async exported(after: ExportCursor): Promise<readonly ExportLine[] | undefined> {
    this.#ask(`export ${"seq" in after ? "seq" : "time"}`);
    if (this.cursors === "none") {
      return undefined;
    }
    const lines = this.#shown().map(({ did, cid, createdAt }, seq) => ({ did, cid, time: Date.parse(createdAt), seq }));
    const rest = lines
      .filter((line) => ("seq" in after ? line.seq > after.seq : line.time > after.time))
      .slice(0, 1000);
    return this.cursors === "seq" ? rest : rest.map(({ did, cid, time }) => ({ did, cid, time }));
  }

  clockOffset(): number {
    return 0;
  }

  /** How often it was asked for such things. */
  count(what: RegExp): number {
    return this.asked.filter((one) => what.test(one.what)).length;
  }

  #ask(what: string): void {
    this.asked.push({ what, at: this.#world.now });
    if (this.isAway) {
      throw new DecampError("unreachable", "away");
    }
  }

  #shown(): readonly TestEntry[] {
    return this.log.entries.filter(({ cid }) => !this.hidden.has(cid));
  }
}

/** The clock, what was told, and what is remembered. */
export class World {
  now: number;
  readonly told: (WatchEvent & { readonly at: number })[] = [];
  readonly heads = new Map<string, readonly string[]>();
  readonly rounds: (Round & { readonly at: number })[] = [];
  ours: Ours = { keys: [], made: [] };
  /** What other commands of decamp have seen. */
  readonly seen = new Map<string, string>();
  readonly #plans: { readonly at: number; readonly run: () => void }[] = [];
  readonly #end = new AbortController();
  #until = 0;
  readonly #random: () => number;

  constructor(now: number, random: () => number) {
    this.now = now;
    this.#random = random;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Has something happen at a time. */
  plan(at: number, run: () => void): void {
    this.#plans.push({ at, run });
    this.#plans.sort((one, other) => one.at - other.at);
  }

  /** Ends the watch at a time. */
  until(at: number): this {
    this.#until = at;
    return this;
  }

  services(directories: readonly WatchedDirectory[]): WatchServices {
    return {
      directories,
      ours: async () => this.ours,
      known: (did) => this.heads.get(did) ?? [],
      seen: async (did) => [this.seen.get(did) ?? []].flat(),
      save: async (heads) => heads.forEach((cids, did) => this.heads.set(did, cids)),
      tell: async (event) => {
        this.told.push({ ...event, at: this.now });
      },
      onRound: async (round) => {
        this.rounds.push({ ...round, at: this.now });
      },
      now: () => this.now,
      random: this.#random,
      sleep: async (milliseconds) => this.#pass(milliseconds),
    };
  }

  #pass(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let next = this.#plans[0]; next !== undefined && next.at <= end; next = this.#plans[0]) {
      this.#plans.shift();
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = end;
    if (this.#until > 0 && this.now >= this.#until) {
      this.#end.abort(new DecampError("interrupted", "Interrupted."));
    }
    this.signal.throwIfAborted();
  }
}
