/**
 * The system's keychain: a real Secret Service on a bus of its own, where one is installed; and what is said where none
 * is.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import { startScript } from "./support/child.ts";

const execute = promisify(execFile);
const home = mkdtempSync(join(tmpdir(), "decamp-keychain-"));
mkdirSync(join(home, "run"), { mode: 0o700 });
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});
const env = { PATH: process.env["PATH"], HOME: home, XDG_RUNTIME_DIR: join(home, "run"), XDG_STATE_HOME: home };

const parts = [
  ["dbus-run-session", "--version"],
  ["gnome-keyring-daemon", "--version"],
] as const;
const missing = (
  await Promise.all(
    parts.map(async ([name, ...argv]) =>
      execute(name, argv).then(
        () => [],
        () => [name],
      ),
    ),
  )
).flat();
const why = missing.length === 0 ? "" : ` (skipped: no ${missing.join(", no ")})`;

/** Runs lines of shell in a session with an open keychain. `$DECAMP` is the command. */
async function inSession(...lines: string[]): Promise<string[]> {
  const script = ["printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1", ...lines];
  const { stdout } = await execute("dbus-run-session", ["--", "sh", "-e", "-c", script.join("\n")], {
    env: { ...env, DECAMP: `${process.execPath} ${startScript}` },
  });
  return stdout.trim().split("\n");
}

const hex = "7".repeat(64);
const key = parsePrivateKey(hex);

describe.skipIf(missing.length > 0)(`a real Secret Service${why}`, () => {
  test("a new key is kept, and found again by another process", async () => {
    const [made = "", found = "", ...more] = await inSession(
      "$DECAMP key generate --json > $HOME/made",
      "cat $HOME/made",
      `$DECAMP key inspect "$(sed 's/.*"didKey":"\\([^"]*\\)".*/\\1/' $HOME/made)" --json`,
    );
    const { didKey } = JSON.parse(made) as { didKey: string };
    expect(JSON.parse(made)).toMatchObject({ command: "key generate", where: "the keychain", encrypted: false });
    expect(JSON.parse(found)).toMatchObject({ command: "key inspect", where: "the keychain", didKey });
    expect(more).toEqual([]);
  });

  test("an imported key; a key that is not there is named, with exit code 7", async () => {
    const [imported = "", code] = await inSession(
      `echo ${hex} | $DECAMP key import - --json`,
      `code=0; $DECAMP key inspect did:key:zNone 2>$HOME/errors || code=$?`,
      "echo $code",
    );
    expect(JSON.parse(imported)).toMatchObject({ didKey: key.didKey, where: "the keychain" });
    expect(code).toBe("7");
  });
});

test.skipIf(process.platform !== "linux")("no keychain: exit code 7, said once, with the alternative", async () => {
  const ended = await execute(process.execPath, [startScript, "key", "generate"], { env }).catch(
    (error: unknown) => error,
  );
  expect(ended).toMatchObject({
    code: 7,
    stdout: "",
    stderr:
      "Error: This machine has no keychain that can be used.\n" +
      "Hint: Keep the key in an encrypted file instead: decamp key generate -o rotation-key.age\n",
  });
});
