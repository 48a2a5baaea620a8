/** A private key that somebody types where it does not belong: refused, and never repeated. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(path.join(tmpdir(), "decamp-guard-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const hex = createHash("sha256").update("a key that is typed").digest("hex");
const k256 = parsePrivateKey(hex, "k256").reveal();
const p256 = parsePrivateKey(hex, "p256").reveal();
const account = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

const texts: [string, string][] = [
  ["k256", k256],
  ["p256", p256],
  ["64 digits", hex],
  ["a key behind did:key:", `did:key:${k256}`],
  ["digits behind did:key:", `did:key:${hex}`],
  ["a key behind did:key: that lacks its end", `did:key:${p256.slice(0, -3)}`],
];

describe.each(texts)("%s", (_, text) => {
  const secret = text.replace("did:key:", "");
  const commands: string[][] = [
    ["key", "inspect", text],
    ["key", "import", text, "-o", path.join(folder, "key.age")],
    ["plc", "add-key", account, text],
    ["plc", "add-key", account, "key.age", "--replace", text],
    ["plc", "add-key", text],
    ["plc", "diff", account, "--add-rotation-key", text],
    ["plc", "diff", account, `--remove-rotation-key=${text}`],
    ["plc", "diff", account, "--signing-key", text],
    ["plc", "recover", account, "--held-key", text, "-o", "-"],
    ["plc", "recover", account, "--drop-key", text],
    ["plc", "sign", "operation.json", "--without-log", "--rotation-key-file", text],
    ["plc", "undo", account, `--rotation-key-file=${text}`],
    ["migrate", account, "--to", "https://b.example.com", "--recovery-key", text],
    ["verify", path.join(folder, "none.car"), "--signing-key", text],
    ["migrate", text, "--to", "https://b.example.com"],
    ["plc", "history", text],
    ["plc", text],
    [text],
  ];
  test.each(commands.map((command) => [command.join(" ").replaceAll(text, "KEY"), command]))(
    "%s",
    async (_name, argv) => {
      for (const more of [[], ["--json"], ["--verbose"]]) {
        const { exitCode, stdout, stderr } = await run([...argv, "--state-dir", folder, ...more]);
        expect(exitCode).toBe(2);
        expect(stderr).not.toBe("");
        expect(stdout + stderr).not.toContain(secret);
      }
    },
  );
});

test("a key inside the command of a flag counts as well", async () => {
  const { exitCode, stderr } = await run(["plc", "undo", account, "--rotation-key-command", `echo ${k256}`]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("never an argument");
  expect(stderr).not.toContain(k256);
});

test("a public key is no private one", async () => {
  const { didKey } = parsePrivateKey(hex);
  const { stderr } = await run(["verify", path.join(folder, "none.car"), "--signing-key", didKey]);
  expect(stderr).toContain("there is no such file");
});

test("a file that is named by a hash can be read", async () => {
  const { stderr } = await run(["verify", path.join(folder, hex)]);
  expect(stderr).toContain("there is no such file");
});
