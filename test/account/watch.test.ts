/** What a watch notices, when, and how often it asks: on a clock of its own. */
import { beforeEach, describe, expect, test } from "vitest";
import { lookOnce, watchLogs } from "../../src/account/watch/watch-logs.ts";
import { at, hour, operation, signed, testCid, testDid, type Json } from "../tools/plc.ts";
import {
  back,
  crowd,
  day,
  did,
  everybody,
  FakeDirectory,
  genesis,
  Log,
  minute,
  prev,
  renamed,
  seeded,
  server,
  start,
  theft,
  tombstone,
  user,
  usual,
  World,
} from "./watch-world.ts";

let world: World;
let log: Log;
let one: FakeDirectory;
let other: FakeDirectory;

beforeEach(() => {
  world = new World(start, seeded(7));
  log = new Log();
  log.add(Date.parse(at(0)), genesis);
  log.add(Date.parse(at(0)), ...crowd);
  one = new FakeDirectory("one.example", log, world);
  other = new FakeDirectory("other.example", log, world);
});

async function watch(end: number, dids = everybody, directories = [one]): Promise<void> {
  const options = { dids, interval: minute, signal: world.until(end).signal };
  await expect(watchLogs(world.services(directories), options)).rejects.toMatchObject({ code: "interrupted" });
}

function add(after: number, ...operations: readonly Json[]): void {
  world.plan(start + after, () => log.add(start + after, ...operations));
}

const events = (): readonly string[] => world.told.map(({ event }) => event);

describe.each(["time", "seq"] as const)("at a directory whose export counts by %s", (cursors) => {
  test("asks once a minute after the first reading, whatever others do there", async () => {
    one.cursors = cursors;
    await watch(start + 2 * hour);
    expect(one.count(/^audit/)).toBe(everybody.length);
    const asked = one.count(/^export/);
    expect(asked).toBeGreaterThanOrEqual(119);
    expect(asked).toBeLessThanOrEqual(121);
    expect(events()).toEqual([]);
  });

  test("an operation is told within one interval, once, with what undoes it", async () => {
    one.cursors = cursors;
    world.ours = { keys: [user.did], made: [] };
    add(hour + 17, theft);
    await watch(start + 3 * hour);
    expect(world.told).toHaveLength(1);
    expect(world.told[0]).toMatchObject({
      event: "operation",
      did,
      directory: "one.example",
      kind: "update",
      entry: { cid: testCid(theft), signer: server.did },
      changes: ["rotationKeys[0]", "rotationKeys[1]"],
      undoing: { can: true, keys: [user.did], until: start + hour + 17 + 72 * hour },
    });
    expect((world.told[0]?.at ?? 0) - (start + hour)).toBeLessThanOrEqual(minute + 17);
    expect(one.count(/^audit/)).toBe(everybody.length + 1);
  });

  test("none is lost where a page ends within a millisecond, and where an older one is shown late", async () => {
    one.cursors = cursors;
    const strangers = Array.from({ length: 2500 }, (_, index) => ({ type: "plc_operation", prev: null, index }));
    world.plan(start + hour, () => {
      log.add(start + hour, ...strangers.slice(0, 999), theft, ...strangers.slice(999));
    });
    world.plan(start + 2 * hour, () => {
      const last = crowd[3];
      log.add(start + 2 * hour - 4000, { ...last, prev: testCid(last) });
    });
    world.plan(start + 2 * hour - 1, () => log.add(start + 2 * hour - 1, { type: "plc_operation", prev: null, x: 1 }));
    await watch(start + 3 * hour);
    expect(events()).toEqual(["operation", "invalid"]);
  });
});

