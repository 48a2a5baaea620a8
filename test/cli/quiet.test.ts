/** `-q`: nothing on success but what was asked for. What is wrong is said all the same. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { snapshotFile } from "../../src/archive/layout.ts";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import { encryptText } from "../../src/services/secrets/age-file.ts";
import { testRev } from "../repo/tools/account.ts";
import { makeArchive } from "./support/archive.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-quiet-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
const archive = makeArchive(folder);
const car = snapshotFile(archive, testRev, "repo");
const { log } = JSON.parse(readFileSync(fixture("plc/valid/chain-of-four.json"), "utf8")) as { log: unknown };
const logFile = join(folder, "log.json");
writeFileSync(logFile, JSON.stringify(log));

const proof = JSON.parse(readFileSync(fixture("certificates/valid/both-signed.json"), "utf8")) as {
  certificate: unknown;
};
const certificate = join(folder, "certificate.json");
writeFileSync(certificate, JSON.stringify(proof.certificate));

describe("prints nothing", () => {
  test.each([
    ["verify", car],
    ["verify", archive],
    ["verify", "--certificate", certificate],
    ["plc", "audit", logFile],
    ["archive", "prune", archive, "--keep", "3"],
    ["repo", "unpack", car, join(folder, "unpacked")],
  ])("%s %s", async (...argv) => {
    const loud = await run(argv[1] === "unpack" ? [...argv.slice(0, -1), join(folder, "other")] : argv);
    expect({ exitCode: loud.exitCode, says: loud.stdout + loud.stderr !== "" }).toEqual({ exitCode: 0, says: true });
    expect(await run([...argv, "-q"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });
});

describe("prints what was asked for", () => {
  test.each([
    ["repo", "ls", car],
    ["blob", "ls", car],
    ["archive", "ls", archive],
    ["plc", "history", logFile],
    ["archive", "prune", archive, "--keep", "3", "--dry-run"],
  ])("%s %s", async (...argv) => {
    const { stdout } = await run(argv);
    expect(stdout).not.toBe("");
    expect(await run([...argv, "-q"])).toEqual({ exitCode: 0, stdout, stderr: "" });
  });

  test("key inspect", async () => {
    const key = parsePrivateKey("5".repeat(64));
    const file = join(folder, "key.age");
    writeFileSync(file, await encryptText(key.reveal(), "open sesame", 8), { mode: 0o600 });
    const { stdout, stderr } = await run(["key", "inspect", file, "-q"], { env: { DECAMP_PASSPHRASE: "open sesame" } });
    expect(stdout).toContain(key.didKey);
    expect(stderr).toBe("");
  });
});

test("says what is wrong", async () => {
  const damaged = join(folder, "damaged.car");
  writeFileSync(damaged, readFileSync(car).subarray(0, -5));
  const { exitCode, stdout } = await run(["verify", damaged, "-q"]);
  expect(exitCode).toBe(3);
  expect(stdout).not.toBe("");
  const tampered = join(folder, "tampered.json");
  writeFileSync(tampered, JSON.stringify(log).replace("at://", "at://mallory."));
  const audited = await run(["plc", "audit", tampered, "-q"]);
  expect(audited.exitCode).toBe(3);
  expect(audited.stdout).toContain("not in order");
});
