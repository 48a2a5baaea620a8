/** A whole archive is removed: where that is interrupted, it is whole, or it is none any more, and goes to its end. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { archivesIn } from "../../src/archive/archives.ts";
import { eraseArchive, findErasing, finishErasing } from "../../src/archive/gone/erase-archive.ts";
import { judgeGone } from "../../src/archive/gone/judge-gone.ts";
import { parseSpan } from "../../src/archive/keep-rules.ts";
import { archiveName, lockFile } from "../../src/archive/layout.ts";
import { readableManifests } from "../../src/archive/manifest.ts";
import { isWebDid } from "../../src/identity/names.ts";
import { thisProcess } from "../../src/services/disk/lock-owner.ts";
import { openServices } from "../../src/services/open.ts";
import type * as PlainEntries from "../../src/services/disk/plain-entries.ts";
import { Fleet, type FleetAccount } from "../bench/fleet.ts";
import { contentOf, wrongIn } from "../faults/stored-archive.ts";

/** Where a run dies: before the archive has its other name, or with so much of it removed. */
let death: "before" | "in the middle" | undefined;

vi.mock("../../src/services/disk/plain-entries.ts", async (original) => {
  const { renameFolder, removeWithContent, ...rest } = await original<typeof PlainEntries>();
  return {
    ...rest,
    renameFolder: async (from: string, to: string) => {
      if (death === "before") {
        throw new Error("dead");
      }
      return renameFolder(from, to);
    },
    removeWithContent: async (path: string) => {
      if (death === "in the middle") {
        // What goes first is up to the system.
        await rm(join(path, "decamp.json"));
        await rm(join(path, "blobs"), { recursive: true });
        throw new Error("dead");
      }
      await removeWithContent(path);
    },
  };
});

let top = "";
let folder = "";
let fleet: Fleet;
const accounts: FleetAccount[] = [];
beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), "decamp-erase-"));
  fleet = await Fleet.create("https://pds.example.com", { records: 2, blobs: 2, blobSize: 100 });
  accounts.push(await fleet.account(0), await fleet.account(1));
});
afterAll(async () => rm(top, { recursive: true }));
beforeEach(async () => {
  death = undefined;
  folder = await mkdtemp(join(top, "archives-"));
  accounts.forEach((account) => fleet.writeArchive(folder, account));
});

const pathOf = (index: number): string => join(folder, archiveName(accounts[index]!.did));
const newestOf = async (path: string): Promise<string> => (await readableManifests(path)).at(-1)?.snapshot ?? "";
/** @param newest as it was when the account was judged; as it is now unless given */
const erase = async (index: number, newest?: string): Promise<void> =>
  eraseArchive(pathOf(index), newest ?? (await newestOf(pathOf(index))), thisProcess(), Date.now());
async function archives(): Promise<string[]> {
  const found: string[] = [];
  for await (const path of archivesIn(folder)) {
    found.push(path);
  }
  return found.sort();
}

test.each([239, 247, 248, 253])(
  "a did:web with a host of %i letters has an archive, which can be removed",
  async (letters) => {
    const host = `${`${"a".repeat(49)}.`.repeat(5)}com`.padStart(letters, "b").slice(-letters);
    const did = `did:web:${host}`;
    expect(isWebDid(did)).toBe(true);
    const path = join(folder, archiveName(did));
    const other = join(folder, archiveName(did.replace(/m$/, "n")));
    await rename(pathOf(0), path);
    await rename(pathOf(1), other);
    expect(await archives()).toEqual([path, other].sort());
    death = "in the middle";
    await expect(eraseArchive(path, await newestOf(path), thisProcess(), Date.now())).rejects.toThrow("dead");
    expect(await archives()).toEqual([other]);
    death = undefined;
    expect(await finishErasing(folder)).toHaveLength(1);
    expect(await readdir(folder)).toEqual([archiveName(did.replace(/m$/, "n"))]);
  },
);

test("nothing is left of it, and all of every other one", async () => {
  const other = await contentOf(pathOf(1));
  await erase(0);
  expect(await readdir(folder)).toEqual([archiveName(accounts[1]!.did)]);
  expect(await contentOf(pathOf(1))).toEqual(other);
});

test("a run that dies before it begins leaves the whole archive", async () => {
  const before = await contentOf(pathOf(0));
  death = "before";
  await expect(erase(0)).rejects.toThrow("dead");
  expect(await contentOf(pathOf(0))).toEqual(before);
  expect(await wrongIn(pathOf(0))).toEqual([]);
  expect(await findErasing(folder)).toEqual([]);
});

test("a run that dies in the middle leaves no archive, and what is left goes with the next run", async () => {
  death = "in the middle";
  await expect(erase(0)).rejects.toThrow("dead");
  expect(await archives()).toEqual([pathOf(1)]);
  // The account may have come back meanwhile.
  fleet.writeArchive(folder, accounts[0]!);
  death = undefined;
  expect(await finishErasing(folder)).toEqual([{ archive: archiveName(accounts[0]!.did) }]);
  expect(await archives()).toEqual([pathOf(0), pathOf(1)].sort());
  expect(await wrongIn(pathOf(0))).toEqual([]);
  expect(await readdir(folder)).toHaveLength(2);
});

