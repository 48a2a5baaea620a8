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
  directory.statuses.clear();
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

  const noDocument: [string, string, () => unknown][] = [
    ["is missing", "did-document/missing", () => directory.answers.delete(`/${did}`)],
    ["cannot be made", "did-document/unavailable", () => directory.statuses.set(`/${did}`, 500)],
    ["is something else", "did-document/unavailable", () => directory.answers.set(`/${did}`, ["a", "list"])],
  ];
  test.each(noDocument)("a document that %s is a warning: the log says all of it", async (_, rule, prepare) => {
    prepare();
    const { exitCode, stdout } = await plc("audit", did, "--json");
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      log: "valid",
      document: "unavailable",
      findings: [{ rule, severity: "warning" }],
    });
    expect((await plc("audit", did)).stdout).toContain("Document      the directory does not give it out\n");
  });

  test("a document of another identity is an error", async () => {
    directory.answers.set(`/${did}`, documentOf("did:plc:ewvi7nxzyoun6zhxrhs64oiz", second));
    const { exitCode, stdout } = await plc("audit", did, "--json");
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ document: "contradicts", findings: [{ severity: "error" }] });
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
    ["./missing.json", 2, "there is no such file.\nHint: Check the path."],
    ["/", 2, "no archive in the folder /.\nHint: An archive is a folder"],
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
    // The path was right, and the file was read.
    expect(stderr).not.toMatch(/Check the path|may read|permission/);
  });
});

/** JSON Lines. */
function lines(entries: readonly object[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
}

/** Audits what stands on the standard input. */
async function audit(text: string, ...flags: string[]): Promise<Ran & { result: Record<string, unknown> }> {
  const ran = await run(["plc", "audit", "-", "--json", ...flags], { input: text });
  return { ...ran, result: JSON.parse(ran.stdout) as Record<string, unknown> };
}

describe("a file that is not an audit log", () => {
  const other = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

  test("the log of operations alone is proved as far as it goes", async () => {
    const { exitCode, result } = await audit(JSON.stringify([genesis, renamed]));
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({
      ok: true,
      did,
      operations: 2,
      findings: [{ rule: "plc/no-times", severity: "warning" }],
    });
    expect(result["head"]).toEqual({ cid: testCid(renamed), signer: server.did });
    const { stdout } = await run(["plc", "audit", "-"], { input: JSON.stringify([genesis, renamed]) });
    expect(stdout).toContain(`Head          ${testCid(renamed)}\n`);
    expect(stdout).not.toContain("1970");
  });

  test.each([
    ["a changed operation", () => [genesis, { ...renamed, alsoKnownAs: [] }], "plc/signature"],
    ["an operation that is left out", () => [renamed], "plc/genesis-form"],
    ["something that is no operation", () => [genesis, { type: "plc_operation" }], "plc/schema"],
  ])("the log of operations alone, with %s", async (_, list, rule) => {
    const { exitCode, result } = await audit(JSON.stringify(list()));
    expect(exitCode).toBe(3);
    expect(result).toMatchObject({ ok: false, log: "invalid", findings: [{ rule }] });
  });

  test("without times there is no history, and nothing is signed by it", async () => {
    const input = JSON.stringify([genesis, renamed]);
    const history = await run(["plc", "history", "-"], { input });
    expect(history.exitCode).toBe(2);
    expect(history.stderr).toContain("a list of operations (/log)");
    const path = join(folder, "log.json");
    writeFileSync(path, input);
    const sign = await run(["plc", "sign", "-", "--log", path], { input: JSON.stringify(first) });
    expect(sign.exitCode).toBe(2);
    expect(sign.stderr).toContain("a list of operations (/log)");
  });

  test("lines of one identity are its log", async () => {
    const { exitCode, result } = await audit(lines(log));
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({ ok: true, did, operations: 2, findings: [] });
    const single = await audit(lines(log.slice(0, 1)));
    expect(single.result).toMatchObject({ ok: true, did, operations: 1 });
    const history = await run(["plc", "history", "-"], { input: lines(log) });
    expect(history.exitCode).toBe(0);
  });

  test("of lines of several identities one is chosen, and not by decamp", async () => {
    const foreign = await signed(operation(null, { ...usual, alsoKnownAs: [] }), server);
    const mixed = lines([log[0]!, ...auditLog([foreign]), log[1]!]);
    const unchosen = await audit(mixed);
    expect(unchosen.exitCode).toBe(3);
    expect(unchosen.result).toMatchObject({ findings: [{ rule: "plc/log-form" }] });
    expect(unchosen.stdout).toContain("2 identities");
    expect((await audit(mixed, "--did", did)).result).toMatchObject({ ok: true, did, operations: 2 });
    expect((await audit(mixed, "--did", testDid(foreign))).result).toMatchObject({ ok: true, operations: 1 });
    const absent = await audit(mixed, "--did", other);
    expect(absent).toMatchObject({ exitCode: 3, result: { findings: [{ rule: "plc/foreign-entry" }] } });
  });

  test.each([
    ["one operation", () => renamed, "one signed operation (/log/last)"],
    ["an operation that is not signed", () => second, "an operation that is not signed"],
    ["the document", () => documentOf(did, second), "a DID document"],
    ["the data", () => ({ did, ...second, type: undefined }), "what an identity says now (/data)"],
    ["a result", () => ({ type: "result", version: 1 }), "what decamp has printed"],
  ])("%s is named for what it is", async (_, value, name) => {
    const { exitCode, result } = await audit(JSON.stringify(value()));
    expect(exitCode).toBe(3);
    expect(result).toMatchObject({
      findings: [{ rule: "plc/log-form", message: expect.stringContaining(name) as string }],
    });
    const history = await run(["plc", "history", "-"], { input: JSON.stringify(value()) });
    expect(history.exitCode).toBe(2);
    expect(history.stderr).toContain(name);
  });

  test.each([
    ["an audit log", () => log, "an audit log (/log/audit)"],
    ["a log of operations", () => [genesis, renamed], "a list of operations (/log)"],
    ["an entry of a log", () => log[1], "an entry of an audit log"],
    ["the document", () => documentOf(did, second), "a DID document"],
  ])("%s in the place of an operation is named, too", async (_, value, name) => {
    const input = JSON.stringify(value());
    for (const argv of [
      ["sign", "-", "--without-log"],
      ["submit", did, "-"],
      ["diff", did, "--operation", "-"],
    ]) {
      const { exitCode, stderr } = await run(
        ["plc", ...argv, ...directory.flags, "--state-dir", stateDir, "--no-input"],
        { input },
      );
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`This is no operation, but ${name}.`);
    }
  });

  test("--did says whose log is expected", async () => {
    const path = logFile("valid/genesis");
    const whose = (JSON.parse(readFileSync(path, "utf8")) as { did: string }[])[0]?.did ?? "";
    expect((await plc("audit", path, "--did", whose)).exitCode).toBe(0);
    const wrong = await plc("audit", path, "--did", other, "--json");
    expect(wrong.exitCode).toBe(3);
    expect(JSON.parse(wrong.stdout)).toMatchObject({
      ok: false,
      did: other,
      findings: [{ rule: "plc/foreign-entry" }],
    });
    const alone = await audit(JSON.stringify([genesis, renamed]), "--did", other);
    expect(alone).toMatchObject({ exitCode: 3, result: { findings: [{ rule: "plc/genesis-did" }] } });
    const history = await plc("history", path, "--did", other);
    expect(history.exitCode).toBe(9);
    expect(history.stderr).toContain("Look which account you mean");
    expect((await plc("audit", path, "--did", "did:web:example.com")).exitCode).toBe(2);
    expect((await plc("audit", did, "--did", did)).exitCode).toBe(2);
  });
});

