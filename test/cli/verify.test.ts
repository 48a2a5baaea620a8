import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { afterAll, describe, expect, test, vi } from "vitest";
import { makeCar } from "../repo/tools/build.ts";
import { carOfAlice } from "./support/car.ts";
import { startScript } from "./support/child.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-verify-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const { account, bytes } = await carOfAlice();
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const good = file("good.car", bytes);
const key = ["--signing-key", account.signer.didKey];
const did = ["--did", account.did];

describe("a good repository", () => {
  test("with its key: exit code 0, and the three answers", async () => {
    const { exitCode, stdout, stderr } = await run(["verify", good, ...did, ...key]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines[0]).toBe(`The repository of ${account.did} is genuine and complete.`);
    expect(lines).toContain("Structure     valid");
    expect(lines).toContain(`Signature     valid, by ${account.signer.didKey}`);
    expect(lines).toContain("Completeness  complete");
    expect(lines).toContain("Records       53");
    expect(lines).toContain(`Commit        ${account.commit.cid}`);
  });

  test("compressed with zstd it is the same, in a file and on the standard input", async () => {
    const packed = zstdCompressSync(bytes);
    const plain = await run(["verify", good, ...did, ...key, "--json"]);
    const told = await run(["verify", file("good.car.zst", packed), ...did, ...key, "--json"]);
    expect(told).toEqual(plain);
    const piped = await run(["verify", "-", ...did, ...key, "--json"], { input: packed });
    expect({ code: piped.exitCode, result: JSON.parse(piped.stdout) as object }).toMatchObject({
      code: 0,
      result: { ok: true, commit: account.commit.cid, records: 53 },
    });
    const ls = await run(["repo", "ls", join(folder, "good.car.zst")]);
    expect(ls).toEqual(await run(["repo", "ls", good]));
  });

  test("without a key: the signature is unchecked, and that is said", async () => {
    const { exitCode, stdout } = await run(["verify", good]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("is well-formed and complete. Who signed it was not checked.");
    expect(stdout).toContain("Signature     unchecked: no key is known");
  });

  test("as JSON: the document of the contract, and nothing else", async () => {
    const { exitCode, stdout, stderr } = await run(["verify", good, ...did, ...key, "--json"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({
      type: "result",
      version: 1,
      command: "verify",
      ok: true,
      did: account.did,
      commit: account.commit.cid,
      data: account.data,
      structure: "valid",
      signature: "valid",
      completeness: "complete",
      records: 53,
      bytes: bytes.length,
      strays: 0,
      duplicates: 0,
      findings: [],
    });
    expect(result["collections"]).toMatchObject({ "app.example.note": 2, "app.bsky.actor.profile": 1 });
  });

  test("from the standard input, of which nothing is left behind", async () => {
    const temporary = mkdtempSync(join(folder, "tmp-"));
    vi.stubEnv("TMPDIR", temporary);
    const { exitCode, stdout } = await run(["verify", "-", "--json"], { input: bytes });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, records: 53 });
    expect(readdirSync(temporary)).toEqual([]);
    vi.unstubAllEnvs();
  });

  test("from a pipe that is named like a file", () => {
    const { status, stdout } = spawnSync(
      "bash",
      ["-c", '"$0" "$1" verify <(cat "$2") --json', process.execPath, startScript, good],
      { encoding: "utf8" },
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, records: 53 });
  });
});

