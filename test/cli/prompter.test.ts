import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { createPrompter } from "../../src/cli/talk/prompter.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { onScreen, type Screen } from "./support/pty.ts";
import { captured } from "./support/streams.ts";

/** Whether the cursor, which a spinner hides, was shown again. */
const cursorIsBack = (screen: Screen): boolean =>
  screen.raw().lastIndexOf("\u001b[?25h") > screen.raw().lastIndexOf("\u001b[?25l");

describe("on a real terminal", () => {
  test("a line is asked for, checked, and asked for again", async () => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), ["text"]);
    await screen.answers("Answer:", "wrong\r");
    await screen.answers("That is wrong.", `${"\u007f".repeat(5)}right\r`);
    expect(await screen.ended).toBe(0);
    expect(screen.lines().at(-1)).toBe("answered thgir");
  });

  test("an empty line is no answer", async () => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), ["text"]);
    await screen.answers("Answer:", "\r");
    await screen.answers("Please type an answer", "ok\r");
    expect(await screen.ended).toBe(0);
  });

  test("a secret is never echoed, not even its length", async () => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), ["secret"]);
    await screen.answers("Answer:", "hunter22");
    screen.type("\r");
    expect(await screen.ended).toBe(0);
    expect(screen.lines().at(-1)).toBe("answered 22retnuh");
    expect(screen.raw()).not.toContain("hunter");
    expect(screen.raw()).not.toMatch(/[*•]{2}/);
  });

  test("Ctrl-C at a question ends with 130, and the step's line is left alone", async () => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), ["text"]);
    await screen.answers("Answer:", "half an ans\u0003");
    expect(await screen.ended).toBe(130);
    expect(screen.lines().at(-1)).toMatch(/^Stopped\./);
  });

  test.each([
    ["a wrong answer, then Ctrl-C", "text", "wrong\r\u0003"],
    ["a wrong answer, then Ctrl-D", "text", "wrong\r\u0004"],
    ["no answer, then Ctrl-C", "text", "\r\u0003"],
    ["no answer to a question for a secret, then Ctrl-C", "secret", "\r\u0003"],
    ["no answer to a question for a secret, then Ctrl-D", "secret", "\r\u0004"],
    ["a right answer, then Ctrl-C", "text", "right\r\u0003"],
    ["Ctrl-C, then a wrong answer", "text", "\u0003wrong\r"],
    ["Ctrl-C twice", "text", "wrong\r\u0003\u0003"],
  ])("%s, all in one piece: it ends with 130", async (_name, kind, keys) => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), [kind]);
    await screen.answers("Answer:", keys);
    expect(await screen.ended).toBe(130);
    expect(screen.lines().at(-1)).toMatch(/^Stopped\./);
    expect(screen.lines().join("\n")).not.toMatch(/answered|bug|ERR_/);
  });

  test.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("%s is not taken for one more failure by work that goes on after failures", async (_name, keys) => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), ["goes-on"]);
    await screen.answers("Answer:", keys);
    expect(await screen.ended).toBe(130);
    expect(screen.lines().join("\n")).not.toMatch(/answered|stopping|✔/);
  });

  test("Ctrl-D at an empty question ends it too, instead of waiting for ever", async () => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), ["secret"]);
    await screen.answers("Answer:", "\u0004");
    expect(await screen.ended).toBe(130);
  });

  test("Ctrl-C while a spinner turns", async () => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), ["wait"]);
    await screen.answers("Sign in at your old server", "\u0003");
    expect(await screen.ended).toBe(130);
    expect(screen.lines().join("\n")).toContain("stopping");
    expect(cursorIsBack(screen)).toBe(true);
  });

  test("Ctrl-C a second time ends at once, whatever is going on", async () => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), ["stuck"]);
    await screen.answers("Sign in at your old server", "\u0003");
    await screen.answers("stopping", "\u0003");
    expect(await screen.ended).toBe(130);
    expect(cursorIsBack(screen)).toBe(true);
  });
});

/** A question in plain lines. */
const asked = (kind: string): Screen => onScreen(new URL("support/ask.ts", import.meta.url), [kind, "--plain"]);
const isPlain = (screen: Screen): boolean => /^[\x20-\x7e\r\n]*$/.test(screen.raw());

