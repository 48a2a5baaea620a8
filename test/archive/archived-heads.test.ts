import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { readLog } from "../../src/account/read-log.ts";
import { comparedHeads } from "../../src/archive/export/compared-heads.ts";
import { archivedHeads, type ArchivedHeads } from "../../src/archive/night/archived-heads.ts";
import { archiveName, snapshotFile } from "../../src/archive/layout.ts";
import { createSeenHeads, type SeenHeads } from "../../src/services/disk/seen-heads.ts";
import { logServices } from "../account/support.ts";
import { Fleet, type FleetAccount } from "../bench/fleet.ts";
import { auditLog, operation, signed, testKey, type Content, type TestEntry } from "../tools/plc.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-archived-heads-"));
const seenAt = "2026-01-05T12:00:00.000Z";
let account: FleetAccount;
let state: SeenHeads;
let heads: ArchivedHeads;
let head = "";
let logFile = "";

beforeAll(async () => {
  const fleet = await Fleet.create("https://pds.example.com", { records: 1, blobs: 0, blobSize: 0 });
  const young = await fleet.account(0);
  const [{ operation: genesis, cid }] = young.log as [TestEntry];
  const { rotationKeys, verificationMethods, services } = genesis as Content;
  const content = { rotationKeys, verificationMethods, services, alsoKnownAs: ["at://renamed.example.com"] };
  const renamed = await signed(operation(cid, content), await testKey("fleet owner"));
  account = { ...young, log: auditLog([genesis, renamed]) };
  fleet.writeArchive(folder, account);
  head = account.log.at(-1)?.cid ?? "";
  logFile = snapshotFile(join(folder, archiveName(account.did)), account.rev, "log");
  state = createSeenHeads(join(folder, "state"));
  heads = archivedHeads(folder, state);
});
afterEach(() => rmSync(join(folder, "state"), { recursive: true, force: true }));
afterAll(() => rmSync(folder, { recursive: true }));

test("what was seen last is in the archive, and where is said", async () => {
  expect(await heads.recall(account.did)).toMatchObject({ did: account.did, cid: head, place: logFile });
});

test("a directory that holds back what the archive has is an alarm, with no state at all", async () => {
  const { services } = logServices([account.log.slice(0, 1)]);
  await expect(readLog({ ...services, heads }, account.did, new AbortController().signal)).rejects.toMatchObject({
    data: { rule: "plc/seen-head", cid: head },
    hint: expect.stringContaining(logFile) as string,
  });
});

test("so it is for one account, and what is seen is remembered at once", async () => {
  const compared = comparedHeads(() => join(folder, archiveName(account.did)), state);
  const { services } = logServices([account.log.slice(0, 1), account.log.slice(0, 1)]);
  const { signal } = new AbortController();
  await expect(readLog({ ...services, heads: compared }, account.did, signal)).rejects.toMatchObject({
    data: { rule: "plc/seen-head", cid: head },
  });
  await compared.remember({ did: account.did, cid: "bafyreinewer", seenAt });
  expect(await state.recall(account.did)).toEqual({ did: account.did, cid: "bafyreinewer", seenAt });
});

test("the archive of another account says nothing of this one", async () => {
  const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
  const compared = comparedHeads(() => join(folder, archiveName(account.did)), state);
  expect(await compared.recall(did)).toBeUndefined();
});

test("what is remembered counts where the archive has not got it yet", async () => {
  await state.remember({ did: account.did, cid: "bafyreinewer", seenAt });
  const both = { did: account.did, cid: "bafyreinewer", seenAt, besides: { cid: head, place: logFile } };
  expect(await heads.recall(account.did)).toMatchObject(both);
  // And not where it has more.
  await state.remember({ did: account.did, cid: account.log[0]?.cid ?? "", seenAt });
  expect(await heads.recall(account.did)).toMatchObject({ cid: head, place: logFile });
});

test("without an archive only what is remembered counts", async () => {
  const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
  expect(await heads.recall(did)).toBeUndefined();
  await state.remember({ did, cid: "bafyrei", seenAt });
  expect(await heads.recall(did)).toEqual({ did, cid: "bafyrei", seenAt });
});

test("a snapshot that is not finished, or has lost its manifest, leaves the one before it", async () => {
  const archive = join(folder, archiveName(account.did));
  const later = join(archive, "snapshots", "3zzzzzzzzzzzz");
  mkdirSync(later);
  expect(await heads.recall(account.did)).toMatchObject({ cid: head });
  writeFileSync(join(later, "manifest.json"), "{}");
  expect(await heads.recall(account.did)).toMatchObject({ cid: head });
  rmSync(later, { recursive: true });
});

test("a log that is not as it was written says nothing", async () => {
  const whole = readFileSync(logFile, "utf8");
  try {
    for (const damaged of [whole.replace(head, `${head.slice(0, -1)}q`), "", "{}", "[", "[null, 1]"]) {
      writeFileSync(logFile, damaged);
      expect(await heads.recall(account.did)).toBeUndefined();
    }
    rmSync(logFile);
    expect(await heads.recall(account.did)).toBeUndefined();
  } finally {
    writeFileSync(logFile, whole);
  }
});

test("what the archive has got is not written a second time, and what it has not got is", async () => {
  const seen = { did: account.did, cid: "bafyreinewer", seenAt };
  await heads.remember(seen);
  await heads.settle(account.did, true);
  expect(await state.recall(account.did)).toBeUndefined();
  await heads.settle(account.did, false);
  expect(await state.recall(account.did)).toBeUndefined();
  await heads.remember(seen);
  await heads.settle(account.did, false);
  expect(await state.recall(account.did)).toEqual(seen);
});
