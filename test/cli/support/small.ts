/**
 * All that draws over lines or asks, one after the other on the terminal as it is; for tests of terminals without a
 * size. With `shrink` the terminal loses its size while the spinner turns.
 */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { createPrompter } from "../../../src/cli/talk/prompter.ts";
import { createActivity } from "../../../src/cli/talk/reporters/activity.ts";
import { createReporter } from "../../../src/cli/talk/reporters/create.ts";
import { openTerminal, processParts } from "../../../src/cli/talk/terminal.ts";

const terminal = await openTerminal(processParts(), { noColor: false });
const flags = { json: false, quiet: false, verbose: false, identityIsAsked: false, planIsTheResult: false };

const activity = createActivity(terminal, "Proving the repository", flags, steps(1000));
const reporter = await createReporter(terminal, flags);
const step = { type: "step", id: "transfer-blobs", title: "Transfer the blobs" } as const;
reporter.report({ ...step, state: "start" });
for (let done = 0; done < 4; done += 1) {
  if (done === 2 && process.argv.includes("shrink")) {
    const resized = once(process.stderr, "resize");
    spawnSync("stty", ["cols", "0", "rows", "0"], { stdio: "inherit" });
    await resized;
  }
  reporter.report({ type: "progress", step: "transfer-blobs", unit: "blobs", done, total: 4 });
  activity.progress({ unit: "bytes", done: done * 1000, total: 4000 });
  // Two frames of the spinner.
  await delay(100);
}
activity.close();
reporter.report({ type: "warning", code: "slow", message: "A blob was slow." });
reporter.report({ ...step, state: "done", detail: "4 blobs" });
reporter.close();

const { signal } = new AbortController();
const prompter = createPrompter(terminal, { ...flags, noInput: false, noColor: false, signal, leave: () => undefined });
const question = { what: "the answer", answeredBy: "--answer" };
const text = await prompter.text({ ...question, message: "Text?", check: (answer) => answer !== "wrong" || "Wrong." });
const secret = await prompter.secret({ ...question, message: "Secret?" });
terminal.out.line(`${text}, ${secret.split("").toReversed().join("")}`);

/** A clock that goes on by so much whenever somebody looks at it. */
function steps(milliseconds: number): () => number {
  let now = 0;
  return () => (now += milliseconds);
}
