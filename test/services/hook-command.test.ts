/** What a command gets that is told something, and what is made of how it ends. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { withoutSecrets } from "../../src/cli/secret-kinds.ts";
import { runHook, type HookCommand } from "../../src/services/secrets/hook-command.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-hook-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const hook = (command: string, more: Partial<HookCommand> = {}): HookCommand => ({
  command,
  purpose: "tell you of it",
  env: process.env,
  signal: new AbortController().signal,
  ...more,
});

describe.skipIf(process.platform === "win32")("a hook", () => {
  test("gets one line of JSON, and nothing of it where a shell would read it", async () => {
    const [said, seen] = [join(folder, "said"), join(folder, "seen")];
    const message = { did: "did:plc:x", handle: "$(touch no)`touch no`'; touch no #" };
    const command = `cat > ${said}; { env; tr '\\0' '\\n' < /proc/$$/cmdline; } > ${seen}`;
    const env = withoutSecrets({ PATH: process.env["PATH"], PLC_SIGNING_KEY: "a-secret", KEPT: "a-word" });
    expect(await runHook(hook(command, { env }), message)).toEqual({ done: true, isTaken: true });
    expect(readFileSync(said, "utf8")).toBe(`${JSON.stringify(message)}\n`);
    const around = readFileSync(seen, "utf8");
    expect(around).toContain("a-word");
    expect(around).not.toMatch(/a-secret|touch no|did:plc:x/);
  });

  test("is not told anything unless there is something to tell", async () => {
    const said = join(folder, "nothing");
    expect(await runHook(hook(`cat > ${said}`))).toEqual({ done: true, isTaken: true });
    expect(readFileSync(said, "utf8")).toBe("");
  });

  test.each([
    ["fails", "echo precious-output; exit 3", "ended with exit code 3"],
    ["is not there", "/nowhere/notify", "ended with exit code 127"],
    ["hangs", "trap '' TERM; sleep 2", "did not answer within 0.3 seconds"],
  ])("that %s stops nobody, and that is said", async (_name, command, why) => {
    const outcome = await runHook(hook(command, { deadline: why.startsWith("did") ? 300 : 30_000 }), { a: 1 });
    expect(outcome).toMatchObject({ done: false, error: { code: "input-needed" } });
    expect(outcome.done ? "" : outcome.error.message).toBe(`The command that should tell you of it ${why}.`);
  });

  test("may say with an exit code of its own that it was passed on, and came to nobody yet", async () => {
    expect(await runHook(hook("exit 8", { passedOn: 8 }))).toEqual({ done: true, isTaken: false });
    expect(await runHook(hook("exit 8"))).toMatchObject({ done: false });
    expect(await runHook(hook("kill -9 $$", { passedOn: 8 }))).toMatchObject({ done: false });
  });

  test("may print what it likes, leave its input unread, and leave something running", async () => {
    const left = join(folder, "left");
    const large = { text: "x".repeat(1 << 20) };
    const command = `head -c 3000000 /dev/zero; (sleep 1; touch ${left}) &`;
    expect(await runHook(hook(command), large)).toEqual({ done: true, isTaken: true });
    expect(existsSync(left)).toBe(false);
    await vi.waitFor(() => expect(existsSync(left)).toBe(true), 20_000);
  });

  test("is left at once when the user leaves", async () => {
    const started = join(folder, "started");
    const controller = new AbortController();
    const running = runHook(hook(`touch ${started}; sleep 300`, { signal: controller.signal }), {});
    running.catch(() => undefined);
    await vi.waitFor(() => expect(existsSync(started)).toBe(true), 20_000);
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: "interrupted" });
  });

  test("is ended with what it starts at that very moment", async () => {
    for (let round = 0; round < 5; round += 1) {
      const started = join(folder, `starts ${round}`);
      const controller = new AbortController();
      // A length that no other process has.
      const length = `300.${process.pid}${round}`;
      const many = `touch '${started}'; ${`sleep ${length} & `.repeat(30)} wait`;
      const running = runHook(hook(many, { signal: controller.signal }), {});
      running.catch(() => undefined);
      await vi.waitFor(() => expect(existsSync(started)).toBe(true), { timeout: 20_000, interval: 1 });
      controller.abort();
      await expect(running).rejects.toMatchObject({ code: "interrupted" });
      const left = (): string[] => processes().filter((line) => line.includes(length));
      await vi.waitFor(() => expect(left()).toEqual([]), 10_000);
    }
  });
});

/** All that runs on this machine: its command lines. */
function processes(): string[] {
  return spawnSync("ps", ["-A", "-o", "args="], { encoding: "utf8" }).stdout.split("\n");
}
