/**
 * A watch among what goes wrong in months: logs that cannot be had, directories that list and do not show, clocks that
 * are set, whoever is to be told and does not listen, and something on the way that answers in the directory's place.
 */
import type { OnTold } from "../../src/account/watch/events.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { lookOnce, watchLogs, type Looked } from "../../src/account/watch/watch-logs.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { at, hour, testCid, testDid } from "../tools/plc.ts";
import {
  crowd,
  day,
  did,
  everybody,
  FakeDirectory,
  genesis,
  Log,
  minute,
  seeded,
  start,
  theft,
  user,
  World,
} from "./watch-world.ts";

let world: World;
let log: Log;
let one: FakeDirectory;
let other: FakeDirectory;

beforeEach(() => {
  log = new Log();
  log.add(Date.parse(at(0)), genesis);
  log.add(Date.parse(at(0)), ...crowd);
  world = new World(start, seeded(7));
  one = new FakeDirectory("one.example", log, world);
  other = new FakeDirectory("other.example", log, world);
});

async function watch(end: number, dids = everybody, directories = [one], interval = minute): Promise<void> {
  const options = { dids, interval, signal: world.until(end).signal };
  await expect(watchLogs(world.services(directories), options)).rejects.toMatchObject({ code: "interrupted" });
}

async function look(dids = everybody, directories = [one]): Promise<Looked> {
  return lookOnce(world.services(directories), { dids, interval: minute, signal: world.signal });
}

/** Another run, later, with what the one before has left. */
function nextRun(): void {
  const next = new World(world.now, seeded(8));
  world.heads.forEach((cids, name) => next.heads.set(name, cids));
  world.seenBeyond.forEach((cids, name) => next.seenBeyond.set(name, cids));
  world.listed.forEach((all, host) => next.listed.set(host, all));
  world.answered.forEach((time, host) => next.answered.set(host, time));
  next.ours = world.ours;
  world = next;
  const { hidden, onlyListed, cursors } = one;
  one = new FakeDirectory("one.example", log, world);
  hidden.forEach((cid) => one.hidden.add(cid));
  onlyListed.forEach((cid) => one.onlyListed.add(cid));
  one.cursors = cursors;
}

const events = (): readonly string[] => world.told.map(({ event }) => event);
const few = everybody.slice(0, 4);

describe("whoever is to be told", () => {
  test.each(["look", "watch"] as const)("and is not, is told by the next run, after a %s", async (way) => {
    await look();
    expect(events()).toEqual([]);
    nextRun();
    world.canTell = false;
    log.add(world.now, theft);
    await (way === "look" ? look() : watch(world.now + 10 * minute));
    expect(events()).toEqual(["operation"]);
    nextRun();
    await look();
    expect(world.told).toMatchObject([{ event: "operation", did, entry: { cid: testCid(theft) } }]);
    nextRun();
    await look();
    expect(events()).toEqual([]);
  });

  test("and is told later is not told again", async () => {
    const waiting: OnTold[] = [];
    const services = world.services([one]);
    world.plan(start + 10 * minute, () => log.add(start + 10 * minute, theft));
    world.plan(start + 20 * minute, () => waiting.splice(0).forEach((onTold) => onTold(true)));
    const options = { dids: few, interval: minute, signal: world.until(start + 30 * minute).signal };
    const run = watchLogs({ ...services, tell: async (_event, onTold) => void waiting.push(onTold) }, options);
    await expect(run).rejects.toMatchObject({ code: "interrupted" });
    nextRun();
    await look(few);
    expect(events()).toEqual([]);
  });
});

describe("a directory that lists an operation and", () => {
  test.each(["time", "seq"] as const)("shows it late is asked until it does (%s)", async (cursors) => {
    one.cursors = cursors;
    one.onlyListed.add(testCid(theft));
    world.plan(start + hour, () => log.add(start + hour, theft));
    world.plan(start + hour + 4 * minute, () => one.onlyListed.clear());
    await watch(start + 2 * hour);
    expect(events()).toEqual(["operation"]);
    expect((world.told[0]?.at ?? 0) - (start + hour)).toBeLessThanOrEqual(9 * minute);
  });

  test("does not show it is told of, and it is told of when it shows", async () => {
    one.onlyListed.add(testCid(theft));
    world.plan(start + hour, () => log.add(start + hour, theft));
    world.plan(start + 5 * hour, () => one.onlyListed.clear());
    await watch(start + 7 * hour);
    expect(world.told).toMatchObject([
      { event: "hidden", did, cid: testCid(theft), isListed: true },
      { event: "operation", entry: { cid: testCid(theft) } },
    ]);
    const [hidden = 0, shown = 0] = world.told.map((event) => (event.at - start) / minute);
    expect(hidden).toBeGreaterThanOrEqual(70);
    expect(hidden).toBeLessThanOrEqual(80);
    expect(shown).toBeLessThanOrEqual(6 * 60 + 1);
  });

  test("does not show it before the watch is started anew is asked by the next one", async () => {
    one.onlyListed.add(testCid(theft));
    world.plan(start + hour, () => log.add(start + hour, theft));
    await watch(start + hour + 3 * minute);
    nextRun();
    world.plan(world.now + 2 * hour, () => one.onlyListed.clear());
    await watch(world.now + 4 * hour);
    expect(events()).toEqual(["hidden", "operation"]);
  });
});

