import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import { encryptText } from "../../src/services/secrets/age-file.ts";
import { auditLog, operation, signed, testDid, testKey } from "../tools/plc.ts";
import { documentOf, startDirectory, type TestDirectory } from "./support/directory.ts";
import { run } from "./support/run.ts";
import type { StreamOptions } from "./support/streams.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-key-inspect-"));
const hex = "7".repeat(64);
const key = parsePrivateKey(hex);
const server = await testKey("server");
const first = operation(null, { rotationKeys: [server.did, key.didKey], verificationMethods: { atproto: server.did } });
const genesis = await signed(first, server);
const did = testDid(genesis);

let directory: TestDirectory;
beforeAll(async () => {
  directory = await startDirectory();
  directory.answers.set(`/${did}/log/audit`, auditLog([genesis])).set(`/${did}`, documentOf(did, first));
});
afterAll(() => {
  directory.stop();
  rmSync(folder, { recursive: true });
});

async function inspect(argv: readonly string[], { env, ...streams }: StreamOptions = {}) {
  const ran = await run(["key", "inspect", ...argv], { ...streams, env: { XDG_STATE_HOME: folder, ...env } });
  const written = ran.stdout + ran.stderr;
  expect(written).not.toContain(hex);
  expect(written).not.toContain(key.reveal());
  return ran;
}

test("an encrypted file: its public part, and that it signs", async () => {
  const path = join(folder, "key.age");
  writeFileSync(path, await encryptText(key.reveal(), "open sesame", 8));
  const { exitCode, stdout, stderr } = await inspect([path], { env: { DECAMP_PASSPHRASE: "open sesame" } });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toBe(
    `Public key  ${key.didKey}\nCurve       k256\nComes from  ${path}, encrypted\nSigns       yes, tried\n`,
  );
});

test("from a pipe, and what it can do for an account, as JSON", async () => {
  const argv = ["-", "--account", did, "--json", ...directory.flags];
  const { exitCode, stdout } = await inspect(argv, { input: `${hex}\n` });
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    type: "result",
    version: 1,
    command: "key inspect",
    didKey: key.didKey,
    curve: "k256",
    where: "the standard input",
    encrypted: false,
    account: { did, listed: true, place: 2, of: 2 },
  });
});

test("a key that an account does not list, from the environment", async () => {
  const env = { PLC_SIGNING_KEY: "8".repeat(64) };
  const { exitCode, stdout } = await inspect(["--account", did, ...directory.flags], { env });
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`Account     ${did}: does not list this key. It has no power there\n`);
});

test.each([
  ["hex", hex],
  ["multibase", key.reveal()],
])("a private key as argument (%s) is refused, not repeated", async (_name, text) => {
  const { exitCode, stderr } = await inspect([text]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("A private key is never an argument");
});
