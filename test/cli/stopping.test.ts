/** Terminals that have no size, that hang up, and whose shell stops the process and lets it go on. */
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import { encryptText } from "../../src/services/secrets/age-file.ts";
import { startScript } from "./support/child.ts";
import { onProgram, onScreen } from "./support/pty.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-stopping-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const small = fileURLToPath(new URL("support/small.ts", import.meta.url));
const ask = fileURLToPath(new URL("support/ask.ts", import.meta.url));

describe("a terminal", () => {
  test.concurrent.each([
    ["without a size", "0", []],
    ["of one letter", "1", []],
    ["that loses its size", "100", ["shrink"]],
  ])("%s: all that draws and asks comes to its end", async (_name, size, args) => {
    const start = `stty cols ${size} rows ${size}; exec "$0" "$@"`;
    const screen = onProgram("/bin/sh", ["-c", start, process.execPath, small, ...args]);
    await screen.spells("Ablobwasslow.");
    await screen.spells("Text?");
    screen.type("wrong\r");
    await screen.spells("Wrong.");
    screen.type("\u0015right\r");
    await screen.spells("Secret?");
    screen.type("hunter22\r");
    await screen.spells("right,22retnuh");
    expect(await screen.ended).toBe(0);
    expect(screen.raw()).not.toContain("hunter22");
    // Not more than a few lines were written again and again.
    expect(screen.raw().length).toBeLessThan(20_000);
  });

  test.concurrent.each([
    ["at a question", "secret", "Answer:"],
    ["at work", "wait", "Sign in at your old server"],
  ])("that hangs up %s ends the run as Ctrl-C does", async (_name, kind, shown) => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), [kind]);
    await screen.shows(shown);
    screen.hangUp();
    expect(await screen.ended).toBe(130);
  });
});

test.concurrent.each([
  ["the shell's own child", (kind: string) => `'${process.execPath}' '${ask}' ${kind}`],
  // As npx is.
  ["started by a script", (kind: string) => `sh -c "'${process.execPath}' '${ask}' ${kind}; true"`],
])(
  "Ctrl-Z leaves the terminal to the shell as it was, and fg goes on: at a question, and at work, %s",
  async (_name, command) => {
    const shell = onProgram("/bin/bash", ["--norc", "--noprofile", "-i"], { PS1: "ready> " });
    const state = async (name: string): Promise<string> => {
      const before = shell.raw().length;
      // Not as it is typed, so that only the answer has it.
      shell.type(`stty -a; echo ${name.slice(0, 2)}''${name.slice(2)}\r`);
      await shell.shows(name);
      return shell.raw().slice(before);
    };
    const cooked = (said: string): void => {
      expect(said).toMatch(/[^-]icanon/);
      expect(said).toMatch(/[^-]echo /);
      expect(shell.raw().lastIndexOf("\u001b[?25h")).toBeGreaterThanOrEqual(shell.raw().lastIndexOf("\u001b[?25l"));
    };
    await shell.spells("ready>");
    shell.type(`${command("secret")}\r`);
    await shell.spells("?Answer:");
    shell.type("half\u001a");
    await shell.spells("Stopped");
    cooked(await state("first"));
    shell.type("fg\r");
    await shell.spells("?Answer:");
    shell.type("hunter22\r");
    await shell.spells("answered22retnuh");

    await shell.spells("ready>");
    shell.type(`${command("wait")}\r`);
    await shell.spells("Signinatyouroldserver");
    shell.type("\u001a");
    await shell.spells("Stopped");
    cooked(await state("second"));
    shell.type("fg\r");
    await shell.spells("Signinatyouroldserver");
    shell.type("hunter22\u0003");
    await shell.spells("stopping");
    await shell.spells("Stopped.");
    cooked(await state("third"));
    shell.type("exit\r");
    await shell.ended;
    expect(shell.raw()).not.toContain("hunter22");
  },
);

describe("a pipe that nobody writes to", () => {
  const pipe = join(folder, "pipe");

  test("is left at the first Ctrl-C", async () => {
    execFileSync("mkfifo", [pipe]);
    const child = spawn(process.execPath, [startScript, "repo", "ls", pipe], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const closed = once(child, "close");
    // It is at work once it has opened the pipe: whoever writes to it without waiting is let in.
    const { O_WRONLY, O_NONBLOCK } = constants;
    const writer = await vi.waitFor(() => openSync(pipe, O_WRONLY | O_NONBLOCK), 20_000);
    child.kill("SIGINT");
    expect(await closed).toEqual([130, null]);
    closeSync(writer);
    expect(said).toContain("Stopped.");
  });

  test("a thread that never comes back holds up nobody who asks twice, and the terminal is put back", async () => {
    const stuck = join(folder, "stuck");
    execFileSync("mkfifo", [stuck]);
    const child = spawn(process.execPath, [fileURLToPath(new URL("support/stuck.ts", import.meta.url)), stuck], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
    const closed = once(child, "close");
    await vi.waitFor(() => expect(said).toContain("waiting"), 20_000);
    child.kill("SIGINT");
    await vi.waitFor(() => expect(said).toContain("heard"), 20_000);
    child.kill("SIGTERM");
    expect(await closed).toEqual([null, "SIGINT"]);
    expect(said).toContain("left with 130");
  });
});

test("without a terminal, the end of the session ends nothing", async () => {
  const key = parsePrivateKey("7".repeat(64));
  const keyFile = join(folder, "key.age");
  writeFileSync(keyFile, await encryptText(key.reveal(), "open sesame", 8), { mode: 0o600 });
  const [asked, go] = [join(folder, "asked"), join(folder, "go")];
  const command = `touch '${asked}'; until [ -e '${go}' ]; do sleep 0.05; done; echo open sesame`;
  const args = [startScript, "key", "inspect", keyFile, "--passphrase-command", command];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const closed = once(child, "close");
  await vi.waitFor(() => expect(existsSync(asked)).toBe(true), 20_000);
  child.kill("SIGHUP");
  child.kill("SIGHUP");
  writeFileSync(go, "");
  expect(await closed).toEqual([0, null]);
  expect(said).toContain(key.didKey);
});
