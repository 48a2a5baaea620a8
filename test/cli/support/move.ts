/** A migration that is only told, for a test of what a person sees. `argv`: flags of the terminal. */
import { createReporter } from "../../../src/cli/talk/reporters/create.ts";
import { openTerminal, processParts } from "../../../src/cli/talk/terminal.ts";

const noColor = process.argv.includes("--no-color");
const terminal = await openTerminal(processParts(), { noColor });
const reporter = await createReporter(terminal, {
  json: false,
  quiet: false,
  verbose: false,
  identityIsAsked: false,
  planIsTheResult: false,
});
const blobs = { id: "transfer-blobs", title: "Transfer the blobs" } as const;
reporter.report({ type: "step", id: "verify", title: "Prove the archive", state: "start" });
reporter.report({ type: "step", id: "verify", title: "Prove the archive", state: "skipped" });
reporter.report({ type: "step", ...blobs, state: "start" });
reporter.report({ type: "progress", step: "transfer-blobs", unit: "blobs", done: 10, total: 40 });
reporter.report({ type: "warning", code: "slow", message: "A blob\u001b[2J was slow." });
// The test has seen the bar when it closes the input.
process.stdin.resume().once("end", () => {
  reporter.report({ type: "step", ...blobs, state: "done", detail: "40 blobs" });
  reporter.close();
});
