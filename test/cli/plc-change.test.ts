/**
 * `plc diff`, `plc sign`, `plc submit` and `plc recover` at the command line, with a directory that answers what a test
 * wants.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startLyingServer, type LyingServer } from "../faults/lying-server.ts";
import { auditLog, operation, signed, testCid, testKey, type Json } from "../tools/plc.ts";
import { run, type Ran } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-change-"));
const [user, server, fresh] = await Promise.all([testKey("user"), testKey("server"), testKey("fresh")]);
/** The private part of a key that is made in the test, as hex. */
const held = "1f".repeat(32);
const heldDid = "did:key:zQ3shSpXWhf77qcjau2sSgLhTBG8ZCa7mA5Ur6Z5KmxXPDhvN";

let bed: LyingServer;
let log: Json[];
let files = 0;
beforeAll(async () => {
  bed = await startLyingServer([user, server]);
});
beforeEach(async () => {
  bed.submitted.length = 0;
  log = JSON.parse(await (await fetch(`${bed.origin}/${bed.did}/log/audit`)).text()) as Json[];
});
afterAll(() => {
  bed.stop();
  rmSync(folder, { recursive: true });
});

function fileWith(value: unknown): string {
  files += 1;
  const path = join(folder, `file-${files}.json`);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value), { mode: 0o600 });
  return path;
}

async function plc(args: readonly string[], options: Parameters<typeof run>[1] = {}): Promise<Ran> {
  const state = mkdtempSync(join(folder, "state-"));
  return run(["plc", ...args, ...bed.flags, "--state-dir", state], options);
}

const head = (): string => String(log.at(-1)?.["cid"]);
const content = (): Record<string, unknown> => ({ ...(log.at(-1)?.["operation"] as object) });
const unsigned = (change: object): Json => {
  const { sig: _sig, ...rest } = content();
  return { ...rest, prev: head(), ...change };
};

