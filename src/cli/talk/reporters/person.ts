/** A person's terminal: a spinner with a bar for the step at hand, one line for each step that is over. On stderr. */
import type { Piece, Terminal } from "../terminal.ts";
import { durationText } from "./amounts.ts";
import { documentLines, identityEventLines, movingLines, recordsLines, warningLines } from "./lines.ts";
import type { Reporter, ReporterOptions } from "./reporter.ts";
import { createSpinner } from "./spinner.ts";

/** @param now the clock, in milliseconds */
export async function createPersonReporter(
  terminal: Terminal,
  options: Omit<ReporterOptions, "json">,
  now: () => number = () => performance.now(),
): Promise<Reporter> {
  const spinner = await createSpinner(terminal, now);
  const { unicode } = terminal.err;
  const done: Piece = { text: unicode ? "✔" : "done", style: "green" };
  const left: Piece = { text: unicode ? "!" : "left", style: "yellow" };
  const skipped: Piece = { text: unicode ? "–" : "skip", style: "dim" };
  let startedAt = now();

  return {
    report: (event) => {
      switch (event.type) {
        case "step": {
          if (event.state === "start") {
            startedAt = now();
            spinner.start(event.title);
            break;
          }
          spinner.stop();
          const remarks = [
            event.detail ?? (event.state === "skipped" ? "nothing to do" : ""),
            options.verbose && event.state === "done" ? durationText((now() - startedAt) / 1000) : "",
          ].filter((remark) => remark !== "");
          const tail: Piece[] = remarks.length === 0 ? [] : ["  ", { text: remarks.join(", "), style: "dim" }];
          const mark = event.state === "skipped" ? skipped : "outcome" in event ? left : done;
          spinner.say(mark, " ", event.title, ...tail);
          break;
        }
        case "progress":
          spinner.progress(event);
          break;
        case "warning":
          for (const line of warningLines(event, options.complete)) {
            spinner.say(...line);
          }
          break;
        case "records":
          for (const line of recordsLines(event)) {
            spinner.say(...line);
          }
          break;
        case "identity":
          if (!options.identityIsAsked) {
            for (const line of identityEventLines(event, options.complete)) {
              spinner.say(...line);
            }
          }
          break;
        case "document":
          for (const line of documentLines(event)) {
            spinner.say(...line);
          }
          break;
        case "plan":
          if (!options.planIsTheResult) {
            for (const line of [...movingLines(event.plan), ...(options.afterPlan?.(event.plan) ?? [])]) {
              spinner.say(...line);
            }
          }
          break;
        case "result":
          break;
      }
    },
    suspend: () => spinner.pause(),
    resume: () => spinner.resume(),
    close: () => spinner.stop(),
  };
}
