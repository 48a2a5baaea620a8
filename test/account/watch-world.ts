/**
 * Directories that a watch asks, with a clock that only its waits move. They do what a real one does, and what it does
 * not do on demand: they hide operations, lie, lag and are away.
 */
import { DecampError, type ErrorCode } from "../../src/errors.ts";
import type { Ours } from "../../src/plc/foreign.ts";
import type { WatchEvent } from "../../src/account/watch/events.ts";
import type { WatchedDirectory } from "../../src/account/watch/follow.ts";
import type { Round, WatchServices } from "../../src/account/watch/watch-logs.ts";
import type { ExportCursor, ExportLine } from "../../src/services/servers/plc-export.ts";
import {
  at,
  hour,
  operation,
  signed,
  testCid,
  testDid,
  testKey,
  type Content,
  type Json,
  type TestEntry,
  type TestKey,
} from "../tools/plc.ts";

export const minute = 60_000;
export const day: number = 24 * hour;

export const user: TestKey = await testKey("user");
export const server: TestKey = await testKey("server");
const thief = await testKey("thief");
export const usual: Partial<Content> = {
  rotationKeys: [user.did, server.did],
  verificationMethods: { atproto: server.did },
};
export const genesis: Json = await signed(operation(null, usual), server);
export const did: string = testDid(genesis);
export const prev: string = testCid(genesis);
export const theft: Json = await signed(operation(prev, { ...usual, rotationKeys: [thief.did] }), server);
export const renamed: Json = await signed(
  operation(prev, { ...usual, alsoKnownAs: ["at://renamed.example.com"] }),
  user,
);
export const tombstone: Json = await signed({ type: "plc_tombstone", prev }, server);
export const back: Json = await signed(operation(prev, { ...usual, rotationKeys: [user.did] }), user);
/** Many identities: a genesis each. */
export const crowd: readonly Json[] = await Promise.all(
  Array.from({ length: 30 }, async (_, index) =>
    signed(operation(null, { ...usual, alsoKnownAs: [`at://a${index}.example.com`] }), server),
  ),
);
export const start: number = Date.parse(at(1000 * hour));

/** Numbers that come again with their seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

export const everybody: readonly string[] = [did, ...crowd.map(testDid)];

/** What every honest directory has. */
export class Log {
  readonly entries: TestEntry[] = [];

  /** Takes operations at a time; what they nullify is marked. */
  add(time: number, ...operations: readonly Json[]): string {
    const createdAt = new Date(time).toISOString();
    for (const one of operations) {
      const before = this.entries.find(({ cid }) => cid === one["prev"]);
      const whose = before?.did ?? testDid(one);
      const from = before === undefined ? 0 : this.entries.indexOf(before) + 1;
      for (const [index, entry] of this.entries.entries()) {
        if (before !== undefined && index >= from && entry.did === whose) {
          this.entries[index] = { ...entry, nullified: true };
        }
      }
      this.entries.push({ did: whose, operation: one, cid: testCid(one), nullified: false, createdAt });
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
  /** DIDs whose logs cannot be had, and how that fails. */
  readonly failing = new Map<string, ErrorCode>();
  /** Operations that it lists in its export, and does not show in the log. */
  readonly onlyListed = new Set<string>();
  /** How its `/export` fails, if it does. */
  exportFails: ErrorCode | undefined;
  /** Lines that it puts behind the next page of its export, once. */
  readonly strange: ExportLine[] = [];
  /** Put in place of every log. */
  rubbish: unknown;
  /** By how much its clock is ahead of ours, as its answers say. */
  offset = 0;
  readonly #world: World;

  constructor(host: string, log: Log, world: World) {
    this.host = host;
    this.log = log;
    this.#world = world;
  }

  async auditLog(did: string): Promise<unknown> {
    this.#ask(`audit ${did}`);
    const failure = this.failing.get(did);
    if (failure !== undefined) {
      throw new DecampError(failure, "not now");
    }
    if (this.rubbish !== undefined) {
      return this.rubbish;
    }
    const entries = this.#shown().filter((entry) => entry.did === did && !this.onlyListed.has(entry.cid));
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
    if (this.exportFails !== undefined) {
      throw new DecampError(this.exportFails, "not now");
    }
    if (this.cursors === "none") {
      return undefined;
    }
    const lines = this.#shown().map(({ did, cid, createdAt }, seq) => ({ did, cid, time: Date.parse(createdAt), seq }));
    const rest = lines
      .filter((line) => ("seq" in after ? line.seq > after.seq : line.time > after.time))
      .slice(0, 1000);
    const page = this.cursors === "seq" ? rest : rest.map(({ did: whose, cid, time }) => ({ did: whose, cid, time }));
    return [...page, ...this.strange.splice(0)];
  }

  clockOffset(): number {
    return this.offset;
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
  readonly seenBeyond = new Map<string, readonly string[]>();
  readonly listed = new Map<string, ReadonlyMap<string, string>>();
  readonly answered = new Map<string, number>();
  /** Whether whoever is to be told can be told. */
  canTell = true;
  /** Whether it comes to a person then. */
  isTaken = true;
  readonly rounds: (Round & { readonly at: number })[] = [];
  ours: Ours = { keys: [], made: [] };
  /** What other commands of decamp have seen. */
  readonly seen = new Map<string, string>();
  readonly #plans: { readonly at: number; readonly run: () => void }[] = [];
  readonly #end = new AbortController();
  #until = 0;
  /** Our clock may be set; plans and ends go by this one. */
  #elapsed = 0;
  readonly #began: number;
  readonly #random: () => number;

  constructor(now: number, random: () => number) {
    this.now = now;
    this.#began = now;
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
      seen: async (did) => [this.seen.get(did) ?? [], this.seenBeyond.get(did) ?? []].flat(),
      listed: (host) => this.listed.get(host) ?? new Map(),
      answered: (host) => this.answered.get(host),
      save: async ({ heads, seen, listed, answered }) => {
        seen.forEach((cids, did) => this.seenBeyond.set(did, cids));
        heads.forEach((cids, did) => this.heads.set(did, cids));
        listed.forEach((all, host) => this.listed.set(host, all));
        answered.forEach((time, host) => this.answered.set(host, time));
      },
      tell: async (event, onTold) => {
        this.told.push({ ...event, at: this.now });
        if (this.canTell) {
          onTold(this.isTaken);
        }
      },
      settled: async () => undefined,
      onRound: async (round) => {
        this.rounds.push({ ...round, at: this.now });
      },
      now: () => this.now,
      elapsed: () => this.#elapsed,
      random: this.#random,
      sleep: async (milliseconds) => this.#pass(milliseconds),
    };
  }

  #pass(milliseconds: number): void {
    const end = this.#elapsed + milliseconds;
    const began = this.#began;
    for (let next = this.#plans[0]; next !== undefined && next.at - began <= end; next = this.#plans[0]) {
      this.#plans.shift();
      this.#goTo(Math.max(this.#elapsed, next.at - began));
      next.run();
    }
    this.#goTo(end);
    if (this.#until > 0 && began + end >= this.#until) {
      this.#end.abort(new DecampError("interrupted", "Interrupted."));
    }
    this.signal.throwIfAborted();
  }

  #goTo(elapsed: number): void {
    this.now += elapsed - this.#elapsed;
    this.#elapsed = elapsed;
  }
}
