import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { thisProcess } from "../../src/services/disk/lock-owner.ts";
import { AppendFile } from "../../src/services/disk/append-file.ts";
import { forEachConcurrent } from "../../src/services/concurrent.ts";
import { NewFile, readWhole, refuseExisting, writeNew, writeWhole } from "../../src/services/disk/files.ts";
import { takeLock } from "../../src/services/disk/lock.ts";
import { createNewFolder } from "../../src/services/disk/new-folder.ts";
import { holdsOnly } from "../../src/services/disk/plain-entries.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-files-"));
});
afterEach(async () => {
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true });
});

describe("a new file", () => {
  test("has its name only when it is kept", async () => {
    const target = path.join(folder, "deep", "file");
    const file = await NewFile.create(target);
    await file.write(Buffer.from("one "));
    await file.write(Buffer.from("two"));
    expect(await readdir(path.dirname(target))).toEqual(["file.part"]);
    expect(Buffer.from(file.digest())).toEqual(createHash("sha256").update("one two").digest());
    await file.keep();
    expect(await readFile(target, "utf8")).toBe("one two");
    expect((await stat(target)).mode & 0o777).toBe(0o600);
    expect((await stat(path.dirname(target))).mode & 0o777).toBe(0o700);
  });

  test("leaves nothing when it is discarded", async () => {
    const file = await NewFile.create(path.join(folder, "file"));
    await file.write(Buffer.from("x"));
    await file.discard();
    expect(await readdir(folder)).toEqual([]);
  });

  test("takes the place of what an interrupted run left, and of what was there", async () => {
    await writeFile(path.join(folder, "file.part"), "a longer piece of an earlier run");
    await writeFile(path.join(folder, "file"), "old");
    await writeWhole(path.join(folder, "file"), "new");
    expect(await readFile(path.join(folder, "file"), "utf8")).toBe("new");
    expect(await readdir(folder)).toEqual(["file"]);
  });

  test("is never what another run writes under its name, once that took this one for ended", async () => {
    const target = path.join(folder, "file");
    const first = await NewFile.create(target);
    const late = await NewFile.create(target);
    await first.write(Buffer.from("whole"));
    await late.write(Buffer.from("half a"));
    await expect(first.keep()).rejects.toMatchObject({ code: "locked" });
    await expect(first.place()).rejects.toMatchObject({ code: "locked" });
    await first.discard();
    expect(await readdir(folder)).toEqual(["file.part"]);
    await late.keep();
    expect(await readFile(target, "utf8")).toBe("half a");
  });

  test("what goes wrong is told, also where nothing can be removed after it", async () => {
    const there = path.join(folder, "there");
    const file = await NewFile.create(path.join(there, "file"));
    const made = await createNewFolder(path.join(there, "folder"));
    await rename(there, path.join(folder, "elsewhere"));
    await writeFile(there, "a file in the place of the folder");
    await expect(file.keep()).rejects.toMatchObject({ code: "usage" });
    await expect(file.discard()).resolves.toBeUndefined();
    await expect(made.write("a", "x")).rejects.toMatchObject({ code: "usage" });
    await expect(made.discard()).resolves.toBeUndefined();
  });

  test("a place that is not to be had is an error that names it", async () => {
    await writeFile(path.join(folder, "no-folder"), "");
    const target = path.join(folder, "no-folder", "file");
    await expect(writeWhole(target, "x")).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining(target) as string,
    });
    const beside = `${path.join(folder, "file")}.part`;
    await mkdir(beside);
    const message = `${beside} cannot be used: it is a folder.`;
    await expect(writeWhole(path.join(folder, "file"), "x")).rejects.toMatchObject({ code: "storage", message });
  });
});

describe("a file that must not exist yet", () => {
  test("is for its owner alone", async () => {
    const target = path.join(folder, "key");
    await writeNew(target, "one");
    expect(await readFile(target, "utf8")).toBe("one");
    expect((await stat(target)).mode & 0o777).toBe(0o600);
  });

  test("is never written over or through what is there", async () => {
    const taken = path.join(folder, "taken");
    await writeFile(taken, "precious");
    const elsewhere = path.join(folder, "elsewhere");
    await symlink(elsewhere, path.join(folder, "link"));
    for (const target of [taken, path.join(folder, "link")]) {
      const refused = { code: "refused", message: expect.stringContaining(target) as string };
      await expect(writeNew(target, "x")).rejects.toMatchObject(refused);
      await expect(refuseExisting(target)).rejects.toMatchObject(refused);
    }
    expect(await readFile(taken, "utf8")).toBe("precious");
    expect((await readdir(folder)).sort()).toEqual(["link", "taken"]);
    await expect(refuseExisting(elsewhere)).resolves.toBeUndefined();
  });
});