describe("whose an operation is", () => {
  test("what the user's key signed, and what decamp made, is not told", async () => {
    log.add(start - hour, renamed);
    for (const ours of [
      { keys: [user.did], made: [] },
      { keys: [], made: [testCid(renamed)] },
    ]) {
      world.heads.clear();
      world.ours = ours;
      await lookOnce(world.services([one]), { dids: [did], interval: minute, signal: world.signal });
    }
    expect(events()).toEqual([]);
    world.heads.clear();
    world.ours = { keys: [], made: [] };
    await lookOnce(world.services([one]), { dids: [did], interval: minute, signal: world.signal });
    expect(events()).toEqual(["operation"]);
  });

  test.each<[string, readonly Json[], object]>([
    ["a key of the first rank", [renamed], { can: false, why: "no-key-above" }],
    ["somebody, and undone since", [theft, back], { can: false, why: "undone-already" }],
    ["the end of the identity", [tombstone], { can: true, keys: [user.did] }],
  ])("by %s", async (_name, operations, undoing) => {
    operations.forEach((item, index) => {
      log.add(start - hour + index, item);
    });
    const { events: count } = await lookOnce(world.services([one]), {
      dids: [did],
      interval: minute,
      signal: world.signal,
    });
    expect(count).toBe(operations.length);
    expect(world.told[0]).toMatchObject({ event: "operation", undoing });
  });

  test("one that is followed by the user's own is not offered to be undone", async () => {
    const mild = await signed(operation(prev, { ...usual, alsoKnownAs: ["at://x.example.com"] }), server);
    const own = await signed(operation(testCid(mild), usual), user);
    log.add(start - hour, mild);
    log.add(start - hour + 1, own);
    world.ours = { keys: [user.did], made: [] };
    await lookOnce(world.services([one]), { dids: [did], interval: minute, signal: world.signal });
    expect(world.told).toMatchObject([{ undoing: { can: false, why: "followed-by-own" } }]);
  });

  test("what can be undone is told by each look until somebody takes it, and may not be hidden meanwhile", async () => {
    const look = async (): Promise<unknown> => {
      world.told.length = 0;
      await lookOnce(world.services([one]), { dids: [did], interval: minute, signal: world.signal });
      return world.told.map((event) => ("undoing" in event ? [event.event, event.undoing.can] : event.event));
    };
    await look();
    world.isTaken = false;
    log.add(start, theft);
    for (const hours of [1, 1, 69]) {
      expect(await look()).toEqual([["operation", true]]);
      world.now += hours * hour;
    }
    one.hidden.add(testCid(theft));
    for (const _ of [1, 2]) {
      expect(await look()).toEqual(["hidden"]);
    }
    one.hidden.clear();
    expect(await look()).toEqual([["operation", true]]);
    world.isTaken = true;
    expect(await look()).toEqual([["operation", true]]);
    expect(await look()).toEqual([]);
    one.hidden.add(testCid(theft));
    expect(await look()).toEqual(["hidden"]);
  });

  test.each<[string, () => void, string]>([
    ["it is too late", (): void => void (world.now += 73 * hour), "too-late"],
    ["it is undone", (): void => void log.add(world.now + minute, back), "undone-already"],
  ])("that ends where %s, and is said once", async (_name, act, why) => {
    const look = async (): Promise<unknown> => {
      world.told.length = 0;
      await lookOnce(world.services([one]), { dids: [did], interval: minute, signal: world.signal });
      return world.told;
    };
    world.ours = { keys: [user.did], made: [] };
    world.isTaken = false;
    await look();
    log.add(start, theft);
    expect(await look()).toMatchObject([{ undoing: { can: true } }]);
    expect(await look()).toMatchObject([{ undoing: { can: true } }]);
    act();
    expect(await look()).toMatchObject([{ entry: { cid: testCid(theft) }, undoing: { can: false, why } }]);
    expect(await look()).toEqual([]);
  });

  test("an operation that somebody calls theirs is told no more, and clocks that differ end nothing early", async () => {
    const look = async (): Promise<unknown> => {
      world.told.length = 0;
      await lookOnce(world.services([one]), { dids: [did], interval: minute, signal: world.signal });
      return world.told;
    };
    world.isTaken = false;
    log.add(start, theft);
    // One clock says that it is over, and the other one that it is not; and then both say so.
    for (const [now, offset, isOver] of [
      [start, 80 * hour, false],
      [start + 80 * hour, -80 * hour, false],
      [start + 80 * hour, 80 * hour, true],
    ] as const) {
      world.heads.clear();
      world.heads.set(did, [prev]);
      world.now = now;
      one.offset = offset;
      expect(await look()).toHaveLength(1);
      expect(((await look()) as unknown[]).length === 0).toBe(isOver);
    }
    world.heads.set(did, [prev]);
    one.offset = 0;
    world.now = start + hour;
    expect(await look()).toHaveLength(1);
    world.ours = { keys: [], made: [testCid(theft)] };
    expect(await look()).toEqual([]);
    world.ours = { keys: [], made: [] };
    expect(await look()).toEqual([]);
  });

  test("of what nobody remembers, only what can still be undone is new", async () => {
    log.add(start - 73 * hour, theft);
    await lookOnce(world.services([one]), { dids: [did], interval: minute, signal: world.signal });
    expect(events()).toEqual([]);
    world.heads.set(did, [prev]);
    await lookOnce(world.services([one]), { dids: [did], interval: minute, signal: world.signal });
    expect(world.told).toMatchObject([{ event: "operation", undoing: { can: false, why: "too-late" } }]);
    await lookOnce(world.services([one]), { dids: [did], interval: minute, signal: world.signal });
    expect(events()).toHaveLength(1);
  });
});

