/** Whether an archive is left alone because a list names its head: only if all of it lies on the disk. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keptAsListed } from "../../src/archive/export/as-listed.ts";
import { isInTurn, partInTurn } from "../../src/archive/state/shard.ts";
import { archiveName } from "../../src/archive/layout.ts";
import { Fleet, type FleetAccount } from "../bench/fleet.ts";

const origin = "https://pds.example.com";
const fleet = await Fleet.create(origin, { records: 2, blobs: 2, blobSize: 50 });
const account: FleetAccount = await fleet.account(0);
let archive = "";
beforeEach(() => {
  const folder = mkdtempSync(path.join(tmpdir(), "decamp-listed-"));
  archive = path.join(folder, archiveName(account.did));
  fleet.writeArchive(folder, account);
});
afterEach(() => rmSync(path.dirname(archive), { recursive: true }));

const { did, commit: head, rev } = account;
const kept = (stated: object = {}): string | undefined =>
  keptAsListed(archive, did, origin, { did, head, rev, active: true, status: undefined, ...stated })?.snapshot;

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
  expect(keptAsListed(archive, did, "https://other.example.com", { did, head, rev, active: true })).toBeUndefined();
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

test("other content in the same size is for the turns: in 200 days each account has one, and about one in a hundred each day", () => {
  const first = Date.UTC(2026, 10, 30);
  const days = Array.from({ length: 200 }, (_, day) => first + day * 86_400_000);
  const dids = Array.from({ length: 500 }, (_, index) => `did:plc:${String(index).padStart(24, "a")}`);
  const turns = dids.map((one) => days.filter((day) => isInTurn(one, 100, day)));
  expect(turns.every((own) => own.length > 0)).toBe(true);
  const each = days.map((day) => dids.filter((one) => isInTurn(one, 100, day)).length);
  expect(Math.max(...each)).toBeLessThan(20);
});

// How often somebody looks, and after how many looks for each part all parts were seen, at the most.
test.each<[string, number, (look: number) => number]>([
  ["day", 2, (look) => look],
  ["second day", 7, (look) => 2 * look],
  ["third day", 7, (look) => 3 * look],
  ["week", 7, (look) => 7 * look],
  ["two weeks", 7, (look) => 14 * look],
  ["month", 7, (look) => Date.UTC(2026, look, 1) / 86_400_000 - 20_454],
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
        seen.add(partInTurn(parts, (20_454 + at) * 86_400_000));
      }
      if (seen.size < parts) {
        slow.push(`${parts} parts from ${begun} on`);
      }
    }
  }
  expect(slow).toEqual([]);
});
