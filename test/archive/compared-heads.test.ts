/** The log in an archive, compared with the one that an export is about to write there. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readLog } from "../../src/account/read-log.ts";
import { comparedHeads } from "../../src/archive/export/compared-heads.ts";
import { exportAccount } from "../../src/archive/export/export-account.ts";
import { exportOptions } from "../../src/archive/export/export-options.ts";
import { snapshotFile } from "../../src/archive/layout.ts";
import { proveLog } from "../../src/plc/log.ts";
import type { Pds } from "../../src/services/servers/pds.ts";
import { forever, logServices } from "../account/support.ts";
import { archiveWithLog, did, key } from "../cli/support/archive.ts";
import { testRev } from "../repo/tools/account.ts";
import { auditLog, hour, operation, signed, testCid, testKey, type Json, type TestEntry } from "../tools/plc.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-compared-heads-"));
afterAll(() => rmSync(folder, { recursive: true }));

const user = await testKey("user");
const own = { rotationKeys: [key.did], verificationMethods: { atproto: key.did } };
const genesis = await signed(operation(null, own), key);
const withKey = await signed(operation(testCid(genesis), { ...own, rotationKeys: [user.did, key.did] }), key);
const renamed = await signed(
  operation(testCid(withKey), { ...own, rotationKeys: [user.did, key.did], alsoKnownAs: ["at://new.example.com"] }),
  key,
);
/** Instead of the one before: the key that stands first nullifies it. */
const takenBack = await signed(operation(testCid(withKey), { ...own, rotationKeys: [user.did] }), user);
/** Without what the archive has, and with something else in its place. */
const besides = await signed(operation(testCid(genesis), { ...own, alsoKnownAs: ["at://other.example.com"] }), key);

const services = {
  now: () => Date.UTC(2026, 0, 6),
  sleep: async () => Promise.resolve(),
  writtenBy: "test",
  lockOwner: { pid: process.pid, host: "here", isAlive: () => true },
};

/** The library's export of a log. The server has nothing to say, but that it was asked. */
async function exported(archive: string, raw: readonly TestEntry[]): Promise<unknown> {
  const asked = new Error("the server was asked");
  const pds = new Proxy({} as Pds, { get: () => async () => Promise.reject(asked) });
  const log = { verified: await proveLog(did, raw, { signal: forever }), raw };
  const source = { did, pds, signingKeys: [key.did], log, document: async () => Promise.reject(asked) };
  return exportAccount(archive, source, exportOptions(services, { signal: forever }));
}

const filesOf = (archive: string): string[] => readdirSync(archive, { recursive: true, encoding: "utf8" }).sort();

test("an archive gets no successor without an operation that it has, whoever has read the log", async () => {
  const archive = archiveWithLog(folder, [genesis, withKey]);
  const before = filesOf(archive);
  for (const raw of [auditLog([genesis]), auditLog([genesis, besides])]) {
    await expect(exported(archive, raw)).rejects.toMatchObject({
      code: "identity-invalid",
      hint: expect.stringContaining(snapshotFile(archive, testRev, "log")) as string,
      data: { rule: "plc/seen-head", cid: testCid(withKey), did },
    });
  }
  expect(filesOf(archive)).toEqual(before);
});

const goingOn: readonly (readonly [string, readonly Json[], TestEntry[]])[] = [
  ["the same", [genesis, withKey], auditLog([genesis, withKey])],
  ["one more", [genesis], auditLog([genesis, withKey])],
  [
    "one that has nullified the archive's",
    [genesis, withKey, renamed],
    auditLog([genesis, withKey, renamed, takenBack], { nullified: [2], times: [0, hour, 2 * hour, 3 * hour] }),
  ],
];

test.each(goingOn)("a log goes on from the archive's: %s", async (_name, archived, raw) => {
  await expect(exported(archiveWithLog(folder, archived), raw)).rejects.toThrow("the server was asked");
});

test("a log has to have both what is remembered and what the archive has, where neither shows which is later", async () => {
  const archive = archiveWithLog(folder, [genesis, withKey]);
  const read = async (remembered: Json, log: TestEntry[]): Promise<unknown> => {
    const { services: seen } = logServices([log], { [did]: testCid(remembered) });
    return readLog({ ...seen, heads: comparedHeads(() => archive, seen.heads) }, did, forever);
  };
  const heldBack = { data: { rule: "plc/seen-head", cid: testCid(withKey) } };
  await expect(read(besides, auditLog([genesis, besides]))).rejects.toMatchObject(heldBack);
  await expect(read(renamed, auditLog([genesis, withKey]))).rejects.toMatchObject({
    data: { rule: "plc/seen-head", cid: testCid(renamed) },
  });
  await expect(read(renamed, auditLog([genesis, withKey, renamed]))).resolves.toBeDefined();
});
