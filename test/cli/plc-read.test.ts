import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { at, auditLog, hour, operation, signed, testCid, testDid, testKey } from "../tools/plc.ts";
import { documentOf, startDirectory, type TestDirectory } from "./support/directory.ts";
import { run, type Ran } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-plc-"));
const fixtures = fileURLToPath(new URL("../../fixtures/plc/", import.meta.url));

const [user, server] = await Promise.all([testKey("user"), testKey("server")]);
const usual = { rotationKeys: [user.did, server.did], verificationMethods: { atproto: server.did } };
const first = operation(null, usual);
const genesis = await signed(first, server);
const second = operation(testCid(genesis), { ...usual, alsoKnownAs: ["at://renamed.example.com"] });
const renamed = await signed(second, server);
const did = testDid(genesis);
const log = auditLog([genesis, renamed]);

let directory: TestDirectory;
let stateDir = "";
beforeAll(async () => {
  directory = await startDirectory();
});
beforeEach(() => {
  stateDir = mkdtempSync(join(folder, "state-"));
  directory.answers.clear();
  directory.answers.set(`/${did}/log/audit`, log).set(`/${did}`, documentOf(did, second));
});
afterAll(() => {
  directory.stop();
  rmSync(folder, { recursive: true });
});

async function plc(...argv: string[]): Promise<Ran> {
  return run(["plc", ...argv, ...directory.flags, "--state-dir", stateDir]);
}

/** A log of fixtures/plc as the directory would send it. */
function logFile(fixture: string): string {
  const path = join(folder, `${fixture.replaceAll("/", "-")}.json`);
  const { log: entries } = JSON.parse(readFileSync(join(fixtures, `${fixture}.json`), "utf8")) as { log: unknown };
  writeFileSync(path, JSON.stringify(entries));
  return path;
}

describe("plc audit", () => {
  test("an account: its state, and the head is remembered", async () => {
    const { exitCode, stdout, stderr } = await plc("audit", did);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain(`The log of ${did} is in order.\n`);
    expect(stdout).toContain(`Head          ${testCid(renamed)}, ${at(hour)}\n`);
    expect(stdout).toContain(`Rotation keys 1. ${user.did}\n              2. ${server.did}\n`);
    expect(stdout).toContain("Document      says the same\n");
    const remembered = readFileSync(join(stateDir, "heads", `${did.replaceAll(":", "-")}.json`), "utf8");
    expect(JSON.parse(remembered)).toMatchObject({ did, cid: testCid(renamed) });
  });

  test("as JSON", async () => {
    const { exitCode, stdout, stderr } = await plc("audit", did, "--json");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      type: "result",
      version: 1,
      command: "plc audit",
      ok: true,
      did,
      log: "valid",
      document: "agrees",
      operations: 2,
      nullified: 0,
      head: { cid: testCid(renamed), createdAt: at(hour), signer: server.did },
      tombstoned: false,
      alsoKnownAs: second.alsoKnownAs,
      services: second.services,
      verificationMethods: second.verificationMethods,
      rotationKeys: second.rotationKeys,
      findings: [],
    });
  });

  test("a log that lost the head that was seen last", async () => {
    await plc("audit", did);
    directory.answers.set(`/${did}/log/audit`, [log[0]]).set(`/${did}`, documentOf(did, first));
    const { exitCode, stdout } = await plc("audit", did, "--json");
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      findings: [{ rule: "plc/seen-head", severity: "error", cid: testCid(renamed) }],
    });
    const history = await plc("history", did);
    expect(history.exitCode).toBe(9);
    expect(history.stderr).toContain(testCid(renamed));
  });

  test("a document that contradicts the log", async () => {
    directory.answers.set(`/${did}`, documentOf(did, first));
    const { exitCode, stdout } = await plc("audit", did);
    expect(exitCode).toBe(3);
    expect(stdout).toContain(`The log of ${did} is in order by itself, but not with what else is known.\n`);
    expect(stdout).toContain("error   did-document/contradiction");
  });

  test("a document that is missing", async () => {
    directory.answers.delete(`/${did}`);
    const { exitCode, stdout } = await plc("audit", did, "--json");
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ findings: [{ rule: "did-document/missing" }] });
  });

  test("an identity that was given up has no document, and is in order", async () => {
    const end = await signed({ type: "plc_tombstone", prev: testCid(renamed) }, user);
    directory.answers.set(`/${did}/log/audit`, auditLog([genesis, renamed, end])).delete(`/${did}`);
    const { exitCode, stdout } = await plc("audit", did);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("a tombstone: this identity was given up");
  });

  test("what the directory takes although nobody should make it is a warning", async () => {
    const { exitCode, stdout } = await plc("audit", logFile("valid/rotation-key-twice"), "--json");
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      document: "unchecked",
      findings: [{ rule: "plc/duplicate-rotation-key", severity: "warning" }],
    });
  });

  test.each([
    ["invalid/signature-padded", "plc/signature-form", 1],
    ["invalid/middle-withheld", "plc/prev-unknown", undefined],
    ["invalid/recovery-a-millisecond-late", "plc/recovery-late", undefined],
    ["invalid/empty-log", "plc/log-form", undefined],
  ])("the file %s breaks %s", async (fixture, rule, index) => {
    const before = directory.asked.length;
    const { exitCode, stdout, stderr } = await plc("audit", logFile(fixture), "--json");
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: "" });
    const result = JSON.parse(stdout) as { ok: boolean; log: string; findings: { rule: string; index?: number }[] };
    expect(result).toMatchObject({ ok: false, log: "invalid" });
    expect(result.findings[0]?.rule).toBe(rule);
    if (index !== undefined) {
      expect(result.findings[0]?.index).toBe(index);
    }
    // A file needs no network, and is not remembered as the head.
    expect(directory.asked.length).toBe(before);
    expect(readdirSync(stateDir)).toEqual([]);
  });

  test("from the standard input", async () => {
    const { exitCode, stdout } = await run(["plc", "audit", "-"], { input: JSON.stringify(log) });
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`The log of ${did} is in order.\n`);
  });

  test.each([
    ["./missing.json", 2, "there is no such file"],
    ["/", 2, "no archive"],
    ["alice", 2, "neither a handle nor a DID"],
    ["did:web:alice.example.com", 2, "did:web"],
    ["did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", 5, "does not know"],
  ])("%s", async (what, code, why) => {
    const { exitCode, stdout, stderr } = await plc("audit", what);
    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: "" });
    expect(stderr).toContain(why);
  });

  test("a file that is no JSON, and none of it is repeated", async () => {
    const path = join(folder, "no-json.json");
    writeFileSync(path, "hunter2");
    const { exitCode, stderr } = await plc("audit", path);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("it is not JSON");
    expect(stderr).not.toContain("hunter2");
  });
});

