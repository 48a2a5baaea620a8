/** Whether an archive is left alone because a list names its head: only if all of it lies on the disk. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keptAsListed } from "../../src/archive/night/as-listed.ts";
import { Night } from "../../src/archive/night/night.ts";
import { isInTurn, numberIn, partInTurn } from "../../src/archive/state/shard.ts";
import { archiveName } from "../../src/archive/layout.ts";
import { readableManifests } from "../../src/archive/manifest.ts";
import { DecampError } from "../../src/errors.ts";
import { forever, logServices } from "../account/support.ts";
import { Fleet, type FleetAccount } from "../bench/fleet.ts";
import { auditLog, signed, testCid, testKey, type TestEntry } from "../tools/plc.ts";
import { cids, exportNow, revOf, withPictures, world } from "./nightly.ts";

const origin = "https://pds.example.com";
// As many blobs as are all looked at, each time.
const fleet = await Fleet.create(origin, { records: 2, blobs: 8, blobSize: 50 });
const account: FleetAccount = await fleet.account(0);
const day = 86_400_000;
const now = Date.UTC(2026, 10, 30);
let archive = "";
beforeEach(() => {
  const folder = mkdtempSync(path.join(tmpdir(), "decamp-listed-"));
  archive = path.join(folder, archiveName(account.did));
  fleet.writeArchive(folder, account);
});
afterEach(() => rmSync(path.dirname(archive), { recursive: true }));

const { did, commit: head, rev } = account;
const kept = (stated: object = {}): string | undefined =>
  keptAsListed(archive, did, origin, { did, head, rev, active: true, status: undefined, ...stated }, now)?.snapshot;

/** What an archive holds of the account, by its path in the archive. */
const parts = [
  ...["repo.car", "plc-log.json", "did.json", "manifest.json"].map((name) => path.join("snapshots", rev, name)),
  ...account.blobs.map((cid) => path.join("blobs", cid.slice(-2), cid)),
];

test("a whole archive with that head is left alone, and one with another head is not", () => {
  const files = readdirSync(archive, { recursive: true, encoding: "utf8" });
  expect(parts.filter((name) => !files.includes(name))).toEqual([]);
  expect(kept()).toBe(rev);
  expect(kept({ head: account.data })).toBeUndefined();
  expect(kept({ rev: "3zzzzzzzzzzz2" })).toBeUndefined();
  expect(
    keptAsListed(archive, did, "https://other.example.com", { did, head, rev, active: true }, now),
  ).toBeUndefined();
});

test("an archive from another address of its server is of the address that is asked, after one night", async () => {
  const own = path.join(path.dirname(archive), "own");
  await using server = await world();
  await server.become(0, withPictures, cids);
  await exportNow(own, server, 0);
  const moved = { ...server, account: server.account, origin: server.origin.replace("127.0.0.1", "localhost") };
  expect(await exportNow(own, moved, 1)).toMatchObject({ mode: "unchanged" });
  const fromHere = { fromHere: true };
  const { manifest, mode, received } = await exportNow(own, moved, 1, fromHere);
  expect({ mode, received }).toEqual({ mode: "present", received: { repoBytes: 0, blobs: 0, blobBytes: 0 } });
  expect(await exportNow(own, moved, 2, fromHere)).toMatchObject({ mode: "unchanged" });
  expect([manifest.source, manifest.snapshot]).toEqual([moved.origin, `${revOf(0)}-2`]);
});

test.each(parts)("without %s an export looks", (name) => {
  rmSync(path.join(archive, name));
  expect(kept()).toBeUndefined();
});

test.each(parts)("with %s cut off, too", (name) => {
  const file = path.join(archive, name);
  truncateSync(file, statSync(file).size - 2);
  expect(kept()).toBeUndefined();
});

test.each(parts.filter((name) => !name.endsWith("manifest.json")))("and with a link or a folder for %s", (name) => {
  const file = path.join(archive, name);
  const content = readFileSync(file);
  const elsewhere = path.join(path.dirname(archive), "elsewhere");
  rmSync(file);
  writeFileSync(elsewhere, content);
  symlinkSync(elsewhere, file);
  expect(kept()).toBeUndefined();
  rmSync(file);
  mkdirSync(file);
  expect(kept()).toBeUndefined();
});

test("and with a link in the place of the snapshot", () => {
  const snapshot = path.join(archive, "snapshots", rev);
  const elsewhere = path.join(path.dirname(archive), "elsewhere");
  renameSync(snapshot, elsewhere);
  symlinkSync(elsewhere, snapshot);
  expect(kept()).toBeUndefined();
});

test.each(["repo.car", "did.json", "plc-log.json"])("and with a manifest that leaves out %s", (name) => {
  const file = path.join(archive, "snapshots", rev, "manifest.json");
  const { files, ...rest } = JSON.parse(readFileSync(file, "utf8")) as { files: Record<string, unknown> };
  const { [name]: _, ...others } = files;
  writeFileSync(file, JSON.stringify({ ...rest, files: others }));
  expect(kept()).toBeUndefined();
});