describe.each<[string, ErrorCode]>([
  ["fails", "server-refused"],
  ["hangs", "unreachable"],
  ["is a web page", "bad-answer"],
])("a log that %s", (_name, code) => {
  test.each([
    ["the first of 4", 4, [0]],
    ["the last of 4", 4, [3]],
    ["three of 5", 5, [0, 1, 2]],
    ["the first of 31", 31, [0]],
    ["the last of 31", 31, [30]],
    ["half of 31", 31, Array.from({ length: 15 }, (_, index) => index)],
  ])("%s: the others are watched as before", async (_who, count, bad) => {
    const dids = [...everybody.slice(1), did].slice(0, count - 1);
    const all = [...dids.slice(0, -1), did, ...dids.slice(-1)].slice(0, count);
    const failing = bad.map((index) => all[index] ?? "").filter((name) => name !== did);
    failing.forEach((name) => one.failing.set(name, code));
    world.plan(start + hour, () => log.add(start + hour, theft));
    await watch(start + hour + 5 * minute, all);
    expect(events()).toEqual(["operation"]);
    expect((world.told[0]?.at ?? 0) - (start + hour)).toBeLessThanOrEqual(minute);
    // Every few minutes at the most, each.
    const vain = one.asked.filter(({ what }) => failing.some((name) => what === `audit ${name}`));
    expect(vain.length).toBeLessThanOrEqual(failing.length * 10);
  });

  test("a single look reads the others, and names it", async () => {
    const bad = everybody.slice(1, 4);
    bad.forEach((name) => one.failing.set(name, code));
    log.add(start - hour, theft);
    const found = await look([...bad, ...everybody.slice(4), did]);
    expect(events()).toEqual(["operation"]);
    expect(found).toMatchObject({ events: 1, unanswered: [] });
    expect(found.unread.map(({ did: name }) => name).toSorted()).toEqual(bad.toSorted());
  });
});

test("logs that could not be had for a day are told of, in one message; the directory is not silent", async () => {
  everybody.slice(0, 12).forEach((name) => one.failing.set(name, "server-refused"));
  await watch(start + 3 * day);
  expect(world.told).toMatchObject([{ event: "unread", directory: "one.example" }]);
  expect(world.told[0]).toHaveProperty("dids.length", 12);
  expect((world.told[0]?.at ?? 0) - start).toBeLessThanOrEqual(day + hour);
});

test("an export that fails while the logs can be had silences nobody, and the logs are read in turn", async () => {
  world.plan(start + hour, () => (one.exportFails = "server-refused"));
  world.plan(start + 2 * hour, () => log.add(start + 2 * hour, theft));
  await watch(start + 27 * hour, everybody.slice(0, 11), [one], 15 * minute);
  expect(events()).toEqual(["operation"]);
  expect((world.told[0]?.at ?? 0) - (start + 2 * hour)).toBeLessThanOrEqual(30 * minute);
});

test("a line whose number is beyond all others, or whose time is, passes over nothing", async () => {
  one.cursors = "seq";
  const stranger = { did: testDid(theft), cid: testCid(theft) };
  world.plan(start + 10 * minute, () => one.strange.push({ ...stranger, time: start, seq: Number.MAX_SAFE_INTEGER }));
  world.plan(start + 20 * minute, () => one.strange.push({ ...stranger, time: start + 900 * day }));
  world.plan(start + hour, () => log.add(start + hour, theft));
  await watch(start + hour + 3 * minute);
  expect(events()).toEqual(["operation"]);
});