describe("plc diff", () => {
  test("single changes: field by field, what it follows, what is left; and the operation", async () => {
    const output = join(folder, "operation.json");
    const { exitCode, stdout, stderr } = await plc(["diff", bed.did, "--add-rotation-key", fresh.did, "-o", output]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout.replace(/(?<=--state-dir )\S+/, "DIR")).toBe(
      [
        `alice.example.com stays at ${bed.origin}.`,
        "Its handle stays alice.example.com.",
        `A rotation key comes, at rank 1 of 3: ${fresh.did}. Nobody says whose it is.`,
        `A rotation key stays, at rank 2 of 3 (it was at rank 1): ${user.did}. Nobody says whose it is.`,
        `A rotation key stays, at rank 3 of 3 (it was at rank 2): ${server.did}. Nobody says whose it is.`,
        "Rank 1 is the highest: for 72 hours a key can undo what one below it signs.",
        `Whether ${user.did} can undo it, within 72 hours, depends on the key that signs it: decamp plc recover ${bed.did} --rotation-key-file FILE --plc-url ${bed.origin} --allow-private-hosts --state-dir DIR`,
        "",
        `The identity of alice.example.com, ${bed.did},`,
        "would change like this:",
        `  + rotationKeys[0]: ${fresh.did}`,
        "",
        `It comes after the change of ${String(log.at(-1)?.["createdAt"])}: ${head()}`,
        "The directory takes 9 more changes of it in this hour.",
        "",
      ].join("\n"),
    );
    expect(JSON.parse(readFileSync(output, "utf8"))).toEqual(
      unsigned({ rotationKeys: [fresh.did, user.did, server.did] }),
    );
  });

  test("as JSON, which the next command understands", async () => {
    const { exitCode, stdout } = await plc(["diff", bed.did, "--handle", "alice.example.org", "--json"]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      type: "result",
      version: 1,
      command: "plc diff",
      ok: true,
      did: bed.did,
      handle: "alice.example.com",
      follows: head(),
      nullifies: [],
      signers: [user.did, server.did],
      operationsLeft: { hour: 9, day: 29, week: 99 },
      facts: {
        server: { before: bed.origin, after: bed.origin },
        handle: { before: "alice.example.com", after: "alice.example.org" },
        keys: [
          { key: user.did, owner: "unknown", change: "stays", rankBefore: 0, rank: 0 },
          { key: server.did, owner: "unknown", change: "stays", rankBefore: 1, rank: 1 },
        ],
        keyCount: 2,
        undo: { possible: "depends", keys: [user.did] },
      },
      differences: [
        { field: "alsoKnownAs[0]", kind: "removed", before: "at://alice.example.com" },
        { field: "alsoKnownAs[0]", kind: "added", after: "at://alice.example.org" },
      ],
      findings: [],
      operation: unsigned({ alsoKnownAs: ["at://alice.example.org"] }),
    });
    const again = await plc(["diff", bed.did, "--operation", fileWith(stdout), "--json"]);
    expect(JSON.parse(again.stdout)).toMatchObject({
      operation: unsigned({ alsoKnownAs: ["at://alice.example.org"] }),
    });
  });

  test("the operation alone on the standard output, the words beside it", async () => {
    const { exitCode, stdout, stderr } = await plc(["diff", bed.did, "-o", "-"]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual(unsigned({}));
    expect(stderr).toContain("would stay as it is.");
    // For a script it is in the result already.
    const json = await plc(["diff", bed.did, "-o", "-", "--json"]);
    expect({ ...json, stdout: JSON.parse(json.stdout) as unknown }).toMatchObject({
      exitCode: 0,
      stdout: { command: "plc diff", operation: unsigned({}) },
      stderr: "",
    });
  });

  test("what must not be made is refused with exit code 9, and is not written", async () => {
    const output = join(folder, "refused.json");
    const args = ["--remove-rotation-key", user.did, "--remove-rotation-key", server.did, "-o", output];
    const { exitCode, stdout } = await plc(["diff", bed.did, ...args]);
    expect(exitCode).toBe(9);
    expect(stdout).toContain("error   plc/no-rotation-key  Without a rotation key nobody could ever change");
    expect(existsSync(output)).toBe(false);
  });

  test.each([
    ["a field too few", { services: undefined }, "plc_operation that is not signed yet: services"],
    ["a field too many", { note: 1 }, 'does not belong into a plc_operation that is not signed yet: "note"'],
    ["a key that is none", { rotationKeys: ["did:key:z6Mk"] }, "not a k256 or p256 did:key"],
    ["a tombstone", { type: "plc_tombstone" }, "no PLC operation"],
  ])("an operation with %s is refused", async (_, change, why) => {
    const { exitCode, stderr } = await plc(["diff", bed.did, "--operation", fileWith(unsigned(change))]);
    expect(exitCode).toBe(9);
    expect(stderr).toContain(why);
  });

  test("a key that a hand-written operation moves down is named, before the operation is signed too", async () => {
    const file = fileWith(unsigned({ rotationKeys: [server.did, user.did] }));
    const said = `warning plc/key-demoted  A rotation key would be demoted: ${user.did}, below ${server.did}.`;
    const { exitCode, stdout } = await plc(["diff", bed.did, "--operation", file]);
    expect({ exitCode, lines: stdout.split("\n") }).toEqual({
      exitCode: 0,
      lines: expect.arrayContaining([said]) as string[],
    });
    const sign = ["sign", file, "--log", fileWith(log), "--rotation-key-file", fileWith(held)];
    expect((await plc(sign)).stderr.split("\n")).toContain(said);
  });

  test("in colour on a terminal that has it, and the same words without", async () => {
    const rotationKeys = [server.did, user.did];
    const file = fileWith(unsigned({ rotationKeys, alsoKnownAs: ["at://alice.example.org"] }));
    const diff = async (options: Parameters<typeof run>[1], ...flags: string[]): Promise<string> => {
      const { stdout } = await plc(["diff", bed.did, "--operation", file, ...flags], options);
      return stdout.replace(/(?<=--state-dir )\S+/, "DIR");
    };
    const colored = await diff({ terminals: ["stdout"], columns: 2000 });
    const starts = ["  - alsoKnownAs[0]: ", "  + alsoKnownAs[0]: ", "  ~ rotationKeys: ", "warning "];
    const colors = starts.map((start) => {
      const line = colored.split("\n").find((text) => stripVTControlCharacters(text).startsWith(start));
      return line?.slice(0, line.indexOf(start));
    });
    const [red, green, yellow] = ["\u001b[31m", "\u001b[32m", "\u001b[33m"];
    expect(colors).toEqual([red, green, yellow, yellow]);
    const plain = stripVTControlCharacters(colored);
    expect(await diff({})).toBe(plain);
    expect(await diff({ terminals: ["stdout"], columns: 2000, env: { NO_COLOR: "1" } })).toBe(plain);
    expect(await diff({ terminals: ["stdout"], columns: 2000 }, "--no-color")).toBe(plain);
  });

  test("contradicting flags", async () => {
    const { exitCode, stderr } = await plc(["diff", bed.did, "--to", bed.origin, "--handle", "a.example.org"]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("exclude each other");
  });

  test("a private key in the place of a public one is refused, and not repeated", async () => {
    for (const argv of [
      ["diff", bed.did, "--add-rotation-key", held],
      ["add-key", bed.did, held],
      ["recover", bed.did, "--drop-key", held],
    ]) {
      const { exitCode, stdout, stderr } = await plc(argv);
      expect(exitCode).toBe(2);
      expect(stdout + stderr).not.toContain(held);
    }
  });
});

/** A log whose head lists the held key first. */
async function ours(): Promise<{ path: string; prev: string; all: Json[] }> {
  const genesis = await signed(
    operation(null, { rotationKeys: [heldDid, server.did], verificationMethods: { atproto: server.did } }),
    server,
  );
  const all = auditLog([genesis]) as unknown as Json[];
  return { path: fileWith(all), prev: testCid(genesis), all };
}

describe("plc sign", () => {
  const key = ["--rotation-key-file"];

  test("says what it signs, and writes it to the standard output", async () => {
    const { path, prev } = await ours();
    const asked = operation(prev, { rotationKeys: [heldDid, fresh.did], verificationMethods: { atproto: server.did } });
    const argv = ["plc", "sign", fileWith(asked), "--log", path, ...key, fileWith(held)];
    const { exitCode, stdout, stderr } = await run(argv);
    expect(exitCode).toBe(0);
    const answer = JSON.parse(stdout) as Json;
    expect(answer).toEqual({ ...asked, sig: expect.stringMatching(/^[A-Za-z0-9_-]{86}$/) as unknown });
    expect(stderr).toContain(`  - rotationKeys[1]: ${server.did}\n  + rotationKeys[1]: ${fresh.did}\n`);
    expect(stderr).toContain(`Signed by ${heldDid}. Its CID: ${testCid(answer)}.`);
    expect(stdout + stderr).not.toContain(held);
  });

  test("a key without the power is refused", async () => {
    const { path, prev } = await ours();
    const other = fileWith("2e".repeat(32));
    const argv = ["plc", "sign", fileWith(operation(prev, { rotationKeys: [heldDid] })), "--log", path, ...key, other];
    const { exitCode, stdout, stderr } = await run(argv);
    expect({ exitCode, stdout }).toEqual({ exitCode: 9, stdout: "" });
    expect(stderr).toContain(`These keys may: ${heldDid}, ${server.did}.`);
  });

  test("an operation that follows nothing that is known is refused", async () => {
    const { path } = await ours();
    const stale = fileWith(operation(testCid("other"), { rotationKeys: [heldDid] }));
    const { exitCode, stdout, stderr } = await run(["plc", "sign", stale, "--log", path, ...key, fileWith(held)]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 9, stdout: "" });
    expect(stderr).toContain("which is not in the log");
  });

  test("without the log it is refused, unless that is said", async () => {
    const asked = fileWith(operation(testCid("other"), { rotationKeys: [heldDid] }));
    const argv = ["plc", "sign", asked, ...key, fileWith(held)];
    const refused = await run(argv);
    expect(refused).toMatchObject({ exitCode: 2, stdout: "" });
    expect(refused.stderr).toContain("--without-log");

    const { exitCode, stdout, stderr } = await run([...argv, "--without-log", "--json"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      signer: heldDid,
      judged: false,
      operation: { rotationKeys: [heldDid] },
    });
  });

  test("what would freeze the identity is never signed", async () => {
    const asked = fileWith(operation(testCid("other"), { rotationKeys: [] }));
    const { exitCode, stdout } = await run(["plc", "sign", asked, "--without-log", ...key, fileWith(held)]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 9, stdout: "" });
  });
});

