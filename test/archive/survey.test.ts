/** A folder of archives, looked over: every state that an archive can be in, and what is said of them together. */
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { archivesIn } from "../../src/archive/archives.ts";
import { archiveName } from "../../src/archive/layout.ts";
import { survey, type Survey } from "../../src/archive/state/survey.ts";
import { Fleet, type FleetAccount } from "../bench/fleet.ts";

const folder = mkdtempSync(path.join(tmpdir(), "decamp-survey-"));
const accounts: FleetAccount[] = [];
const { signal } = new AbortController();
const lockOwner = { pid: 1, host: "here", isAlive: () => false };

beforeAll(async () => {
  const fleet = await Fleet.create("https://pds.example.com", { records: 3, blobs: 2, blobSize: 100 });
  for (let index = 0; index < 4; index += 1) {
    const account = await fleet.account(index);
    accounts.push(account);
    fleet.writeArchive(folder, account);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const look = async (renewedSince?: number, onDisk = false): Promise<Survey> =>
  survey(folder, false, { renewedSince, onDisk, lockOwner, signal });
const archiveOf = (index: number): string => path.join(folder, archiveName(accounts[index]?.did ?? ""));
const manifestOf = (index: number): string =>
  path.join(archiveOf(index), "snapshots", accounts[index]?.rev ?? "", "manifest.json");
const change = (index: number, facts: object): void => {
  const manifest = JSON.parse(readFileSync(manifestOf(index), "utf8")) as object;
  writeFileSync(manifestOf(index), JSON.stringify({ ...manifest, ...facts }));
};

test("whole archives: how many, how old, how large", async () => {
  change(1, { createdAt: "2026-03-05T00:00:00.000Z" });
  change(2, { createdAt: "2026-03-03T00:00:00.000Z" });
  const seen = await look(Date.parse("2026-03-02T00:00:00.000Z"), true);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => path.join(folder, name));
  const stats = files.map((file) => ({ file, stat: lstatSync(file) }));
  const content = stats.filter(({ file }) => /\/(?:blobs\/..|snapshots\/\w+)\/(?!manifest)[^/]+$/.test(file));
  expect(seen).toMatchObject({
    archives: { total: 4, complete: 4, lackBlobs: 0, begun: 0, damaged: 0 },
    snapshots: 4,
    held: 0,
    records: 4 * 5,
    blobs: 4 * 2,
    bytes: content.reduce((sum, { stat }) => sum + stat.size, 0),
    diskBytes: stats.reduce((sum, { stat }) => sum + stat.blocks * 512, 0),
    oldest: { at: "2026-03-01T00:00:00.000Z" },
    medianAt: "2026-03-01T00:00:00.000Z",
    longestAgo: { at: "2026-03-01T00:00:00.000Z" },
    leftovers: { locks: 0, files: 0, snapshots: 0 },
  });
  expect(seen.notRenewed.count).toBe(2);
  expect(seen.notRenewed.first.map(({ archive }) => archive).toSorted()).toEqual(
    [archiveOf(0), archiveOf(3)].map((archive) => path.basename(archive)).toSorted(),
  );
});

test("what they lack, what cannot be read, and what killed runs have left", async () => {
  change(0, { missing: [{ cid: accounts[0]?.blobs[0], reason: "Blob not found", records: [] }] });
  mkdirSync(path.join(archiveOf(0), "held"));
  writeFileSync(path.join(archiveOf(0), "held", `${accounts[0]?.rev ?? ""}.json`), "{}");
  writeFileSync(manifestOf(1), "{");
  // A run that was killed: its lock, a file, and a snapshot that is newer than what is whole.
  const since = "2026-03-01T00:00:00.000Z";
  writeFileSync(
    path.join(archiveOf(2), "lock"),
    JSON.stringify({ pid: 2, host: "here", since, token: "0".repeat(16) }),
  );
  writeFileSync(path.join(archiveOf(2), "incoming.car.part"), "");
  mkdirSync(path.join(archiveOf(2), "snapshots", "3zzzzzzzzzzz2"));
  // The same of one that may be at work on another machine is nothing that was left.
  writeFileSync(
    path.join(archiveOf(3), "lock"),
    JSON.stringify({ pid: 2, host: "elsewhere", since, token: "0".repeat(16) }),
  );
  writeFileSync(path.join(archiveOf(3), "incoming.car.part"), "");
  mkdirSync(path.join(archiveOf(3), "snapshots", "3zzzzzzzzzzz2"));
  // One that was begun, a file where an archive should be, and one where its snapshots should be.
  mkdirSync(path.join(folder, `did-plc-${"a".repeat(24)}`));
  writeFileSync(path.join(folder, `did-plc-${"b".repeat(24)}`), "");
  mkdirSync(path.join(folder, `did-plc-${"c".repeat(24)}`));
  writeFileSync(path.join(folder, `did-plc-${"c".repeat(24)}`, "snapshots"), "");
  const seen = await look(Date.parse("2026-01-01T00:00:00.000Z"));
  expect(seen).toMatchObject({
    archives: { total: 7, complete: 2, lackBlobs: 1, begun: 1, damaged: 3 },
    snapshots: 6,
    held: 1,
    leftovers: { locks: 1, files: 1, snapshots: 1 },
  });
  const noArchives = ["b", "c"].map((letter) => `did-plc-${letter.repeat(24)}`);
  expect(seen.damaged.toSorted()).toEqual([path.basename(archiveOf(1)), ...noArchives].toSorted());
  // Without a snapshot that can be read, nobody knows that it was ever renewed.
  expect(seen.notRenewed.count).toBe(4);
  expect(seen).not.toHaveProperty("diskBytes");
});

test("it ends when it is told to", async () => {
  const stopped = AbortSignal.abort(new Error("stop"));
  await expect(survey(folder, false, { onDisk: false, lockOwner, signal: stopped })).rejects.toThrow("stop");
});

test("who goes over very many archives in place hears what happens meanwhile", async () => {
  const many = path.join(folder, "many");
  for (let index = 0; index < 200; index += 1) {
    const did = `did:plc:${String(index)
      .padStart(3, "0")
      .replaceAll(/[0-9]/g, (digit) => "abcdefghij"[Number(digit)] ?? "")}`;
    mkdirSync(path.join(many, archiveName(did.padEnd(32, "a"))), { recursive: true });
  }
  let [seen, isHeard] = [0, false];
  for await (const _ of archivesIn(many)) {
    if (seen === 0) {
      setImmediate(() => (isHeard = true));
    }
    seen += 1;
    if (isHeard) {
      break;
    }
  }
  expect(seen).toBeLessThan(100);
});
