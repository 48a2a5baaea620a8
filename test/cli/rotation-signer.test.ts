/** `--rotation-signer-command` at the command line: `plc sign` with a key that lies elsewhere. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encode } from "@ipld/dag-cbor";
import { afterAll, describe, expect, test } from "vitest";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import { auditLog, operation, signed, testCid, testKey } from "../tools/plc.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-rotation-signer-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const hex = "1f".repeat(32);
const { didKey } = parsePrivateKey(hex);
const server = await testKey("server");
const script = fileURLToPath(new URL("support/signer.ts", import.meta.url));
let files = 0;
function fileWith(text: string): string {
  files += 1;
  const path = join(folder, `file-${files}`);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const genesis = await signed(operation(null, { rotationKeys: [didKey, server.did] }), server);
const asked = operation(testCid(genesis), { rotationKeys: [didKey] });
const plcSign = [
  "plc",
  "sign",
  fileWith(JSON.stringify(asked)),
  "--log",
  fileWith(JSON.stringify(auditLog([genesis]))),
];
const keyFile = fileWith(hex);
const mark = join(folder, "mark");
const by = (form: string, key = didKey): string[] => [
  "--rotation-signer-key",
  key,
  "--rotation-signer-command",
  `'${process.execPath}' ${script} ${keyFile} '${form}' ${mark}`,
];

describe.skipIf(process.platform === "win32")("plc sign", () => {
  const env = { PATH: process.env["PATH"] };

  test("gives the bytes to the command, without our secrets, and takes its signature", async () => {
    const secrets = { DECAMP_PASSPHRASE: "open sesame", PLC_SIGNING_KEY: "8".repeat(64) };
    const { exitCode, stdout } = await run([...plcSign, ...by("high-s der base64")], { env: { ...env, ...secrets } });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual(await signed(asked, await held()));
    const seen = JSON.parse(readFileSync(mark, "utf8")) as { sha256: string; environment: string[] };
    expect(seen.sha256).toBe(createHash("sha256").update(encode(asked)).digest("hex"));
    expect(seen.environment).toContain("PATH");
    expect(seen.environment.filter((name) => Object.keys(secrets).includes(name))).toEqual([]);
  });

  test("by a key without the power: the command is not even run", async () => {
    rmSync(mark, { force: true });
    const other = parsePrivateKey("2e".repeat(32)).didKey;
    const { exitCode, stdout, stderr } = await run([...plcSign, ...by("raw", other)], { env });
    expect({ exitCode, stdout }).toEqual({ exitCode: 9, stdout: "" });
    expect(stderr).toContain(`Your key ${other} may not sign this.`);
    expect(() => readFileSync(mark)).toThrow("ENOENT");
  });

  test.each([
    ["fails", 7],
    ["words", 2],
  ])("when the command %s: nothing is printed, and nothing that it printed is repeated", async (form, expected) => {
    const { exitCode, stdout, stderr } = await run([...plcSign, ...by(form), "--verbose"], { env });
    expect({ exitCode, stdout }).toEqual({ exitCode: expected, stdout: "" });
    expect(stderr).toContain("he command that should sign with your rotation key");
    expect(stderr).not.toContain("precious-output");
  });
});

describe("what contradicts itself is wrong usage, before anything is read", () => {
  const command = ["--rotation-signer-command", "exit 1"];
  const key = ["--rotation-signer-key", didKey];
  test.each<[string, string[], string]>([
    ["the command without the key", command, "belong together"],
    ["the key without the command", key, "belong together"],
    ["a file, too", [...command, ...key, "--rotation-key-file", "/nowhere"], "give only one"],
    ["another command, too", [...command, ...key, "--rotation-key-command", "exit 1"], "give only one"],
    ["no did:key", [...command, "--rotation-signer-key", "zQ3sh"], "did:key"],
    ["a private key", [...command, "--rotation-signer-key", hex], "never an argument"],
  ])("%s", async (_name, flags, why) => {
    const account = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
    const to = ["--to", "https://new.example.com"];
    for (const argv of [plcSign, ["plc", "undo", account], ["plc", "recover", account], ["migrate", account, ...to]]) {
      const { exitCode, stdout, stderr } = await run([...argv, ...flags]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(stderr).toContain(why);
      expect(stderr).not.toContain(hex);
    }
  });
});

/** The same key in other hands: its signatures are deterministic. */
async function held(): Promise<{ did: string; sign: (data: Uint8Array) => Promise<Uint8Array> }> {
  const { Secp256k1Keypair } = await import("@atproto/crypto");
  const pair = await Secp256k1Keypair.import(hex);
  return { did: pair.did(), sign: async (data) => pair.sign(data) };
}