describe("of an account with many blobs", async () => {
  const large = await (await Fleet.create(origin, { records: 2, blobs: 12, blobSize: 50 })).account(1);
  const stated = { did: large.did, head: large.commit, rev: large.rev, active: true };
  const write = (): string => {
    const folder = path.dirname(archive);
    fleet.writeArchive(folder, large);
    return path.join(folder, archiveName(large.did));
  };
  /** In which of these looks, counted from 1, it is noticed that something is wrong; 0 if in none. */
  const noticed = (folder: string, first: number, days: number, looks: number): number =>
    Array.from({ length: looks }, (_, look) => first + look * days * day).findIndex(
      (at) => keptAsListed(folder, large.did, origin, stated, at) === undefined,
    ) + 1;
  const firsts = Array.from({ length: 20 }, (_, index) => now + index * day);

  test.each([
    [1, 5],
    [7, 4],
  ])("who looks every %i days finds each blob that is gone or cut off within %i looks", (days, most) => {
    const folder = write();
    expect(noticed(folder, now, days, most)).toBe(0);
    for (const cid of large.blobs) {
      const file = path.join(folder, "blobs", cid.slice(-2), cid);
      const content = readFileSync(file);
      rmSync(file);
      const gone = firsts.map((first) => noticed(folder, first, days, most));
      writeFileSync(file, content.subarray(1));
      const cutOff = firsts.map((first) => noticed(folder, first, days, most));
      writeFileSync(file, content);
      expect(gone).not.toContain(0);
      expect(cutOff).toEqual(gone);
    }
  });

  test("where several are gone, the first look finds it", () => {
    const folder = write();
    large.blobs.slice(0, 6).forEach((cid) => rmSync(path.join(folder, "blobs", cid.slice(-2), cid)));
    expect(firsts.map((first) => noticed(folder, first, 1, 1))).not.toContain(0);
  });
});

test("other content in the same size is for the turns: in 200 days each account has one, and about one in a hundred each day", () => {
  const days = Array.from({ length: 200 }, (_, index) => now + index * day);
  const dids = Array.from({ length: 500 }, (_, index) => `did:plc:${String(index).padStart(24, "a")}`);
  const turns = dids.map((one) => days.filter((at) => isInTurn(one, 100, at)));
  expect(turns.every((own) => own.length > 0)).toBe(true);
  const each = days.map((at) => dids.filter((one) => isInTurn(one, 100, at)).length);
  expect(Math.max(...each)).toBeLessThan(20);
});

// How often somebody looks, and after how many looks for each part all parts were seen, at the most.
test.each<[string, number, (look: number) => number]>([
  ["day", 2, (look) => look],
  ["second day", 7, (look) => 2 * look],
  ["third day", 7, (look) => 3 * look],
  ["week", 7, (look) => 7 * look],
  ["two weeks", 7, (look) => 14 * look],
  ["month", 7, (look) => Date.UTC(2026, look, 1) / day - 20_454],
  ...Array.from({ length: 31 }, (_, index): [string, number, (look: number) => number] => [
    `${index + 1} days`,
    18,
    (look) => (index + 1) * look,
  ]),
])("who looks every %s sees all parts in %i times as many looks", (_, most, dayOf) => {
  const slow: string[] = [];
  for (const parts of [2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 20, 25, 28, 29, 30, 31, 50, 100]) {
    for (const begun of [0, 1, 17, 40, 99]) {
      const seen = new Set<number>();
      let looks = 0;
      for (; seen.size < parts && looks < most * parts; looks += 1) {
        // Months begin at a month, all else on any day.
        const at = _ === "month" ? dayOf(begun + looks) : begun + dayOf(looks);
        seen.add(partInTurn(parts, (20_454 + at) * day));
      }
      if (seen.size < parts) {
        slow.push(`${parts} parts from ${begun} on`);
      }
    }
  }
  expect(slow).toEqual([]);
});

test("an identity that has changed is not left alone after the directory was silent for a while", async () => {
  const folder = path.dirname(archive);
  const eight = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(async (index) => fleet.account(index)));
  // One whose identity is looked up in a first night.
  const looked = eight.find((one) => numberIn(one.did, 8, 6) % 2 === 0 && !isInTurn(one.did, 100, now))!;
  fleet.writeArchive(folder, looked);
  const [manifest] = await readableManifests(path.join(folder, archiveName(looked.did)));
  const [genesis] = looked.log as readonly [TestEntry];
  const next = { ...genesis.operation, alsoKnownAs: ["at://new.example.com"], prev: testCid(genesis.operation) };
  const changed = auditLog([genesis.operation, await signed(next, await testKey("fleet owner"))]);
  const kept = async (log: readonly TestEntry[]): Promise<unknown> => {
    const { services } = logServices([log]);
    const directory = { ...services.directory, silence: new DecampError("unreachable", "It did not answer.") };
    const all = { ...services, directory, now: () => now, clockOffset: () => 0 };
    const night = await Night.begin({ folder, origin, shard: undefined, services: all as never }, forever);
    const stated = { did: looked.did, head: looked.commit, rev: looked.rev, active: false, status: "deactivated" };
    return night.keptInactive(manifest!, stated, forever);
  };
  expect(await kept(looked.log)).toMatchObject({ mode: "unchanged" });
  expect(await kept(changed)).toBeUndefined();
});