describe("plc history", () => {
  test("what changed, by which key, what was nullified", async () => {
    const { exitCode, stdout } = await plc("history", logFile("valid/recovery-of-three"));
    expect(exitCode).toBe(0);
    expect(stdout).toContain("5 operations, 3 of them nullified");
    expect(stdout).toMatch(/2\. 2026-01-05T13:00:00\.000Z {2}update {2}nullified/);
    expect(stdout).toContain(
      "   - alsoKnownAs[0]: at://alice.example.com\n   + alsoKnownAs[0]: at://second.example.com\n",
    );
    expect(stdout.match(/^ {3}nullifies bafyrei/gm)).toHaveLength(3);
    expect(stdout.match(/^ {3}nullified by bafyrei/gm)).toHaveLength(3);
  });

  test("until when what can be undone, by whom", async () => {
    const now = Date.now();
    const recent = log.map((entry, index) =>
      Object.assign({}, entry, { createdAt: new Date(now - hour + index).toISOString() }),
    );
    directory.answers.set(`/${did}/log/audit`, recent);
    const { stdout } = await plc("history", did);
    const until = new Date(now - hour + 1 + 72 * hour).toISOString();
    expect(stdout).toContain(`   can be undone until ${until} by ${user.did}\n`);
    expect(stdout.match(/can be undone/g)).toHaveLength(1);
  });

  test("as JSON", async () => {
    const { stdout } = await plc("history", did, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      type: "result",
      version: 1,
      command: "plc history",
      did,
      head: testCid(renamed),
      tombstoned: false,
      operations: [
        { cid: testCid(genesis), kind: "genesis", nullified: false, undoKeys: [] },
        {
          cid: testCid(renamed),
          kind: "update",
          signer: server.did,
          signerRank: 1,
          undoKeys: [user.did],
          undoUntil: at(73 * hour),
          changes: [
            { field: "alsoKnownAs[0]", kind: "removed", before: "at://alice.example.com" },
            { field: "alsoKnownAs[0]", kind: "added", after: "at://renamed.example.com" },
          ],
          operation: renamed,
        },
      ],
    });
  });

  test("a log that is not in order is refused", async () => {
    const { exitCode, stdout, stderr } = await plc("history", logFile("invalid/genesis-withheld"), "--json");
    expect({ exitCode, stdout }).toEqual({ exitCode: 9, stdout: "" });
    expect(JSON.parse(stderr)).toMatchObject({
      code: "identity-invalid",
      data: { rule: "plc/genesis-form", index: 0 },
    });
  });
});
