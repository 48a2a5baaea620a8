import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { armor, Encrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { afterAll, expect, test } from "vitest";
import { decryptText, encryptText, isArmored } from "../../src/services/secrets/age-file.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-age-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Cheap enough for a test. */
const cost = 8;

test("a text comes back as it was; the file is armored, and shows nothing of it", async () => {
  const text = "the text that is kept\n";
  const file = await encryptText(text, "a passphrase é", cost);
  expect(isArmored(file)).toBe(true);
  expect(file).toMatch(
    /^-----BEGIN AGE ENCRYPTED FILE-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END AGE ENCRYPTED FILE-----\n$/,
  );
  expect(await decryptText(file, "a passphrase é")).toBe(text);
  expect(await decryptText(`\r\n${file.replaceAll("\n", "\r\n")}\r\n`, "a passphrase é")).toBe(text);
  expect(await encryptText(text, "a passphrase é", cost)).not.toBe(file);
});

test("the cost is that of age itself, unless a test says otherwise", async () => {
  const header = Buffer.from(armor.decode(await encryptText("x", "p"))).toString("latin1");
  expect(header).toMatch(/^age-encryption\.org\/v1\n-> scrypt \S+ 18\n/);
});

test.each<[string, (file: string) => string, string]>([
  ["another passphrase", (file) => file, "passphrase-refused"],
  ["a cut file", (file) => file.slice(0, 120), "key-unusable"],
  ["an altered file", (file) => alter(file), "key-unusable"],
])("%s is refused", async (name, change, code) => {
  const file = change(await encryptText("text", "right", cost));
  const passphrase = name === "another passphrase" ? "wrong" : "right";
  await expect(decryptText(file, passphrase)).rejects.toMatchObject({ code });
});

/** The last byte of the content is another one. */
function alter(file: string): string {
  const bytes = Uint8Array.from(armor.decode(file));
  bytes[bytes.length - 1]! ^= 1;
  return armor.encode(bytes);
}

test("a file that is encrypted for a key of age is told apart from a wrong passphrase", async () => {
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(await generateIdentity()));
  const file = armor.encode(await encrypter.encrypt("text"));
  await expect(decryptText(file, "right")).rejects.toMatchObject({
    code: "key-unusable",
    message: expect.stringContaining("for a key of age's own") as string,
  });
});

const age = await promisify(execFile)("age", ["--version"]).then(
  () => true,
  () => false,
);

// age reads a passphrase only from a terminal.
test.skipIf(!age)(`the program age opens it${age ? "" : " (skipped: age is not installed)"}`, async () => {
  const { onProgram } = await import("../cli/support/pty.ts");
  const path = join(folder, "key.age");
  writeFileSync(path, await encryptText("what age prints", "a passphrase", cost));
  const screen = onProgram("age", ["--decrypt", path]);
  await screen.answers("Enter passphrase", "a passphrase\r");
  expect(await screen.ended).toBe(0);
  expect(screen.lines().at(-1)).toContain("what age prints");
});