test("there is nothing to read where there is nothing", async () => {
  expect(await readWhole(path.join(folder, "nothing"))).toBeUndefined();
});

test("a path that leads nowhere is bad input, and no matter of the disk", async () => {
  const file = path.join(folder, "a-file");
  await writeFile(file, "x");
  const below = path.join(file, "b", "c");
  const what = { code: "usage", exitCode: 2, hint: "Check the path." };
  const wrong = { ...what, message: `${below} cannot be used: ${file} is a file, and no folder.` };
  await expect(readWhole(below)).rejects.toMatchObject(wrong);
  await expect(refuseExisting(below)).rejects.toMatchObject(wrong);
  await expect(writeNew(below, "x")).rejects.toMatchObject(wrong);
  await expect(writeWhole(below, "x")).rejects.toMatchObject(wrong);
  const long = path.join(folder, "x".repeat(5000));
  const tooLong = { ...what, message: `${long.slice(0, 300)}… cannot be used: a name in it is too long.` };
  await expect(readWhole(long)).rejects.toMatchObject(tooLong);
  await expect(writeNew(long, "x")).rejects.toMatchObject(tooLong);
  const circle = path.join(folder, "circle");
  await symlink(circle, circle);
  await expect(readWhole(circle)).rejects.toMatchObject({
    ...what,
    message: expect.stringContaining("circle") as string,
  });
  await symlink(path.join(folder, "not-mounted"), path.join(folder, "disk"));
  const there = path.join(folder, "disk", "archives", "one");
  const noFolder = { ...what, message: `${there} cannot be used: a part of the path is not a folder.` };
  await expect(writeWhole(there, "x")).rejects.toMatchObject(noFolder);
});

test("whether a folder holds only such things is known at the first that is none", async () => {
  const at = path.join(folder, "of-many");
  expect(await holdsOnly(at, () => false)).toBe(true);
  await mkdir(path.join(at, "deep"), { recursive: true });
  expect(await holdsOnly(at, ({ name, kind }) => name === "deep" && kind === "folder")).toBe(true);
  for (const name of ["a", "b", "c"]) {
    await writeFile(path.join(at, name), "");
  }
  const seen: string[] = [];
  expect(await holdsOnly(at, ({ name }) => seen.push(name) === 0)).toBe(false);
  expect(seen).toHaveLength(1);
  await expect(holdsOnly(path.join(at, "a"), () => true)).rejects.toMatchObject({ data: { reason: "ENOTDIR" } });
});

test("an append file keeps what it had", async () => {
  const target = path.join(folder, "log");
  for (const line of ["one", "two"]) {
    const file = await AppendFile.open(target);
    await file.append(line);
    await file.close();
  }
  expect(await readFile(target, "utf8")).toBe("one\ntwo\n");
});

function lockText(pid: number, host = "here"): string {
  return JSON.stringify({ pid, host, since: "then", token: "x" });
}

/** A name as runs give it while they take the lock. */
const named = (letter: string): string => `lock.${letter.repeat(16)}`;

