/** What a command that signs may do, and what is made of it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { DecampError } from "../../src/errors.ts";
import { verifySignature } from "../../src/identity/keys.ts";
import { parsePrivateKey } from "../../src/identity/private-key.ts";
import { runSecretCommand } from "../../src/services/secrets/secret-source.ts";
import { signByCommand, type SignerCommand } from "../../src/services/secrets/signer-command.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-signer-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const hex = "7".repeat(64);
const { didKey } = parsePrivateKey(hex);
const keyFile = join(folder, "key");
writeFileSync(keyFile, hex);
const script = new URL("../cli/support/signer.ts", import.meta.url).pathname;
const mark = join(folder, "mark");
const signer = (form: string): string => `'${process.execPath}' ${script} ${keyFile} '${form}' ${mark}`;

async function sign(command: string, more: Partial<SignerCommand> = {}): Promise<Uint8Array> {
  const { signal } = new AbortController();
  return signByCommand({ command, didKey, env: process.env, signal, ...more }, Buffer.from("what is signed"));
}

/** Whether a process does anything: one that has ended may wait for whoever started it. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

describe.skipIf(process.platform === "win32")("a command", () => {
  test.each(["raw", "hex", "der", "high-s der base64"])("that prints the signature as %s", async (form) => {
    const signature = await sign(signer(form));
    expect(verifySignature(didKey, Buffer.from("what is signed"), signature)).toBe(true);
  });

  test("that signs with another key is refused, and that is said", async () => {
    const other = parsePrivateKey("8".repeat(64)).didKey;
    await expect(sign(signer("raw"), { didKey: other })).rejects.toMatchObject({
      code: "key-unusable",
      message: expect.stringContaining(`is no signature by ${other}`) as string,
    });
  });

  test.each<[string, string, object]>([
    ["fails", signer("fails"), { code: "input-needed", message: expect.stringContaining("exit code 3") as string }],
    ["prints words", signer("words"), { code: "key-unusable" }],
    ["prints nothing", "true", { code: "key-unusable" }],
    ...["yes precious-output", "yes precious-output; exit 1", "yes precious-output | cat; exit 0"].map(
      (command): [string, string, object] => [
        `prints too much (${command})`,
        command,
        { code: "input-needed", message: expect.stringContaining("printed more than can be used") as string },
      ],
    ),
    ["is not there", "/nowhere/sign", { code: "input-needed" }],
    ["kills itself", "kill -9 $$", { code: "input-needed", message: expect.stringContaining("SIGKILL") as string }],
  ])("that %s: the error does not repeat what it printed", async (_name, command, expected) => {
    const error: unknown = await sign(command).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(expected);
    expect(String((error as Error).stack)).not.toContain("precious-output");
  });

  test("that does not read what it is to sign is judged by what it prints", async () => {
    const large = Buffer.alloc(1 << 20);
    const { signal } = new AbortController();
    const options = { command: "echo no", didKey, env: process.env, signal };
    await expect(signByCommand(options, large)).rejects.toMatchObject({ code: "key-unusable" });
  });

  test("that does not answer is given up, also when something that it started holds its output", async () => {
    for (const command of ["sleep 2", "trap '' TERM; sleep 2", "sleep 2 & wait"]) {
      await expect(sign(command, { deadline: 200 })).rejects.toMatchObject({
        code: "input-needed",
        message: expect.stringContaining("did not answer within 0.2 seconds") as string,
      });
    }
  });

  test("that is given up is ended with all that it has started", async () => {
    const commands = {
      "its child": "sleep 300 & echo $! > %; wait",
      "the end of a pipeline": "sh -c 'echo $$ > %; exec sleep 300' | cat",
      "one that has lost its parent": "(sleep 300 & echo $! > %); sleep 300",
      "one that outlived the command": "sleep 300 & echo $! > %",
    };
    const giveUp = {
      signer: async (command: string) => sign(command, { deadline: 500 }),
      secret: async (command: string) => runSecretCommand(command, "the secret", process.env, AbortSignal.timeout(500)),
    };
    const runs = Object.entries(commands).flatMap(([name, command]) =>
      Object.entries(giveUp).map(async ([kind, give]) => {
        const pidFile = join(folder, `${kind} of ${name}`);
        await expect(give(command.replace("%", `"${pidFile}"`))).rejects.toBeInstanceOf(DecampError);
        const pid = Number(readFileSync(pidFile, "utf8"));
        await vi.waitFor(
          () => expect({ kind, name, runs: isRunning(pid) }).toEqual({ kind, name, runs: false }),
          10_000,
        );
      }),
    );
    await Promise.all(runs);
  });

  test("is left at once when the user leaves", async () => {
    rmSync(mark, { force: true });
    const controller = new AbortController();
    const signing = sign(`${signer("hangs")} & wait`, { signal: controller.signal });
    signing.catch(() => undefined);
    await vi.waitFor(() => expect(existsSync(mark)).toBe(true), 30_000);
    controller.abort();
    await expect(signing).rejects.toMatchObject({ code: "interrupted" });
    await expect(sign(signer("raw"), { signal: controller.signal })).rejects.toMatchObject({ code: "interrupted" });
  });
});
