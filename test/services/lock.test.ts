import { createHash } from "node:crypto";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isDecampError } from "../../src/errors.ts";
import { takeLock, withLock, type LockOwner } from "../../src/services/disk/lock.ts";

let folder = "";
let lock = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "decamp-lock-"));
  lock = path.join(folder, "lock");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** One of the processes of a machine, of which those with these numbers live. */
function process(pid: number, more: Partial<LockOwner> = {}, living: readonly number[] = []): LockOwner {
  return { pid, host: "here", boot: "boot-1", space: "pid:[1]", isAlive: (one) => living.includes(one), ...more };
}

const held = (...words: string[]): object => ({
  code: "locked",
  exitCode: 11,
  message: expect.stringMatching(/^Another run holds the lock \S+: process 7 on here, since /) as string,
  hint: expect.stringMatching(words.map((word) => `(?=.*${word})`).join("")) as string,
});

test("a run in another container is never taken for gone, whatever its number is here", async () => {
  const unlock = await takeLock(lock, process(7), 0);
  // Here nobody has the number 7.
  await expect(takeLock(lock, process(8, { space: "pid:[2]" }), 0)).rejects.toMatchObject(held("docker ps", lock));
  // Nor by whoever cannot see where he is.
  await expect(takeLock(lock, process(8, { space: undefined }), 0)).rejects.toMatchObject(held(lock));
  expect(JSON.parse(readFileSync(lock, "utf8"))).toMatchObject({ pid: 7, boot: "boot-1", space: "pid:[1]" });
  await unlock();
  expect(readdirSync(folder)).toEqual([]);
});

/** Another container, another machine, a machine that was started anew and has a disk that others have, too. */
const unseen: readonly (readonly [string, Partial<LockOwner>])[] = [
  ["in another container", { space: "pid:[2]" }],
  ["on another machine", { host: "there", boot: "boot-2" }],
  ["that cannot see where it is", { space: undefined }],
];

/** As if nobody had touched it for so many seconds. */
function age(file: string, seconds: number): void {
  const then = statSync(file).mtimeMs / 1000 - seconds;
  utimesSync(file, then, then);
}

const pass = (): void => undefined;

test.each(unseen)(
  "a lock that is touched while it is held is taken over %s once nobody touches it",
  async (_, where) => {
    const archive = path.join(folder, "archive");
    await takeLock(lock, process(7), 0, pass);
    await takeLock(archive, process(7), 0, pass);
    age(lock, 299);
    await expect(takeLock(lock, process(8, where), 0, pass)).rejects.toMatchObject(
      held("5 minutes", "run the same command again"),
    );
    age(lock, 2);
    const owner = process(8, where);
    const unlock = await takeLock(lock, owner, 0, pass);
    // Who was found gone once holds nothing else; but whoever has touched that later was only held up.
    await expect(takeLock(archive, owner, 0, pass)).rejects.toMatchObject(held("5 minutes"));
    age(archive, 280);
    const other = await takeLock(archive, owner, 0, pass);
    await expect(takeLock(archive, process(9, { host: "elsewhere" }), 0, pass)).rejects.toMatchObject({
      code: "locked",
    });
    await unlock();
    await other();
    expect(readdirSync(folder)).toEqual([]);
  },
);

test.each(unseen)("one of a journal is not, %s", async (_, where) => {
  await takeLock(lock, process(7), 0);
  age(lock, 1_000_000);
  await expect(takeLock(lock, process(8, where), 0)).rejects.toMatchObject(held(lock));
});

test("nor is one whose process is seen to live, such as one that is stopped", async () => {
  await takeLock(lock, process(7), 0, pass);
  age(lock, 1_000_000);
  await expect(takeLock(lock, process(8, {}, [7]), 0, pass)).rejects.toMatchObject(held(lock));
});

test("while it is held, it is touched", async () => {
  const during = { now: 0, signal: new AbortController().signal };
  await withLock(lock, process(7, { beat: 5 }), during, async () => {
    age(lock, 1000);
    const before = statSync(lock).mtimeMs;
    await expect.poll(() => statSync(lock).mtimeMs, { timeout: 20_000, interval: 5 }).toBeGreaterThan(before + 999_000);
    // The text is what it was.
    expect(JSON.parse(readFileSync(lock, "utf8"))).toMatchObject({ pid: 7, beat: 5 });
    await expect(takeLock(lock, process(8, { space: "pid:[2]" }), 0, pass)).rejects.toMatchObject({ code: "locked" });
  });
  expect(readdirSync(folder)).toEqual([]);
});