describe("the lock", () => {
  const living = { pid: 1, host: "here", isAlive: () => true };
  const dead = { pid: 2, host: "here", isAlive: () => false };

  test("is held by one run, and given back", async () => {
    const target = path.join(folder, "x", "lock");
    const unlock = await takeLock(target, living, 0);
    await expect(takeLock(target, living, 0)).rejects.toMatchObject({ code: "locked", exitCode: 11 });
    await unlock();
    await (
      await takeLock(target, living, 0)
    )();
  });

  test("of a process that is gone is taken over", async () => {
    const target = path.join(folder, "lock");
    await takeLock(target, living, 0);
    const unlock = await takeLock(target, dead, 0);
    expect(JSON.parse(await readFile(target, "utf8"))).toMatchObject({ pid: 2 });
    await unlock();
  });

  test.skipIf(process.platform !== "linux")("of a process whose number another one has by now, too", async () => {
    const target = path.join(folder, "lock");
    const self = thisProcess();
    const { pid, host } = self;
    await takeLock(target, self, 0);
    await expect(takeLock(target, self, 0)).rejects.toMatchObject({ code: "locked" });
    // Before the machine, or the container, was started anew.
    await writeFile(target, JSON.stringify({ pid, host, started: "earlier", since: "then", token: "x" }));
    const unlock = await takeLock(target, self, 0);
    await unlock();
    // As an older version writes it.
    await writeFile(target, lockText(pid, host));
    await expect(takeLock(target, self, 0)).rejects.toMatchObject({ code: "locked" });
  });

  test("of another machine is not", async () => {
    const target = path.join(folder, "lock");
    await takeLock(target, { ...living, host: "there" }, 0);
    await expect(takeLock(target, dead, 0)).rejects.toMatchObject({ code: "locked" });
  });

  test("that was cut off in the middle of writing is nobody's", async () => {
    const target = path.join(folder, "lock");
    await mkdir(folder, { recursive: true });
    await writeFile(target, '{"pid":');
    await (
      await takeLock(target, living, 0)
    )();
  });

  test("takes away what runs have left beside it that died while they took it, and nothing else", async () => {
    const target = path.join(folder, "lock");
    await writeFile(path.join(folder, named("a")), lockText(1));
    await writeFile(path.join(folder, `${named("b")}.old`), lockText(1));
    await writeFile(path.join(folder, named("c")), "");
    await writeFile(path.join(folder, named("d")), lockText(2));
    await writeFile(path.join(folder, named("e")), lockText(1, "there"));
    for (const name of ["lock.pdf", "lock.", "locks"]) {
      await writeFile(path.join(folder, name), "");
    }
    const unlock = await takeLock(target, { pid: 3, host: "here", isAlive: (pid) => pid !== 1 }, 0);
    const others = ["lock.", named("d"), named("e"), "lock.pdf", "locks"];
    expect((await readdir(folder)).sort()).toEqual(["lock", ...others]);
    await unlock();
  });

  test("that is a file of something else is not taken over", async () => {
    const target = path.join(folder, "lock");
    for (const text of ["notes", "{}", "[]"]) {
      await writeFile(target, text);
      await expect(takeLock(target, living, 0)).rejects.toMatchObject({ code: "refused" });
      expect(await readFile(target, "utf8")).toBe(text);
    }
    // What a crash of the machine leaves.
    await writeFile(target, new Uint8Array(40));
    await (
      await takeLock(target, living, 0)
    )();
  });
});

async function* broken(): AsyncGenerator<number> {
  yield 1;
  await Promise.resolve();
  throw new Error("the list");
}

describe("many at once", () => {
  const never = new AbortController().signal;

  test("never more than the limit, and every item once", async () => {
    let running = 0;
    let most = 0;
    const seen: number[] = [];
    await forEachConcurrent(Array.from({ length: 50 }).keys(), 4, never, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen.push(item);
      running -= 1;
    });
    expect(most).toBe(4);
    expect(seen.sort((a, b) => a - b)).toEqual([...Array.from({ length: 50 }).keys()]);
  });

  test("the first failure stops the rest and is thrown", async () => {
    const seen: number[] = [];
    const work = async (item: number): Promise<void> => {
      seen.push(item);
      await Promise.resolve();
      if (item === 3) {
        throw new Error("three");
      }
    };
    await expect(forEachConcurrent(Array.from({ length: 1000 }).keys(), 2, never, work)).rejects.toThrow("three");
    expect(seen.length).toBeLessThan(20);
  });

  test("an abort is thrown", async () => {
    const controller = new AbortController();
    const work = async (): Promise<void> => {
      controller.abort(new Error("stop"));
      await Promise.resolve();
    };
    await expect(forEachConcurrent([1, 2, 3], 1, controller.signal, work)).rejects.toThrow("stop");
  });

  test("a list that fails is a failure", async () => {
    await expect(forEachConcurrent(broken(), 3, never, async () => Promise.resolve())).rejects.toThrow("the list");
  });
});