const relabelled = (): object[] => log.map((entry) => ({ ...entry, did: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa" }));

describe("a file that is not the log of the account that was expected", () => {
  const other = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

  test.each<[string, () => string, string]>([
    ["the log of another", () => JSON.stringify(log), `This is the log of ${did}, in order as such, and not`],
    ["lines of it", () => lines(log), `This is the log of ${did}, in order as such, and not`],
    ["its operations alone", () => JSON.stringify([genesis, renamed]), `This is the log of ${did}, in order as such`],
    [
      "a log of another that is not in order",
      () => JSON.stringify(log.toReversed()),
      `By what it says of itself this is a log of ${did}, not in order`,
    ],
    [
      "a log with a name that is not its own",
      () => JSON.stringify(relabelled()),
      "By what it says of itself this is a log of did:plc:aaaaaaaaaaaaaaaaaaaaaaaa, not in order",
    ],
    ["lines of two others", () => lines([...log, ...relabelled()]), "This is of 2 identities"],
    ["one operation", () => JSON.stringify(genesis), "This is no audit log, but one signed operation"],
    ["a document", () => JSON.stringify(documentOf(did, second)), "This is no audit log, but a DID document."],
  ])("%s: it says whose it is, as far as it shows", async (_name, input, message) => {
    const { exitCode, stdout } = await run(["plc", "audit", "-", "--did", other], { input: input() });
    expect(exitCode).toBe(3);
    expect(stdout).toContain(`This is not the log of ${other}.\n`);
    expect(stdout).toContain(message);
    expect(stdout).not.toContain(`The log of ${other}`);
  });

  test("its own log that is not in order stays its log", async () => {
    const { stdout } = await run(["plc", "audit", "-", "--did", did], { input: JSON.stringify(log.toReversed()) });
    expect(stdout).toContain(`The log of ${did} is not in order.\n`);
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
    expect(stdout).toContain(`   can be undone until ${until} by ${user.did}: decamp plc recover ${did} --operation `);
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

test("a word that is no account, and is the name of a file, is led to its path", async () => {
  const { exitCode, stderr } = await run(["plc", "audit", "bin"]);
  expect([exitCode, stderr.includes("./bin")]).toEqual([2, true]);
  expect((await run(["plc", "audit", "no-such-thing"])).stderr).not.toContain("./");
});
