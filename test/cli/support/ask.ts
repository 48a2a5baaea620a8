/** Asks on the real terminal, as the commands do, and says on stdout what was answered: for tests through a pty. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { reportFailure } from "../../../src/cli/talk/failure.ts";
import type { Prompter } from "../../../src/cli/talk/prompter.ts";
import { reportAndAsk } from "../../../src/cli/talk/report-and-ask.ts";
import { stoppable } from "../../../src/cli/talk/signals.ts";
import { openTerminal, processParts } from "../../../src/cli/talk/terminal.ts";

const [kind, typed = ""] = process.argv.slice(2);
const terminal = await openTerminal(processParts(), { noColor: false, plain: process.argv.includes("--plain") });
const step = { type: "step", id: "sign-in", title: "Sign in at your old server" } as const;

try {
  await stoppable(run, () => terminal.err.line("stopping"));
} catch (error) {
  process.exitCode = reportFailure(terminal, error, {
    json: false,
    verbose: false,
    bugs: "https://bugs.example",
    version: "0",
  });
}

async function run(signal: AbortSignal, leave: () => void): Promise<void> {
  const flags = { noInput: false, json: false, noColor: false, quiet: false, verbose: false };
  const options = { globals: flags, signal, leave, identityIsAsked: () => true, planIsTheResult: false };
  const answer = await reportAndAsk(terminal, options, async (prompter, report) => {
    report({ ...step, state: "start" });
    const answered = await work(prompter, signal);
    report({ ...step, state: "done" });
    return answered;
  });
  // Reversed, so that the screen shows the answer itself only if it was echoed.
  terminal.out.line(`answered ${answer.split("").toReversed().join("")}`);
}

async function work(prompter: Prompter, signal: AbortSignal): Promise<string> {
  // Work that stops when it is asked to, and work that does not.
  if (kind === "wait" || kind === "stuck") {
    return delay(60_000, "nobody interrupted", kind === "wait" ? { signal } : {});
  }
  const question = { message: "Answer:", what: "the answer", answeredBy: "--answer" };
  if (kind === "early") {
    // Work that lasts until a whole line was typed.
    for (let line = ""; !line.includes("\r");) {
      const [bytes] = (await once(terminal.stdin, "data")) as [Buffer];
      line += bytes.toString();
    }
    const first = await prompter.secret(question);
    return `${first}, ${await prompter.text({ ...question, message: "And then:" })}`;
  }
  if (kind === "busy") {
    // The loop stands still until something was typed, and the terminal keeps it.
    terminal.err.line("busy");
    while (!existsSync(typed)) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
    return prompter.text(question);
  }
  if (kind === "lend") {
    const { spawnSync } = await import("node:child_process");
    return prompter.lend(() =>
      Promise.resolve(spawnSync("stty", ["-a"], { stdio: ["inherit", "pipe", "inherit"] }).stdout.toString()),
    );
  }
  if (kind === "crash") {
    throw new Error("a bug");
  }
  if (kind === "goes-on") {
    // As steps do that cannot stop a move: whatever failed, but for the person who stops it.
    return prompter.secret(question).catch(() => {
      signal.throwIfAborted();
      return "by nobody";
    });
  }
  return kind === "secret"
    ? prompter.secret(question)
    : prompter.text({ ...question, check: (answer) => answer !== "wrong" || "That is wrong." });
}