test("an export that was gone once is asked for again", async () => {
  world.plan(start + hour, () => (one.cursors = "none"));
  world.plan(start + hour + 2 * minute, () => (one.cursors = "time"));
  await watch(start + 3 * hour, everybody.slice(0, 11));
  const late = one.asked.filter((ask) => ask.at > start + 2 * hour + 10 * minute);
  expect(late.length).toBeGreaterThan(40);
  expect(late.every(({ what }) => what.startsWith("export"))).toBe(true);
});

test.each([2, 10])("%d accounts are asked in every interval", async (count) => {
  await watch(start + 2 * hour, everybody.slice(0, count));
  expect(one.asked.length).toBeGreaterThanOrEqual(119 * count);
  expect(one.asked.length).toBeLessThanOrEqual(122 * count);
});

describe("a clock", () => {
  test.each([-10 * day, 10 * day])("of ours that is set by %d ms stops nothing", async (jump) => {
    world.plan(start + hour, () => (world.now += jump));
    world.plan(start + 2 * hour, () => log.add(start + 2 * hour, theft));
    await watch(start + 4 * hour);
    expect(events()).toEqual(["operation"]);
    const times = one.asked.length;
    expect(times).toBeGreaterThanOrEqual(everybody.length + 235);
    expect(times).toBeLessThanOrEqual(everybody.length + 245);
  });

  test.each([4 * day, -4 * day])("that is %d ms off says of nothing that it is too late or too old", async (offset) => {
    world.ours = { keys: [user.did], made: [] };
    one.offset = offset;
    log.add(start - hour, theft);
    await look();
    expect(world.told).toMatchObject([
      { event: "operation", apart: offset, undoing: { can: true, keys: [user.did], isSure: false } },
    ]);
  });

  test("of a directory that is days ahead passes over nothing in its export", async () => {
    one.offset = 4 * day;
    world.plan(start + hour, () => log.add(start + hour, theft));
    await watch(start + 2 * hour);
    expect(events()).toEqual(["operation"]);
  });
});

describe("something that answers in the place of a directory", () => {
  test.each<[string, unknown]>([
    ["with an object", {}],
    ["with a word", "ok"],
  ])("%s is no directory", async (_name, rubbish) => {
    one.rubbish = rubbish;
    one.exportFails = "bad-answer";
    expect(await look()).toMatchObject({ events: 0, unanswered: [{ host: "one.example", answeredAt: undefined }] });
    expect(events()).toEqual([]);
  });

  test.each<[string, unknown]>([
    ["that nobody is known", undefined],
    ["logs that are empty", []],
    ["logs of another kind", [{}]],
  ])("with %s is told of once", async (_name, rubbish) => {
    await look();
    nextRun();
    world.plan(start + hour, () => {
      one.rubbish = rubbish;
      if (rubbish === undefined) {
        log.entries.splice(0);
      }
    });
    await watch(start + 4 * hour, few);
    expect(world.told).toMatchObject([{ event: "broken", directory: "one.example", accounts: few.length }]);
  });

  test("of very many accounts is asked little, and told of once", async () => {
    log.entries.splice(0);
    expect(await look()).toMatchObject({ events: 1 });
    expect(events()).toEqual(["broken"]);
  });

  test("leaves one account's trouble its own", async () => {
    await look(few);
    nextRun();
    one.lies.set(did, []);
    await look(few);
    expect(events()).toEqual(["invalid"]);
  });
});

describe("a directory that is away", () => {
  test("at a single look is named, with when it answered last", async () => {
    await look();
    const answered = world.now;
    nextRun();
    world.now += 5 * hour;
    one.isAway = true;
    const found = await look();
    expect(found).toMatchObject({ events: 0, unread: [] });
    expect(found.unanswered).toHaveLength(1);
    expect(Math.abs((found.unanswered[0]?.answeredAt ?? 0) - answered)).toBeLessThanOrEqual(10_000);
  });

  test("while a machine slept is not called silent before it was asked for an hour", async () => {
    await look(few);
    nextRun();
    world.now += 3 * day;
    one.isAway = true;
    world.plan(start + 30 * minute, () => (one.isAway = false));
    await watch(start + 2 * hour, few);
    expect(events()).toEqual([]);
  });

  test("and another that is not: what is new there is told all the same", async () => {
    one.isAway = true;
    world.plan(start + hour, () => log.add(start + hour, theft));
    await watch(start + 2 * hour, few, [one, other]);
    expect(world.told).toMatchObject([{ event: "operation", directory: "other.example", did: testDid(genesis) }]);
  });
});
