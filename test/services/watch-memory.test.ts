/** What watches remember: several at once have one file, and none of them loses what another one has written. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeLock } from "../../src/services/disk/lock.ts";
import { openWatchMemory, type WatchMemory, type WatchNews } from "../../src/services/disk/remembered/watch-memory.ts";

let state = "";
beforeEach(() => {
  state = mkdtempSync(path.join(tmpdir(), "decamp-watch-memory-"));
});
afterEach(() => {
  rmSync(state, { recursive: true });
});

const { signal } = new AbortController();
const user = { owner: { pid: process.pid, host: "here", isAlive: () => true }, now: () => 0 };
const open = async (file?: string): Promise<WatchMemory> => openWatchMemory(state, file, user, signal);
const file = (): string => path.join(state, "watch", "heads.json");
const content = (): Record<string, unknown> => JSON.parse(readFileSync(file(), "utf8")) as Record<string, unknown>;

const nothing: WatchNews = { heads: new Map(), seen: new Map(), listed: new Map(), answered: new Map() };
const heads = (...all: [string, string[]][]): WatchNews => ({ ...nothing, heads: new Map(all) });
const save = async (memory: WatchMemory, news: WatchNews, ...dids: string[]): Promise<void> =>
  memory.save(news, (did) => dids.includes(did), signal);

test("two watches of different accounts keep what the other one has written", async () => {
  const [one, two] = [await open(), await open()];
  one.names.set("a.example", "a");
  two.names.set("b.example", "b");
  const listing = (did: string, cid: string): WatchNews => ({
    ...heads([did, [cid]]),
    seen: new Map([[did, ["newer"]]]),
    listed: new Map([["host", new Map([[did, cid]])]]),
    answered: new Map([["host", did === "a" ? 1000 : 2000]]),
  });
  await save(one, listing("a", "a1"), "a");
  await save(two, listing("b", "b1"), "b");
  await save(one, { ...heads(["a", ["a2"]]), listed: new Map([["host", new Map()]]) }, "a");
  expect(content()).toEqual({
    format: 1,
    names: { "a.example": "a", "b.example": "b" },
    heads: { a: ["a2"], b: ["b1"] },
    seen: { a: ["newer"], b: ["newer"] },
    listed: { host: { b: "b1" } },
    answered: { host: "1970-01-01T00:00:02.000Z" },
  });
  await save(one, { ...nothing, seen: new Map([["a", []]]) }, "a");
  expect(content()["seen"]).toEqual({ b: ["newer"] });
  const { heads: known, seen, listed, answered, names } = await open();
  expect([
    known.get("a"),
    seen.get("b"),
    listed.get("host")?.get("b"),
    answered.get("host"),
    names.get("a.example"),
  ]).toEqual([["a2"], ["newer"], "b1", 2000, "a"]);
});

test("of an account that two have watched, what either has seen stays; what one has written itself, it replaces", async () => {
  const [one, two] = [await open(), await open()];
  await save(one, heads(["a", ["a1"]]), "a");
  await save(one, heads(["a", ["a2"]]), "a");
  expect(content()["heads"]).toEqual({ a: ["a2"] });
  // The second one lags: it has read an older log.
  await save(two, heads(["a", ["a1"]]), "a");
  expect(content()["heads"]).toEqual({ a: ["a2", "a1"] });
  await save(two, heads(["a", ["a3"]]), "a");
  expect(content()["heads"]).toEqual({ a: ["a3"] });
  for (let index = 0; index < 30; index += 1) {
    await save(await open(), heads(["a", [`b${index}`]]), "a");
    await save(index % 2 === 0 ? one : two, heads(["a", [`c${index}`]]), "a");
  }
  const kept = content()["heads"] as { a: string[] };
  expect(kept.a.length).toBeLessThanOrEqual(16);
  expect(kept.a.slice(-2)).toEqual(["b29", "c29"]);
});

test("many that write at once lose nothing, and nobody holds the file", async () => {
  const names = Array.from({ length: 12 }, (_, index) => `did${index}`);
  const all = await Promise.all(names.map(async () => open()));
  await Promise.all(all.map(async (memory, index) => save(memory, heads([`did${index}`, ["x"]]), `did${index}`)));
  expect(Object.keys(content()["heads"] as object).toSorted()).toEqual(names.toSorted());
  expect(existsSync(`${file()}.lock`)).toBe(false);
});

test("a lock is waited for, until the watch is asked to end, and no longer", async () => {
  const memory = await open();
  const unlock = await takeLock(`${file()}.lock`, user.owner, 0);
  let isSaved = false;
  const saving = save(memory, heads(["a", ["a1"]]), "a").then(() => (isSaved = true));
  const ended = new AbortController();
  const given = memory.save(heads(["a", ["a1"]]), () => true, ended.signal);
  ended.abort(new Error("asked to end"));
  await expect(given).rejects.toThrow();
  expect(isSaved).toBe(false);
  await unlock();
  await saving;
  expect(content()["heads"]).toEqual({ a: ["a1"] });
});

test("what is damaged meanwhile is put aside once, and what a run remembers stays", async () => {
  const [one, two] = [await open(), await open()];
  await save(one, heads(["a", ["a1"]]), "a");
  writeFileSync(file(), "[");
  await save(one, heads(["b", ["b1"]]), "b");
  expect(content()["heads"]).toEqual({ a: ["a1"], b: ["b1"] });
  expect(readFileSync(`${file()}.damaged`, "utf8")).toBe("[");
  // Removed by hand: it comes back with the next news.
  rmSync(file());
  await save(two, heads(["c", ["c1"]]), "c");
  expect(content()["heads"]).toEqual({ c: ["c1"] });
  writeFileSync(file(), "{");
  const three = await open();
  expect(three.lacks).toMatchObject({ code: "damaged" });
  await save(three, heads(["d", ["d1"]]), "d");
  expect(content()["heads"]).toEqual({ d: ["d1"] });
  // A file that was named may be anything, and is left as it is.
  const named = path.join(state, "named");
  writeFileSync(named, "dear diary", { mode: 0o600 });
  const four = await open(named);
  await save(four, heads(["e", ["e1"]]), "e");
  expect([four.heads.get("e"), readFileSync(named, "utf8")]).toEqual([["e1"], "dear diary"]);
});
