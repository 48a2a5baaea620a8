import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { KnownSecrets } from "../../src/data/known-secrets.ts";
import { createPrompter, type Prompter } from "../../src/cli/talk/prompter.ts";
import { keeperAnswers } from "../../src/cli/look/keepers.ts";
import { secretKinds } from "../../src/cli/secret-kinds.ts";
import type { Owner } from "../../src/cli/talk/answers/as-owner.ts";
import { createSecrets, lookAtSecretFiles, type AllSecretFlags, type Secrets } from "../../src/cli/talk/secrets.ts";
import { openTerminal, type Terminal } from "../../src/cli/talk/terminal.ts";
import { captured, type StreamOptions } from "./support/streams.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-secrets-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

async function edge(options: StreamOptions = {}): Promise<{ terminal: Terminal; signal: AbortSignal }> {
  const { parts } = captured({ ...options, env: { PATH: process.env["PATH"], ...options.env } });
  return { terminal: await openTerminal(parts, { noColor: false }), signal: new AbortController().signal };
}

async function secrets(flags: AllSecretFlags, options: StreamOptions = {}): Promise<Secrets & { known: KnownSecrets }> {
  const { terminal, signal } = await edge(options);
  const prompter = createPrompter(terminal, {
    noInput: true,
    json: false,
    noColor: false,
    signal,
    leave: () => undefined,
  });
  const known = terminal.secrets;
  return { ...createSecrets(terminal, flags, prompter, known, signal), known };
}

const question = { message: "Password:" };

describe("where a secret comes from", () => {
  const env = { DECAMP_SOURCE_PASSWORD: "from env", ATP_PASSWORD: "from the other variable" };

  test("a file, before the environment; the line end is not part of it, spaces are", async () => {
    const from = await secrets({ sourcePassword: { file: file("p", " from file \r\n") } }, { env });
    expect(await from.read("sourcePassword", question)).toBe(" from file ");
    expect(from.known.redact("read from file !")).toBe("read[secret]!");
  });

  test("a command, before the environment", async () => {
    const from = await secrets({ sourcePassword: { command: "echo from command" } }, { env });
    expect(await from.read("sourcePassword", question)).toBe("from command");
  });

  test.each(["two\nlines", "two\r\nlines", "a\ttab", "\nbefore", "an\u001Bescape"])(
    "a passphrase that no prompt takes is refused wherever it comes from: %j",
    async (passphrase) => {
      const name = file("passphrase", `${passphrase}\n`);
      const given = [
        await secrets({ passphrase: { file: name } }),
        await secrets({ passphrase: { command: `cat ${name}` } }),
        await secrets({}, { env: { DECAMP_PASSPHRASE: passphrase } }),
      ];
      for (const one of given) {
        await expect(one.readGiven("passphrase")).rejects.toMatchObject({ code: "usage", exitCode: 2 });
      }
      await expect(
        (await secrets({ passphrase: { file: file("p", "one line \r\n") } })).readGiven("passphrase"),
      ).resolves.toBe("one line ");
    },
  );

  test("our variable before the one of other tools; an empty one is none", async () => {
    expect(await (await secrets({}, { env })).read("sourcePassword", question)).toBe("from env");
    const other = await secrets({}, { env: { ...env, DECAMP_SOURCE_PASSWORD: "" } });
    expect(await other.read("sourcePassword", question)).toBe("from the other variable");
  });

  test.each(Object.entries(secretKinds))("every variable of %s", async (name, kind) => {
    for (const variable of kind.env) {
      const from = await secrets({}, { env: { [variable]: "x1234" } });
      expect(await from.read(name as keyof typeof secretKinds, question)).toBe("x1234");
    }
  });

  test("standard input, which a second question does not read again", async () => {
    const from = await secrets({ sourcePassword: { file: "-" } }, { input: "from stdin\n", env });
    expect(await from.read("sourcePassword", question)).toBe("from stdin");
    expect(await from.read("sourcePassword", question)).toBe("from stdin");
  });

  test("nowhere: exit code 7, and every way to answer is named", async () => {
    await expect((await secrets({})).read("targetPassword", question)).rejects.toMatchObject({
      code: "input-needed",
      exitCode: 7,
      message: expect.stringContaining("the password for your new server") as string,
      hint:
        "Give it with --new-password-file, --new-password-command, " +
        "or DECAMP_TARGET_PASSWORD or NEW_ACCOUNT_PASSWORD in the environment.",
    });
  });

  test("after a refusal nothing but a person is asked", async () => {
    const from = await secrets({ sourcePassword: { command: "echo wrong" } }, { env });
    await expect(from.read("sourcePassword", { ...question, again: true })).rejects.toMatchObject({
      code: "input-needed",
    });
  });
});

