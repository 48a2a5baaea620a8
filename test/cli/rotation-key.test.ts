import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, describe, expect, test } from "vitest";
import { rotationKeyOptions, type RotationKeyFlags } from "../../src/cli/shape.ts";
import { createPrompter, type Prompter } from "../../src/cli/talk/prompter.ts";
import { openKey, readRotationKey, rotationKeySecrets } from "../../src/cli/talk/rotation-key.ts";
import { createSecrets } from "../../src/cli/talk/secrets.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { DecampError } from "../../src/errors.ts";
import { parsePrivateKey, type PrivateKey } from "../../src/identity/private-key.ts";
import { encryptText } from "../../src/services/secrets/age-file.ts";
import type { Keychain } from "../../src/services/secrets/keychain.ts";
import { captured, type StreamOptions } from "./support/streams.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-rotation-key-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const hex = "7".repeat(64);
const key = parsePrivateKey(hex);
const other = parsePrivateKey("8".repeat(64), "p256");
const encrypted = await encryptText(`# a remark\n${key.reveal()}\n`, "open sesame", 8);

const noKeychain: Keychain = {
  find: async () => Promise.reject(new DecampError("no-keychain", "none here")),
  keep: async () => Promise.reject(new DecampError("no-keychain", "none here")),
};

function keychainOf(...keys: PrivateKey[]): Keychain {
  return { ...noKeychain, find: async (name) => keys.find(({ didKey }) => didKey === name)?.reveal() };
}