describe("damage: exit code 3, and every finding is named", () => {
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(bytes.length - 5) ^ 1, bytes.length - 5);

  test.each<[string, string | Uint8Array, string[], string]>([
    ["empty", "", [], "car/empty"],
    ["a flipped bit", flipped, [], "car/hash"],
    ["a web page", "<!doctype html><p>Not found", [], "car/html"],
    ["another account's", bytes, ["--did", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"], "commit/other-did"],
    ["cut between two blocks", makeCar(account.commit.cid, account.blocks.slice(0, -1)), [], "mst/missing-record"],
  ])("%s", async (name, content, flags, rule) => {
    const path = file(name, content);
    const json = await run(["verify", path, ...flags, "--json"]);
    expect({ exitCode: json.exitCode, stderr: json.stderr }).toEqual({ exitCode: 3, stderr: "" });
    const report = JSON.parse(json.stdout) as { ok: boolean; findings: { rule: string }[] };
    expect(report.ok).toBe(false);

    const { exitCode, stdout } = await run(["verify", path, ...flags]);
    expect(exitCode).toBe(3);
    expect(stdout.split("\n")[0]).toMatch(/is not a valid repository\.$/);
    for (const finding of report.findings) {
      expect(stdout).toContain(finding.rule);
    }
    expect(report.findings.map((finding) => finding.rule)).toContain(rule);
  });

  test("a signature by another key", async () => {
    const other = "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme";
    const { exitCode, stdout } = await run(["verify", good, "--signing-key", other]);
    expect(exitCode).toBe(3);
    expect(stdout).toContain("Signature     invalid");
  });

  test("a hundred findings are printed, and the JSON has all", async () => {
    const { account: large } = await carOfAlice(300);
    const keep = new Set(large.records.keys());
    const path = file(
      "many.car",
      makeCar(
        large.commit.cid,
        large.blocks.filter(({ cid }) => !keep.has(cid)),
      ),
    );
    const json = JSON.parse((await run(["verify", path, "--json"])).stdout) as { findings: unknown[] };
    expect(json.findings.length).toBeGreaterThan(200);
    const { stdout } = await run(["verify", path]);
    expect(stdout.match(/^error /gm)).toHaveLength(100);
    expect(stdout).toContain(`and ${json.findings.length - 100} more; --json names them all\n`);
  });

  test("--allow-partial accepts missing blocks, and still says that they are missing", async () => {
    const path = file("partial.car", makeCar(account.commit.cid, account.blocks.slice(0, -1)));
    const { exitCode, stdout } = await run(["verify", path, "--allow-partial"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Completeness  incomplete");
  });
});

describe("bad input: exit code 2, and a hint", () => {
  test.each<[string, string[], string]>([
    ["a missing file", [join(folder, "missing")], "there is no such file"],
    ["a folder without a manifest", [folder], "it is a folder without a manifest"],
    [
      "a key that is none",
      [good, "--signing-key", "did:key:zNope"],
      "--signing-key: a key is given as a k256 or p256 did:key",
    ],
    ["a limit that is none", [good, "--limit", "lunch=1"], "--limit: there is no limit lunch."],
    ["a limit that is fixed", [good, "--limit", "json-bytes=10MB"], "--limit: json-bytes cannot be raised."],
    ["a limit too far", [good, "--limit", "record-depth=1025"], "--limit: record-depth can be at most 1024."],
    [
      "a limit without a number",
      [good, "--limit", "block-bytes"],
      "It must look like block-bytes=10000000, or block-bytes=10MB; there are kB, MB, GB, KiB, MiB and GiB.",
    ],
  ])("%s", async (_name, argv, message) => {
    const { exitCode, stdout, stderr } = await run(["verify", ...argv]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).toContain("\nHint: ");
  });

  test("a terminal as standard input", async () => {
    const { exitCode, stderr } = await run(["verify", "-"], { terminals: ["stdin"] });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("that is a terminal");
  });
});

test("a limit that is reached is named with the flag that raises it, and can be raised", async () => {
  const low = await run(["verify", good, "--limit", "block-bytes=50"]);
  expect(low.exitCode).toBe(3);
  expect(low.stdout).toContain("--limit block-bytes=NUMBER");
  expect(low.stdout).toContain("was not read to its end: it is more than a limit allows.");
  expect((await run(["verify", good, "--limit", "block-bytes=100000"])).exitCode).toBe(0);
});
