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
import { isInTurn } from "../../src/archive/state/shard.ts";
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

test("other content in the same size is for the turns: in 100 days each account has one, and each has another day", () => {
  const first = Date.UTC(2026, 10, 30);
  const days = Array.from({ length: 100 }, (_, day) => first + day * 86_400_000);
  const dids = Array.from({ length: 500 }, (_, index) => `did:plc:${String(index).padStart(24, "a")}`);
  const turns = dids.map((one) => days.filter((day) => isInTurn(one, 100, day)));
  expect(turns.every((own) => own.length === 1)).toBe(true);
  expect(new Set(turns.flat()).size).toBeGreaterThan(90);
});