function file(name: string, content: string | Uint8Array, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

interface Given extends StreamOptions {
  readonly argv?: readonly string[];
  readonly keychain?: Keychain;
  readonly wanted?: readonly string[];
}

/** Reads a key as a command with these arguments does; also what it learned to keep to itself. */
async function read({ argv = [], keychain = noKeychain, wanted = [], ...streams }: Given) {
  const command = rotationKeyOptions(new Command()).parse(argv, { from: "user" });
  const flags = command.opts<RotationKeyFlags>();
  const { signal } = new AbortController();
  const env = { PATH: process.env["PATH"], ...streams.env };
  const terminal = await openTerminal(captured({ ...streams, env }).parts, { noColor: true });
  const prompter = createPrompter(terminal, {
    noInput: true,
    json: false,
    noColor: true,
    signal,
    leave: () => undefined,
  });
  const secrets = createSecrets(terminal, rotationKeySecrets(flags), prompter, terminal.secrets, signal);
  const got = await readRotationKey({ secrets, keychain, signal }, { curve: flags.curve, didKeys: wanted });
  return { didKey: got.didKey, redact: (text: string) => terminal.secrets.redact(text) };
}

describe("where the key comes from", () => {
  test("a file, before the environment and the keychain", async () => {
    const argv = ["--rotation-key-file", file("key", `${key.reveal()}\n`)];
    const env = { PLC_SIGNING_KEY: other.reveal() };
    const keychain = keychainOf(other);
    expect(await read({ argv, env, keychain, wanted: [other.didKey] })).toMatchObject({ didKey: key.didKey });
  });

  test("the standard input, and a command", async () => {
    expect(await read({ argv: ["--rotation-key-file", "-"], input: `${key.reveal()}\n` })).toMatchObject({
      didKey: key.didKey,
    });
    expect(await read({ argv: ["--rotation-key-command", `echo ${hex}`] })).toMatchObject({ didKey: key.didKey });
  });

  test("the environment, before the keychain", async () => {
    const env = { PLC_SIGNING_KEY: hex };
    expect(await read({ env, keychain: keychainOf(other), wanted: [other.didKey] })).toMatchObject({
      didKey: key.didKey,
    });
  });

  test("the keychain: the first that is wanted", async () => {
    const keychain = keychainOf(key, other);
    expect(await read({ keychain, wanted: ["did:key:zNot", other.didKey, key.didKey] })).toMatchObject({
      didKey: other.didKey,
    });
  });

  test.each([
    ["no keychain", noKeychain],
    ["nothing in it", keychainOf()],
  ])("nowhere, with %s: exit code 7, and every way to answer is named", async (_name, keychain) => {
    await expect(read({ keychain, wanted: [key.didKey] })).rejects.toMatchObject({
      code: "input-needed",
      exitCode: 7,
      hint: "Give it with --rotation-key-file, --rotation-key-command, or PLC_SIGNING_KEY in the environment.",
    });
  });

  test("digits are k256 unless --curve says p256", async () => {
    const env = { PLC_SIGNING_KEY: "8".repeat(64) };
    expect(await read({ env, argv: ["--curve", "p256"] })).toMatchObject({ didKey: other.didKey });
    expect((await read({ env })).didKey).not.toBe(other.didKey);
  });
});

describe("an encrypted file", () => {
  const argv = ["--rotation-key-file", file("key.age", encrypted)];

  test("opens with the passphrase from a file, a command, or the environment", async () => {
    const passphrase = file("passphrase", "open sesame\n");
    const opened = { didKey: key.didKey };
    expect(await read({ argv: [...argv, "--passphrase-file", passphrase] })).toMatchObject(opened);
    expect(await read({ argv: [...argv, "--passphrase-command", "echo open sesame"] })).toMatchObject(opened);
    expect(await read({ argv, env: { DECAMP_PASSPHRASE: "open sesame" } })).toMatchObject(opened);
  });

  test("stays shut with another one: exit code 4", async () => {
    await expect(read({ argv, env: { DECAMP_PASSPHRASE: "open barley" } })).rejects.toMatchObject({
      code: "passphrase-refused",
      exitCode: 4,
    });
  });

  test("asks for its passphrase by name if there is none", async () => {
    await expect(read({ argv })).rejects.toMatchObject({
      code: "input-needed",
      message: expect.stringContaining("the passphrase of the key file") as string,
      hint: "Give it with --passphrase-file, --passphrase-command, or DECAMP_PASSPHRASE in the environment.",
    });
  });
});

test("the key, what it was encrypted as, and the passphrase are kept out of what is printed", async () => {
  const env = { PLC_SIGNING_KEY: encrypted.trimEnd(), DECAMP_PASSPHRASE: "open sesame" };
  const opened = await read({ env });
  expect(opened.redact(`open sesame: ${key.reveal()}`)).toBe("[secret]: [secret]");
  expect((await read({ env: { PLC_SIGNING_KEY: hex } })).redact(`${hex} ${key.reveal()}`)).toBe("[secret] [secret]");
});

describe.skipIf(process.platform === "win32")("a file that others can read", () => {
  test.each([0o644, 0o640, 0o604, 0o660])("in clear, mode %o: refused with exit code 9", async (mode) => {
    const path = file(`open-${mode.toString(8)}`, `${hex}\n`, mode);
    await expect(read({ argv: ["--rotation-key-file", path] })).rejects.toMatchObject({
      code: "refused",
      exitCode: 9,
      message: `Others on this machine can read the file ${path}, which holds your rotation key.`,
      hint: `Run chmod 600 ${path}, and think about who may have read it.`,
    });
  });

  test("is fine if it is encrypted", async () => {
    const argv = ["--rotation-key-file", file("open.age", encrypted, 0o644)];
    expect(await read({ argv, env: { DECAMP_PASSPHRASE: "open sesame" } })).toMatchObject({ didKey: key.didKey });
  });
});

test("each of two files has its own passphrase, which nobody types twice", async () => {
  const second = await encryptText(other.reveal(), "another one", 8);
  const typed = ["open sesame", "another one"];
  const { signal } = new AbortController();
  const terminal = await openTerminal(captured({ env: {} }).parts, { noColor: true });
  const prompter: Prompter = {
    ...createPrompter(terminal, { noInput: true, json: false, noColor: true, signal, leave: () => undefined }),
    secret: async () => Promise.resolve(typed.shift() ?? "asked too often"),
  };
  const secrets = createSecrets(terminal, {}, prompter, terminal.secrets, signal);
  const opened = [];
  for (const text of [encrypted, second, encrypted, second]) {
    opened.push((await openKey(text, secrets)).didKey);
  }
  expect(opened).toEqual([key.didKey, other.didKey, key.didKey, other.didKey]);
  // Of a new file it is not taken without a word.
  typed.push("a third, and long");
  expect(await secrets.read("passphrase", { message: "A passphrase:", isNew: true })).toBe("a third, and long");
});

/** Reads a key of somebody who types these lines, and is asked so. */
async function readTyped(
  ...typed: string[]
): Promise<{ didKey: string; asked: string[]; says: (text: string) => string }> {
  const asked: string[] = [];
  const { signal } = new AbortController();
  const terminal = await openTerminal(captured({ env: { HOME: folder } }).parts, { noColor: true });
  const prompter: Prompter = {
    ...createPrompter(terminal, { noInput: true, json: false, noColor: true, signal, leave: () => undefined }),
    secret: async ({ message }) => Promise.resolve(void asked.push(message)).then(() => typed.shift() ?? ""),
  };
  const secrets = createSecrets(terminal, {}, prompter, terminal.secrets, signal);
  const sources = { secrets, keychain: noKeychain, signal };
  const { didKey } = await readRotationKey(sources, { curve: undefined, didKeys: [] });
  return { didKey, asked, says: (text) => terminal.secrets.redact(text) };
}

describe("who types the name of a file in place of the key", () => {
  const plain = file("typed.txt", `${hex}\n`);

  test.each([plain, "~/typed.txt"])("has it read: %s", async (name) => {
    const { didKey, asked, says } = await readTyped(name);
    expect([didKey, asked.length]).toEqual([key.didKey, 1]);
    expect(asked[0]).toContain("its file");
    // The key is kept out of what is printed, and the name of its file is not.
    expect([says(hex), says(name)]).toEqual(["[secret]", name]);
  });

  test("is asked for the passphrase of an encrypted one, and once more where there is none of that name", async () => {
    const { didKey, asked } = await readTyped("rotation-key.agee", file("typed.age", encrypted), "open sesame");
    expect([didKey, asked.length]).toEqual([key.didKey, 3]);
    expect(asked[1]).toMatch(/rotation-key\.agee.*Your rotation key: its file/);
  });

  test("is told how a file looks where that could be a word, and is refused one that others can read", async () => {
    const { asked } = await readTyped("mykey", key.reveal());
    expect(asked[1]).toContain("./rotation-key.age");
    await expect(readTyped(file("typed-open.txt", hex, 0o644))).rejects.toMatchObject({ code: "refused" });
    await expect(readTyped("./a", "./b", "./c")).rejects.toMatchObject({ code: "unreadable-file" });
  });

  test("and what could be a key is never repeated", async () => {
    const slip = `./${hex}`;
    const { asked } = await readTyped(slip, key.reveal());
    expect(asked.join()).not.toContain(hex);
  });
});
