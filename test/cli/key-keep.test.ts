import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import { decryptText, encryptText } from "../../src/services/secrets/age-file.ts";
import { startScript } from "./support/child.ts";
import { onScreen } from "./support/pty.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-key-keep-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const fresh = (): string => mkdtempSync(join(folder, "x-"));

const hex = "7".repeat(64);
const key = parsePrivateKey(hex);
const env = { DECAMP_PASSPHRASE: "open sesame" };

/** A key file that opens quickly. */
async function cheapFile(place: string): Promise<string> {
  const path = join(place, "cheap.age");
  writeFileSync(path, await encryptText(key.reveal(), env.DECAMP_PASSPHRASE, 8));
  return path;
}

// Every key that is kept costs the scrypt of age twice, some seconds: few tests keep one.

describe("key generate", () => {
  test("into a file: encrypted, for its owner alone; what is printed is its public part", async () => {
    const path = join(fresh(), "key.age");
    const { exitCode, stdout, stderr } = await run(["key", "generate", "-o", path], { env });
    expect(exitCode).toBe(0);
    const file = readFileSync(path, "utf8");
    const text = await decryptText(file, env.DECAMP_PASSPHRASE);
    const [secret = "", ...more] = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    const made = parsePrivateKey(secret);
    expect(more).toEqual([]);
    expect(made.curve).toBe("k256");
    expect(text).toContain(`# public key: ${made.didKey}\n`);
    expect(stdout).toBe(
      `Public key   ${made.didKey}\nCurve        k256\nKept in      ${path}, encrypted\n` +
        "Signs        yes, read back and tried\n",
    );
    expect(stdout + stderr + file).not.toContain(secret);
    expect(process.platform === "win32" ? 0o600 : statSync(path).mode & 0o777).toBe(0o600);
  });

  test.each<[string, (path: string) => void]>([
    ["a file", (path) => writeFileSync(path, "precious")],
    ["a folder", (path) => symlinkSync(folder, path)],
    ["a link that leads nowhere", (path) => symlinkSync(join(folder, "nowhere"), path)],
  ])("%s of that name is not overwritten: exit code 9", async (_name, make) => {
    const place = fresh();
    const path = join(place, "key.age");
    make(path);
    const { exitCode, stdout, stderr } = await run(["key", "generate", "-o", path], { env });
    expect({ exitCode, stdout }).toEqual({ exitCode: 9, stdout: "" });
    expect(stderr).toContain(`${path} is there already, and is not overwritten.`);
    expect(readdirSync(place)).toEqual(["key.age"]);
    expect(existsSync(join(folder, "nowhere"))).toBe(false);
  });

  test("a folder that is not there is not made", async () => {
    const path = join(fresh(), "missing", "key.age");
    const { exitCode, stdout, stderr } = await run(["key", "generate", "-o", path], { env });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain("there is no such folder");
  });

  test("without a passphrase: exit code 7, and no file", async () => {
    for (const given of [{}, { DECAMP_PASSPHRASE: "" }]) {
      const place = fresh();
      const { exitCode, stdout, stderr } = await run(["key", "generate", "-o", join(place, "key.age")], { env: given });
      expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: "" });
      expect(stderr).toContain("--passphrase-file, --passphrase-command, or DECAMP_PASSPHRASE");
      expect(readdirSync(place)).toEqual([]);
    }
  });
});

describe("key import", () => {
  test("a copy of an encrypted file, which stays as it is", async () => {
    const place = fresh();
    const path = await cheapFile(place);
    const before = readFileSync(path, "utf8");
    const copy = join(place, "copy.age");
    const { exitCode, stdout } = await run(["key", "import", path, "-o", copy, "--json"], { env });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      type: "result",
      version: 1,
      command: "key import",
      didKey: key.didKey,
      curve: "k256",
      where: copy,
      encrypted: true,
    });
    expect(parsePrivateKey(await decryptText(readFileSync(copy, "utf8"), env.DECAMP_PASSPHRASE)).didKey).toBe(
      key.didKey,
    );
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  test("what is no key is refused, and no file is made", async () => {
    const place = fresh();
    const argv = ["key", "import", "-", "-o", join(place, "key.age")];
    const { exitCode, stderr } = await run(argv, { env, input: "correct horse battery staple" });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("no private key in a form that decamp knows");
    expect(stderr).not.toContain("horse");
    expect(readdirSync(place)).toEqual([]);
  });
});

describe("on a terminal", () => {
  test("the passphrase is asked for twice, an empty one is refused, none is shown; --reveal shows the key", async () => {
    const argv = ["key", "generate", "--curve", "p256", "--reveal", "-o", join(fresh(), "key.age")];
    const screen = onScreen(new URL(`file://${startScript}`), argv, { NO_COLOR: "1" });
    await screen.answers("A passphrase for the key file:", "\r");
    await screen.answers("Please type an answer", "open sesame\r");
    await screen.answers("The same passphrase once more:", "open sesam\r");
    await screen.answers("The two were not the same.", "open sesame\r");
    await screen.answers("The same passphrase once more:", "open sesame\r");
    expect(await screen.ended).toBe(0);
    const text = screen.lines().join("\n");
    const shown = /^Private key {2}(z\S+)$/m.exec(text)?.[1] ?? "";
    expect(text).toContain(`Public key   ${parsePrivateKey(shown).didKey}\nCurve        p256\n`);
    expect(screen.raw()).not.toContain("sesam");
  });

  test("Ctrl-C at the passphrase leaves nothing behind", async () => {
    const place = fresh();
    const argv = ["key", "generate", "-o", join(place, "key.age")];
    const screen = onScreen(new URL(`file://${startScript}`), argv, { NO_COLOR: "1" });
    await screen.answers("A passphrase for the key file:", "open\u0003");
    expect(await screen.ended).toBe(130);
    expect(readdirSync(place)).toEqual([]);
  });

  test("a passphrase that does not open the file is asked for again, three times in all", async () => {
    const path = await cheapFile(fresh());
    for (const last of ["open sesame", "open rye"]) {
      const screen = onScreen(new URL(`file://${startScript}`), ["key", "inspect", path], { NO_COLOR: "1" });
      await screen.answers("Passphrase of the key file:", "open barley\r");
      await screen.answers("That passphrase does not open the key file. Once more (2 of 3):", "open oats\r");
      await screen.answers("That passphrase does not open the key file. Once more (3 of 3):", `${last}\r`);
      expect(await screen.ended).toBe(last === "open sesame" ? 0 : 4);
      expect(screen.lines().join("\n")).toContain(
        last === "open sesame" ? key.didKey : "The passphrase does not open the key file.",
      );
    }
  });
});