test("a short passphrase for a key file is asked about, and not taken without a yes", async () => {
  const typed = ["short", "also", "also", "long enough 1", "long enough 2", "long enough 3", "long enough 3"];
  const said = ["no", "yes"];
  const asked: string[] = [];
  const { signal } = new AbortController();
  const terminal = await openTerminal(captured({}).parts, { noColor: true });
  const prompter: Prompter = {
    ...createPrompter(terminal, { noInput: true, json: false, noColor: true, signal, leave: () => undefined }),
    secret: async () => Promise.resolve(typed.shift() ?? ""),
    text: async ({ message, suggestion }) => {
      asked.push(`${message} ${suggestion ?? ""}`);
      return Promise.resolve(said.shift() ?? "");
    },
  };
  const forFile = { message: "A passphrase:", repeat: "Once more:", guardsFile: true };
  const first = createSecrets(terminal, {}, prompter, terminal.secrets, signal);
  expect(await first.read("passphrase", forFile)).toBe("also");
  expect(asked).toHaveLength(2);
  expect(asked[0]).toMatch(/fewer than 10 characters.* \(yes or no\) $/);
  // Of a long one nothing is asked; two that differ are typed anew.
  const second = createSecrets(terminal, {}, prompter, terminal.secrets, signal);
  expect(await second.read("passphrase", forFile)).toBe("long enough 3");
  expect(asked).toHaveLength(2);
});

describe("a command", () => {
  test("is not run before its secret is needed, and once for every code that is good for one use", async () => {
    const log = join(folder, "log");
    const command = `echo run >> '${log}'; echo CODE-1`;
    writeFileSync(log, "");
    const from = await secrets({ plcToken: { command }, sourcePassword: { command } });
    expect(readFileSync(log, "utf8")).toBe("");
    await from.read("plcToken", question);
    await from.read("plcToken", question);
    expect(readFileSync(log, "utf8")).toBe("run\nrun\n");
    await from.read("sourcePassword", question);
    await from.read("sourcePassword", question);
    expect(readFileSync(log, "utf8")).toBe("run\nrun\nrun\n");
  });

  test("does not inherit other secrets, and gets the rest of the environment", async () => {
    const env = { DECAMP_TARGET_PASSWORD: "do not inherit", PLC_SIGN_TOKEN: "nor this", PASSWORD_STORE_DIR: "/store" };
    const from = await secrets({ sourcePassword: { command: "env" } }, { env });
    const printed = await from.read("sourcePassword", question);
    expect(printed).toContain("PASSWORD_STORE_DIR=/store");
    expect(printed).not.toMatch(/inherit|nor this/);
  });

  test.each([
    ["exit 3", "ended with exit code 3"],
    ["kill -TERM $$", "was ended by SIGTERM"],
    ["true", "printed nothing that can be used"],
    ["echo secret-word; exit 1", "ended with exit code 1"],
    ["yes secret-word; exit 1", "printed more than can be used, and was stopped"],
  ])("that fails (%s) is named, what it printed is not", async (command, why) => {
    const from = await secrets({ plcToken: { command } });
    const error: unknown = await from.read("plcToken", question).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "input-needed" });
    expect((error as Error).message).toBe(
      `The command that should print the code that your old server mailed to you to confirm the move ${why}.`,
    );
  });
});