describe("a directory that", () => {
  test("hides an operation is noticed with a second one; one that lags is not", async () => {
    world.ours = { keys: [user.did], made: [] };
    one.hidden.add(testCid(theft));
    add(hour, theft);
    await watch(start + 2 * hour, everybody, [one, other]);
    expect(world.told).toMatchObject([
      { event: "operation", directory: "other.example" },
      { event: "hidden", directory: "one.example", did, cid: testCid(theft) },
    ]);
    expect((world.told[1]?.at ?? 0) - (start + hour)).toBeLessThanOrEqual(3 * minute);
  });

  test("lags is asked again, and nothing is told", async () => {
    world.ours = { keys: [user.did], made: [testCid(theft)] };
    one.hidden.add(testCid(theft));
    add(hour, theft);
    world.plan(start + hour + minute, () => one.hidden.clear());
    await watch(start + 2 * hour, [did], [other, one]);
    expect(events()).toEqual([]);
  });

  test("no longer shows what was seen before, by a watch, by an archive or by decamp, is told of", async () => {
    log.add(start - 200 * hour, theft);
    one.hidden.add(testCid(theft));
    for (const remember of [
      (): unknown => world.heads.set(did, [testCid(theft)]),
      (): unknown => world.seen.set(did, testCid(theft)),
    ]) {
      world.heads.clear();
      world.seen.clear();
      remember();
      await lookOnce(world.services([one]), { dids: [did], interval: minute, signal: world.signal });
    }
    expect(world.told).toMatchObject([
      { event: "hidden", cid: testCid(theft) },
      { event: "hidden", cid: testCid(theft) },
    ]);
  });

  test("tells two stories is told of, and both operations are", async () => {
    const two = new Log();
    two.add(Date.parse(at(0)), genesis);
    const fork = new FakeDirectory("fork.example", two, world);
    log.add(start - hour, theft);
    two.add(start - hour, tombstone);
    await lookOnce(world.services([one, fork]), { dids: [did], interval: minute, signal: world.signal });
    expect(events().toSorted()).toEqual(["hidden", "hidden", "operation", "operation"]);
  });

  test("gives a forged log, or does not know an account, is told of once", async () => {
    one.lies.set(did, [{ ...log.entries[0], cid: testCid(theft) }]);
    await watch(start + 5 * minute, [did, testDid(theft), ...everybody.slice(1, 3)]);
    expect(events()).toEqual(["invalid", "invalid"]);
  });

  test("is away is asked less and less, told of after a day, and what came meanwhile is noticed", async () => {
    world.plan(start + hour, () => (one.isAway = true));
    world.plan(start + 4 * day, () => (one.isAway = false));
    add(2 * day, theft);
    await watch(start + 5 * day);
    expect(events()).toEqual(["silent", "operation", "answers"]);
    const [silent, found] = world.told.map((event) => event.at - start);
    expect(silent).toBeGreaterThanOrEqual(hour + day - minute);
    expect(silent).toBeLessThanOrEqual(2 * hour + day + minute);
    expect(found).toBeLessThanOrEqual(4 * day + hour);
    const vain = one.asked.filter((ask) => ask.at > start + hour && ask.at < start + 4 * day);
    expect(vain.length).toBeLessThan(3 * 24 * 2 + 20);
    // Nobody says meanwhile that all is well.
    const isAway = world.rounds.filter(({ at: time }) => time > start + hour && time < start + 4 * day);
    expect(isAway.some(({ isCurrent }) => isCurrent)).toBe(false);
    expect(world.rounds.at(-1)).toMatchObject({ isCurrent: true, hasReadAll: true });
  });

  test("has no export is asked for the logs in turn", async () => {
    one.cursors = "none";
    add(5 * minute, theft);
    await watch(start + 8 * minute, everybody.slice(0, 12));
    expect(events()).toEqual(["operation"]);
    expect(one.count(/^export/)).toBe(1);
  });
});