describe("in plain lines", () => {
  test("a line is asked for, checked, and asked for again; nothing but printable ASCII is written", async () => {
    const screen = asked("text");
    await screen.answers("Answer:", "wrong\r");
    await screen.shows("That is wrong.\nAnswer:");
    screen.type("\r");
    await screen.shows("to stop.\nAnswer:");
    screen.type("right\r");
    expect(await screen.ended).toBe(0);
    expect(screen.lines().map((line) => line.trimEnd())).toEqual([
      "sign-in: Sign in at your old server",
      "Answer: wrong",
      "That is wrong.",
      "Answer:",
      "Please type an answer, or press Ctrl-C to stop.",
      "Answer: right",
      "sign-in: done",
      "answered thgir",
    ]);
    expect(isPlain(screen)).toBe(true);
  });

  test("of a secret nothing is shown, and it can be edited; what was typed too early is dropped", async () => {
    const screen = asked("early");
    await screen.answers("Sign in at your old server", "hunter22\r");
    await screen.answers("Answer: (it is not shown)", "no\u0015seécreX\u007f\u001b[Dt\r");
    await screen.answers("And then:", "right\r");
    expect(await screen.ended).toBe(0);
    expect(screen.lines().at(-1)).toBe("answered thgir ,tercées");
    expect(screen.raw()).not.toMatch(/hunter|secre/);
  });

  test.each([
    ["Ctrl-C", "text", "half\u0003"],
    ["Ctrl-D", "text", "\u0004"],
    ["Ctrl-C at a secret", "secret", "half\u0003"],
    ["Ctrl-D at a secret", "secret", "\u0004"],
  ])("%s ends with 130", async (_name, kind, keys) => {
    const screen = asked(kind);
    await screen.answers("Answer:", keys);
    expect(await screen.ended).toBe(130);
    expect(screen.lines().at(-1)).toMatch(/^Stopped\./);
    expect(isPlain(screen)).toBe(true);
  });
});

describe("what is typed while nothing is asked", () => {
  test("is not shown, and is no answer: neither to the next question nor to the one after it", async () => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), ["early"]);
    await screen.answers("Sign in at your old server", "hunter22\rhunter23\r");
    await screen.answers("? Answer:", "secret\rearly again");
    await screen.answers("? And then:", "right\r");
    expect(await screen.ended).toBe(0);
    expect(screen.lines().at(-1)).toBe("answered thgir ,terces");
    expect(screen.raw()).not.toContain("hunter");
    expect(screen.raw()).not.toContain("early");
  });

  test("is not shown while the process has no time to look, and is dropped all the same", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "decamp-typed-"));
    const typed = path.join(folder, "typed");
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), ["busy", typed]);
    await screen.answers("busy", "hunter22\r");
    await writeFile(typed, "");
    await screen.shows("? Answer:");
    await rm(folder, { recursive: true });
    screen.type("right\r");
    expect(await screen.ended).toBe(0);
    expect(screen.lines().at(-1)).toBe("answered thgir");
    expect(screen.raw()).not.toContain("hunter");
  });

  test("a command that is asked for a secret has the terminal as it was", async () => {
    const screen = onScreen(new URL("support/ask.ts", import.meta.url), ["lend"]);
    expect(await screen.ended).toBe(0);
    const state = screen.raw().split("").toReversed().join("");
    expect(state).toMatch(/ echo /);
    expect(state).not.toContain("-icanon");
  });
});

describe("the terminal is as it was", () => {
  test.each([
    ["after an answer", "secret", "Answer:", ["right\r"], 0],
    ["after Ctrl-C at a question", "secret", "Answer:", ["\u0003"], 130],
    ["after Ctrl-C at work", "wait", "Sign in", ["\u0003"], 130],
    ["after Ctrl-C twice", "stuck", "Sign in", ["\u0003", "\u0003"], 130],
    ["after a bug", "crash", "This is a bug", [], 1],
  ])("%s", async (_, kind, shown, keys, code) => {
    const screen = onScreen(new URL("support/and-then-stty.ts", import.meta.url), [kind]);
    await screen.shows(shown);
    for (const [place, key] of keys.entries()) {
      screen.type(key);
      if (place + 1 < keys.length) {
        await screen.shows("stopping");
      }
    }
    expect(await screen.ended).toBe(0);
    const said = screen.lines().join("\n");
    expect(said).toContain(`exit code ${code}`);
    const state = said.slice(said.indexOf("exit code"));
    expect(state).toMatch(/[^-]icanon/);
    expect(state).toMatch(/[^-]isig/);
    expect(state).toMatch(/[^-]echo /);
    expect(cursorIsBack(screen)).toBe(true);
  });
});

test("nobody is asked unless stdin and stderr are terminals, and neither --no-input nor --json is set", async () => {
  const cases = [
    { terminals: ["stdin", "stderr"], noInput: false, json: false, canAsk: true },
    { terminals: ["stdin", "stdout"], noInput: false, json: false, canAsk: false },
    { terminals: ["stderr", "stdout"], noInput: false, json: false, canAsk: false },
    { terminals: ["stdin", "stdout", "stderr"], noInput: true, json: false, canAsk: false },
    { terminals: ["stdin", "stdout", "stderr"], noInput: false, json: true, canAsk: false },
  ] as const;
  for (const { terminals, canAsk, ...flags } of cases) {
    const { parts } = captured({ terminals });
    const terminal = await openTerminal(parts, { noColor: false });
    const { signal } = new AbortController();
    const prompter = createPrompter(terminal, { ...flags, noColor: false, signal, leave: () => undefined });
    expect(prompter.canAsk).toBe(canAsk);
    if (!canAsk) {
      const question = { message: "Name:", what: "the name", answeredBy: "--name" };
      const missing = { code: "input-needed", exitCode: 7, hint: "Give it with --name." };
      await expect(prompter.text(question)).rejects.toMatchObject(missing);
      await expect(prompter.secret(question)).rejects.toMatchObject(missing);
    }
  }
});