describe("before any work is done", () => {
  const { signal } = new AbortController();
  const nowhere = join(folder, "nowhere");

  test.each<[string, AllSecretFlags, string | undefined]>([
    ["a password", { targetPassword: { file: nowhere } }, undefined],
    ["a passphrase", { passphrase: { file: nowhere } }, undefined],
    ["the key that is put first", {}, nowhere],
  ])("the file of %s has to be there", async (_name, flags, keyFile) => {
    await expect(lookAtSecretFiles(flags, keyFile, signal)).rejects.toMatchObject({
      code: "unreadable-file",
      message: expect.stringContaining(`${nowhere}: there is no such file`) as string,
    });
  });

  test("a code need not be there yet, and no command is run", async () => {
    const ran = join(folder, "ran");
    const flags = {
      plcToken: { file: nowhere },
      sourcePassword: { command: `touch ${ran}` },
      passphrase: { file: "-" },
    };
    await lookAtSecretFiles(flags, undefined, signal);
    expect(existsSync(ran)).toBe(false);
  });

  test.skipIf(process.platform === "win32")("what can be read only once is left for later", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const flags = { sourcePassword: { file: pipe } };
    const written = writeFile(pipe, "from the pipe");
    await lookAtSecretFiles(flags, undefined, signal);
    expect(await (await secrets(flags)).read("sourcePassword", question)).toBe("from the pipe");
    await written;
  });
});

describe("a file that is of no use: exit code 2, the path is named, and the hint fits", () => {
  const meant = "Check that this is what you meant to give.";

  test.each([
    ["missing", () => join(folder, "missing"), "there is no such file", "Check the path."],
    ["below a file", () => join(file("below", "x"), "secret"), "a part of the path is not a folder", "Check the path."],
    ["a folder", () => folder, "it is a folder", "Give the path of a file."],
    ["empty", () => file("empty", "\n"), "it is empty", meant],
    ["no text", () => file("binary", new Uint8Array([0xff, 0xfe, 0x00])), "it is not UTF-8 text", meant],
    ["far too long", () => file("long", "x".repeat(70_000)), "it is longer than 64 KiB", meant],
  ])("%s", async (_name, path, why, hint) => {
    const from = await secrets({ sourcePassword: { file: path() } });
    await expect(from.read("sourcePassword", question)).rejects.toMatchObject({
      code: "unreadable-file",
      exitCode: 2,
      message: expect.stringMatching(new RegExp(`${path()}: ${why}`)) as string,
      hint,
    });
  });
});

test("a password that was given for one server goes to no other, named or not", async () => {
  const given = await secrets({ oldPassword: { file: file("old-server", "for the old one") } });
  const answers = {
    canAskAgain: false,
    sourcePassword: async () => Promise.resolve("for home"),
  } as unknown as Owner["answers"];
  const asked = keeperAnswers(
    { isOldGiven: true, isOwnGiven: false },
    { answers, secrets: given, prompter: { canAsk: false } as Prompter },
  );
  const seen = async (host: string, isHome: boolean, isNamed: boolean): Promise<unknown> => {
    const server = { handle: "alice.example", host, isHome, isNamed };
    return [
      await asked.wantsSignIn(server),
      await asked.keeperPassword(server).catch((error: unknown) => (error as { code: string }).code),
    ];
  };
  expect(await seen("old.example", false, true)).toEqual([true, "for the old one"]);
  expect(await seen("home.example", true, true)).toEqual([true, "for the old one"]);
  expect(await seen("home.example", true, false)).toEqual([false, "for home"]);
  expect(await seen("first.example", false, false)).toEqual([false, "input-needed"]);
});

test("for a server that is not settled only what a person has typed for it counts, and that is asked for once", async () => {
  const asked: (string | undefined)[] = [];
  const prompter = {
    canAsk: true,
    secret: async ({ lead }: { lead?: string }) => Promise.resolve(`typed ${asked.push(lead)}`),
  } as unknown as Prompter;
  const given = { sourcePassword: { file: file("given", "given beforehand") } };
  const { terminal, signal } = await edge();
  const read = createSecrets(terminal, given, prompter, terminal.secrets, signal);
  const at = async (host?: string): Promise<string> =>
    read.read("sourcePassword", {
      ...question,
      ...(host === undefined ? {} : { onlyTyped: { host, why: `Who has named ${host}?` } }),
    });
  expect(await at()).toBe("given beforehand");
  expect([await at("new.example"), await at("new.example"), await at("other.example")]).toEqual([
    "typed 1",
    "typed 1",
    "typed 2",
  ]);
  expect(asked).toEqual(
    ["new", "other"].map((name) => `Who has named ${name}.example? So what was given beforehand is not sent there.`),
  );
  const nothing = createSecrets(terminal, {}, prompter, terminal.secrets, signal);
  await nothing.read("sourcePassword", { ...question, onlyTyped: { host: "new.example", why: "Who?" } });
  expect(asked.at(-1)).toBe(undefined);
});