test("whoever slept, and whose lock is another's by now, stops, and leaves that one alone", async () => {
  const during = { now: 0, signal: new AbortController().signal };
  const work = withLock(lock, process(7, { beat: 5 }), during, async (signal) => {
    rmSync(lock);
    await takeLock(lock, process(8, { space: "pid:[2]" }), 0, pass);
    // It may have been noticed meanwhile.
    signal.throwIfAborted();
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  });
  await expect(work).rejects.toMatchObject({ code: "locked", exitCode: 11 });
  expect(JSON.parse(readFileSync(lock, "utf8"))).toMatchObject({ pid: 8 });
});

test.each([0, -5, 1e9, "15000", null])("a beat of %j is none", async (beat) => {
  writeFileSync(lock, JSON.stringify({ pid: 7, host: "there", since: "then", beat, token: "x" }));
  age(lock, 1e8);
  await expect(takeLock(lock, process(8), 0, pass)).rejects.toMatchObject({ code: "locked" });
});

test("what a run in another container left when it was killed while it took a lock over is taken over", async () => {
  const killed = { host: "here", boot: "boot-1", space: "pid:[1]", since: "then", beat: 15_000 };
  const text = JSON.stringify({ pid: 7, ...killed, token: "x" });
  const mark = `${lock}.${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
  const own = `${lock}.${"0".repeat(16)}`;
  writeFileSync(lock, text);
  for (const file of [mark, own]) {
    writeFileSync(file, JSON.stringify({ pid: 5, ...killed, token: "y" }));
  }
  [lock, mark, own].forEach((file) => age(file, 301));
  const unlock = await takeLock(lock, process(8, { space: "pid:[2]" }), 0, pass);
  expect(readdirSync(folder)).toEqual(["lock"]);
  await unlock();
});

test("one that ended in the same container is", async () => {
  await takeLock(lock, process(7), 0);
  const unlock = await takeLock(lock, process(8), 0);
  await expect(takeLock(lock, process(9, {}, [8]), 0)).rejects.toMatchObject({ code: "locked" });
  await unlock();
});

test.skipIf(globalThis.process.platform !== "linux")("and so is one from before the machine was started", async () => {
  await takeLock(lock, process(7), 0);
  // A process of the number lives, in this run of the machine.
  const unlock = await takeLock(lock, process(8, { boot: "boot-2", space: "pid:[2]" }, [7]), 0);
  await unlock();
});

test("a lock that says nothing of containers, as versions before wrote it, counts as before", async () => {
  const old = JSON.stringify({ pid: 7, host: "here", started: "boot-1 5", since: "then", token: "x" });
  writeFileSync(lock, old);
  await expect(takeLock(lock, process(8, {}, [7]), 0)).rejects.toMatchObject(held(lock));
  await (
    await takeLock(lock, process(8), 0)
  )();
});

test("a link in its place is not followed", async () => {
  writeFileSync(path.join(folder, "elsewhere"), "{}");
  symlinkSync(path.join(folder, "elsewhere"), lock);
  await expect(takeLock(lock, process(8), 0)).rejects.toMatchObject({ code: "unreadable-file" });
  expect(readFileSync(path.join(folder, "elsewhere"), "utf8")).toBe("{}");
});

test("one that a run was killed over while it took it over is taken over", async () => {
  const text = JSON.stringify({ pid: 7, host: "here", since: "then", token: "x" });
  writeFileSync(lock, text);
  // The mark that the killed run had put, and the one of whoever was killed over that.
  const markOf = (what: string): string => `${lock}.${createHash("sha256").update(what).digest("hex").slice(0, 16)}`;
  const mark = JSON.stringify({ pid: 5, host: "here", since: "then", token: "y" });
  writeFileSync(markOf(text), mark);
  writeFileSync(markOf(mark), JSON.stringify({ pid: 6, host: "here", since: "then", token: "z" }));
  const unlock = await takeLock(lock, process(8), 0);
  expect(readdirSync(folder)).toEqual(["lock"]);
  await unlock();
});

test("of many that find the lock of a dead run at once, one has it", async () => {
  for (let round = 0; round < 20; round += 1) {
    writeFileSync(lock, JSON.stringify({ pid: 7, host: "here", since: "then", token: String(round) }));
    const pids = Array.from({ length: 6 }, (_, index) => 10 + index);
    let having = 0;
    const ends = await Promise.allSettled(
      pids.map(async (pid) => {
        const unlock = await takeLock(lock, process(pid, {}, pids), 0);
        having += 1;
        expect(having).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 2));
        having -= 1;
        await unlock();
      }),
    );
    const others = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
    expect(others.filter((error) => !isDecampError(error, "locked"))).toEqual([]);
    expect(others.length).toBeLessThan(pids.length);
    expect(readdirSync(folder)).toEqual([]);
  }
});
