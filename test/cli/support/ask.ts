/** Asks on the real terminal, as the commands do, and says on stdout what was answered: for tests through a pty. */
import { setTimeout as delay } from "node:timers/promises";
import { reportFailure } from "../../../src/cli/failure.ts";
import { createPrompter, type Prompter } from "../../../src/cli/prompter.ts";
import { createReporter } from "../../../src/cli/reporters/reporter.ts";
import { stoppable } from "../../../src/cli/signals.ts";
import { openTerminal, processParts } from "../../../src/cli/terminal.ts";

const [kind] = process.argv.slice(2);
const terminal = await openTerminal(processParts(), { noColor: false });
const step = { type: "step", id: "sign-in", title: "Sign in at your old server" } as const;

try {
  await stoppable(run, () => terminal.err.line("stopping"));
} catch (error) {
  process.exitCode = reportFailure(terminal, error, { json: false, verbose: false, version: "0" });
}

async function run(signal: AbortSignal): Promise<void> {
  const options = { quiet: false, verbose: false, json: false, identityIsAsked: true, planIsTheResult: false };
  const reporter = await createReporter(terminal, options);
  const prompter = createPrompter(terminal, {
    noInput: false,
    json: false,
    noColor: false,
    signal,
    beforeAsking: () => reporter.suspend(),
    afterAsking: () => reporter.resume(),
  });
  try {
    reporter.report({ ...step, state: "start" });
    const answer = await work(prompter, signal);
    reporter.report({ ...step, state: "done" });
    reporter.close();
    // Reversed, so that the screen shows the answer itself only if it was echoed.
    terminal.out.line(`answered ${answer.split("").toReversed().join("")}`);
  } finally {
    reporter.close();
  }
}

async function work(prompter: Prompter, signal: AbortSignal): Promise<string> {
  // Work that stops when it is asked to, and work that does not.
  if (kind === "wait" || kind === "stuck") {
    return delay(60_000, "nobody interrupted", kind === "wait" ? { signal } : {});
  }
  const question = { message: "Answer:", what: "the answer", answeredBy: "--answer" };
  return kind === "secret"
    ? prompter.secret(question)
    : prompter.text({ ...question, check: (answer) => answer !== "wrong" || "That is wrong." });
}