const direct = (): string[] => ["--via", "directory", "--confirm-did", bed.did, "--json"];

describe("plc submit", () => {
  test("without the DID nothing is sent", async () => {
    const path = fileWith(await signed(unsigned({ alsoKnownAs: ["at://b.example.com"] }), server));
    const unconfirmed = await plc(["submit", bed.did, path, "--via", "directory", "--json"]);
    expect(unconfirmed.exitCode).toBe(7);
    expect(JSON.parse(unconfirmed.stderr)).toMatchObject({ hint: expect.stringContaining("--confirm-did") as unknown });
    const wrong = ["--confirm-did", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"];
    expect((await plc(["submit", bed.did, path, "--via", "directory", ...wrong])).exitCode).toBe(9);
    expect(bed.submitted).toEqual([]);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ["for an older head", async () => signed(unsigned({ prev: testCid("older") }), server), "refused"],
    ["by a stranger", async () => signed(unsigned({ alsoKnownAs: ["at://b.example.com"] }), fresh), "refused"],
    ["that freezes", async () => signed(unsigned({ rotationKeys: [] }), server), "refused"],
    ["that ends it", async () => signed({ type: "plc_tombstone", prev: head() }, server), "unsupported"],
    ["that is not signed", () => Promise.resolve(unsigned({})), "identity-invalid"],
  ])("one %s is refused, and nothing is sent", async (_, make, code) => {
    const { exitCode, stderr } = await plc(["submit", bed.did, fileWith(await make()), ...direct()]);
    expect(exitCode).toBe(code === "unsupported" ? 2 : 9);
    expect(JSON.parse(stderr)).toMatchObject({ code });
    expect(bed.submitted).toEqual([]);
  });

  test("a key that is moved down is named before anything is sent", async () => {
    const path = fileWith(await signed(unsigned({ rotationKeys: [server.did, user.did] }), server));
    const { stderr } = await plc(["submit", bed.did, path, "--via", "directory"]);
    expect(stderr).toContain(`plc/key-demoted  A rotation key would be demoted: ${user.did}, below ${server.did}.`);
    expect(bed.submitted).toEqual([]);
  });

  test("from a pipe", async () => {
    const answer = await signed(unsigned({ alsoKnownAs: ["at://piped.example.com"] }), server);
    const { exitCode, stdout } = await plc(["submit", bed.did, ...direct()], { input: JSON.stringify(answer) });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ state: "submitted", cid: testCid(answer), undoKeys: [user.did] });
    expect(bed.submitted).toEqual([answer]);
  });

  test("what the change means stands in the JSON, also when nobody is asked and nothing else is printed", async () => {
    const [before = ""] = unsigned({})["alsoKnownAs"] as string[];
    const answer = await signed(unsigned({ alsoKnownAs: ["at://meant.example.com"] }), server);
    const { exitCode, stdout, stderr } = await plc(["submit", bed.did, fileWith(answer), ...direct(), "--quiet"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      state: "submitted",
      facts: {
        server: { before: bed.origin, after: bed.origin },
        handle: { before: before.replace("at://", ""), after: "meant.example.com" },
        keys: [
          { key: user.did, change: "stays" },
          { key: server.did, change: "stays" },
        ],
        undo: { possible: "yes", keys: [user.did] },
      },
    });
    // It is in the log already: nothing is changed, so nothing is said of a change.
    const again = await plc(["submit", bed.did, fileWith(answer), ...direct(), "--quiet"]);
    expect(JSON.parse(again.stdout)).toMatchObject({ state: "already-there", differences: [] });
    expect(JSON.parse(again.stdout)).not.toHaveProperty("facts");
  });
});

