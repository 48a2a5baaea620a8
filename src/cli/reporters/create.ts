/** Which listener fits: a person's terminal, plain lines, or JSON Lines. */
import type { Terminal } from "../terminal.ts";
import { createJsonReporter } from "./json.ts";
import { createPersonReporter } from "./person.ts";
import { createPlainReporter } from "./plain.ts";
import type { Reporter, ReporterOptions } from "./reporter.ts";

export async function createReporter(terminal: Terminal, options: ReporterOptions): Promise<Reporter> {
  return withOutcome(await openReporter(terminal, options));
}

/** A step that is over after a warning that it was left says so: it is not one that was done. */
function withOutcome(reporter: Reporter): Reporter {
  let left = false;
  return {
    ...reporter,
    report: (event) => {
      if (event.type !== "step") {
        left ||= event.type === "warning" && "left" in event;
        reporter.report(event);
        return;
      }
      reporter.report(left && event.state === "done" ? { ...event, outcome: "left" } : event);
      left = false;
    },
  };
}

async function openReporter(terminal: Terminal, options: ReporterOptions): Promise<Reporter> {
  if (options.json) {
    return createJsonReporter(terminal.out, options);
  }
  return terminal.err.canAnimate && !options.quiet
    ? createPersonReporter(terminal, options)
    : createPlainReporter(terminal.err, options);
}