test("a few accounts are asked for themselves, once in an interval", async () => {
  world.ours = { keys: [], made: [] };
  add(hour, theft);
  await watch(start + 2 * hour, [did]);
  expect(events()).toEqual(["operation"]);
  expect(one.count(/^export/)).toBe(0);
  expect(one.asked.length).toBeLessThanOrEqual(122);
});

describe.each<[string, number, number]>([
  ["few, and stay few", 2, 4],
  ["few, and become many", 8, everybody.length],
  ["many", 12, everybody.length],
])("accounts that come while a watch runs: %s", (_, first, all) => {
  test("they are looked for once an hour, and watched from then on, and nothing is missed of the others", async () => {
    const [here, come] = [everybody.slice(0, first), everybody.slice(first, all)];
    const interval = 20 * minute;
    const looks: number[] = [];
    const joined = async (): Promise<readonly string[]> => {
      looks.push(world.now);
      if (looks.length !== 2) {
        return [];
      }
      // It has come since the last question, to one who was there.
      log.add(world.now - interval / 2, theft);
      return [...here.slice(0, 1), ...come];
    };
    const last = crowd[first];
    const later = await signed(operation(testCid(last ?? {}), { ...usual, alsoKnownAs: [] }), server);
    add(5 * hour, later);
    const options = { dids: here, joined, interval, signal: world.until(start + 6 * hour).signal };
    await expect(watchLogs(world.services([one, other]), options)).rejects.toMatchObject({ code: "interrupted" });
    const pauses = looks.map((at, index) => at - (looks[index - 1] ?? start));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(hour);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(hour + interval);
    expect(world.told).toMatchObject([
      { event: "operation", did, entry: { cid: testCid(theft) } },
      { event: "operation", did: testDid(last ?? {}), entry: { cid: testCid(later) } },
    ]);
    expect((world.told[0]?.at ?? 0) - (looks[1] ?? 0)).toBeLessThanOrEqual(interval);
    const asked = new Set(one.asked.map(({ what }) => what));
    expect(come.filter((whose) => !asked.has(`audit ${whose}`))).toEqual([]);
    // What has come is remembered like the others.
    expect([...world.heads.keys()].sort()).toEqual(everybody.slice(0, all).toSorted());
  });
});

test("what was told is not told again by the next run", async () => {
  add(hour, theft);
  await watch(start + 2 * hour);
  const next = new World(world.now, seeded(8));
  world.heads.forEach((cids, name) => next.heads.set(name, cids));
  await lookOnce(next.services([one]), { dids: everybody, interval: minute, signal: next.signal });
  expect(next.told).toEqual([]);
});