describe("plc recover", () => {
  test("where nothing looks unwanted, the operations that could be undone are named", async () => {
    const renamed = await signed(unsigned({ alsoKnownAs: ["at://renamed.example.com"] }), server);
    const args = ["--via", "directory", "--confirm-did", bed.did];
    expect((await plc(["submit", bed.did, fileWith(renamed), ...args])).exitCode).toBe(0);
    const found = await plc(["recover", bed.did, "--held-key", user.did, "-o", "-", "--json"]);
    expect(found.exitCode).toBe(9);
    const { data } = JSON.parse(found.stderr) as { data: { reason: string; candidates: string[] } };
    expect(data.reason).toBe("nothing-unwanted");
    expect(data.candidates).toContain(testCid(renamed));

    const named = ["--operation", testCid(renamed), "--held-key", user.did, "-o", "-"];
    const { exitCode, stdout, stderr } = await plc(["recover", bed.did, ...named]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ prev: renamed["prev"] });
    expect(stderr).toContain(`which ${server.did} signed: ${testCid(renamed)}`);
    expect(stderr).toContain("It can do so until ");
    expect(stderr).toContain("plc/signer-stays");
    expect(stderr).toContain(`These keys can sign it: ${user.did}.`);
  });

  test("--held-key and -o belong together", async () => {
    expect((await plc(["recover", bed.did, "--held-key", user.did])).exitCode).toBe(2);
    expect((await plc(["recover", bed.did, "-o", "-"])).exitCode).toBe(2);
  });
});
