/** JSON Lines on stdout: one event a line, progress at most once a second. */
import type { Channel } from "../terminal.ts";
import { commandLine } from "../../command-line.ts";
import type { Reporter, ReporterOptions } from "./reporter.ts";

const progressEvery = 1000;

/** @param now the clock, in milliseconds */
export function createJsonReporter(
  out: Channel,
  options: Pick<ReporterOptions, "quiet" | "complete">,
  now: () => number = () => performance.now(),
): Reporter {
  const { complete = commandLine } = options;
  let last = -Infinity;
  return {
    report: (event) => {
      const { type, ...rest } = event;
      // The command itself writes the result: it is the last line, whatever else happens.
      if (type === "result" || (options.quiet && (type === "progress" || type === "step"))) {
        return;
      }
      if (type === "progress") {
        if (now() - last < progressEvery) {
          return;
        }
        last = now();
      }
      const next = "next" in rest && rest.next !== undefined ? { next: complete(rest.next) } : {};
      out.json({ type, version: 1, ...rest, ...next });
    },
    suspend: () => undefined,
    resume: () => undefined,
    close: () => undefined,
  };
}