test("what is only called as if it were being removed stays: a link, a file, a folder with something of others", async () => {
  const named = (name: string): string => join(folder, `removing-did-plc-${name}`);
  await symlink(pathOf(1), named("link"));
  await writeFile(named("file"), "mine");
  await mkdir(named("folder"));
  await writeFile(join(named("folder"), "notes.txt"), "mine");
  expect(await finishErasing(folder)).toMatchObject([{ archive: "did-plc-folder", error: { code: "refused" } }]);
  expect(await readdir(folder)).toHaveLength(5);
  expect(await wrongIn(pathOf(1))).toEqual([]);
});

const foreign: readonly (readonly [string, (archive: string) => Promise<unknown>])[] = [
  ["a file beside the snapshots", async (archive) => writeFile(join(archive, "notes.txt"), "mine")],
  ["a folder of another name", async (archive) => mkdir(join(archive, "snapshots", "mine"))],
  ["a file among the blobs", async (archive) => writeFile(join(archive, "blobs", "mine"), "mine")],
  ["a folder called like a file of ours", async (archive) => mkdir(join(archive, "incoming.car.part"))],
  ["a file called like a folder of ours", async (archive) => writeFile(join(archive, "held"), "mine")],
  ["a link in the place of a folder", async (archive) => symlink(join(archive, "decamp.json"), join(archive, "held"))],
  [
    "a file in a snapshot",
    async (archive) => {
      const [name = ""] = await readdir(join(archive, "snapshots"));
      await writeFile(join(archive, "snapshots", name, "mine.json"), "{}");
    },
  ],
];

test.each(foreign)("%s is somebody else's, and nothing of the archive goes", async (_, put) => {
  await put(pathOf(0));
  const before = await contentOf(pathOf(0));
  await expect(erase(0)).rejects.toMatchObject({ code: "refused" });
  expect(await contentOf(pathOf(0))).toEqual(before);
  expect(existsSync(lockFile(pathOf(0)))).toBe(false);
});

test("an archive that has got a snapshot since its account was judged stays", async () => {
  const before = await contentOf(pathOf(0));
  await expect(erase(0, "2222222222222")).rejects.toMatchObject({ code: "refused" });
  expect(await contentOf(pathOf(0))).toEqual(before);
  expect(await readdir(folder)).toHaveLength(2);
});

test("an archive on which a run is at work stays", async () => {
  const lock = { pid: 1, host: hostname(), since: new Date().toISOString(), token: "0".repeat(16) };
  await writeFile(lockFile(pathOf(0)), JSON.stringify(lock));
  await expect(erase(0)).rejects.toMatchObject({ code: "locked" });
  expect(await archives()).toHaveLength(2);
});

/** What nights have left: by the name of the file, when it ended and since when it misses the first account. */
async function judged(nights: Record<string, { at?: number; since?: number }>): Promise<"asks" | number> {
  for (const [name, { at, since }] of Object.entries(nights)) {
    const gone = since === undefined ? {} : { [accounts[0]!.did]: since };
    const memory = { type: "decamp night", format: 1, server: "https://pds.example.com", half: 0, moved: {}, at, gone };
    await writeFile(join(folder, name), JSON.stringify(memory));
  }
  const services = openServices({ stateDir: join(top, "state") });
  const asked = new Error("the server is asked");
  const openPds = (): never => {
    throw asked;
  };
  try {
    const { younger } = await judgeGone(
      folder,
      parseSpan("30d")!,
      { ...services, openPds },
      new AbortController().signal,
    );
    return younger;
  } catch (error) {
    if (error !== asked) {
      throw error;
    }
    return "asks";
  } finally {
    services.close();
  }
}

test("of what nights say of an account the newest one counts, and one that says it has gone for long enough asks", async () => {
  const day = 86_400_000;
  const now = Date.now();
  const [long, short] = [now - 31 * day, now - 29 * day];
  const part = [0, 1].map((index) => `night-${index}-of-2.json`);
  expect(await judged({ "night.json": { at: now, since: long } })).toBe("asks");
  expect(await judged({ "night.json": { at: now, since: short } })).toBe(1);
  expect(await judged({ "night.json": { at: now, since: now + day } })).toBe(1);
  // It was there again when all parts were one.
  for (const name of part) {
    expect(await judged({ "night.json": { at: now }, [name]: { at: long, since: long } })).toBe(0);
    await rm(join(folder, name));
  }
  // Only the part to which the account belongs says something of it.
  await rm(join(folder, "night.json"));
  const each = [];
  for (const name of part) {
    each.push(await judged({ [name]: { at: now, since: long } }));
    await rm(join(folder, name));
  }
  expect(new Set(each)).toEqual(new Set([0, "asks"]));
  // Of versions that did not remember it.
  await expect(judged({ "night.json": { since: long } })).rejects.toMatchObject({ code: "unreadable-file" });
});
