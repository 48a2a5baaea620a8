/** Plain lines on stderr, for a log: one line a change of state, a sign of life at most every ten seconds. */
import type { Channel } from "../terminal.ts";
import { createMeter, statusText, type Meter } from "./amounts.ts";
import { documentLines, identityEventLines, movingLines, recordsLines, warningLines } from "./lines.ts";
import type { Reporter, ReporterOptions } from "./reporter.ts";

const heartbeatEvery = 10_000;

/** @param now the clock, in milliseconds */
export function createPlainReporter(
  err: Channel,
  options: Omit<ReporterOptions, "json">,
  now: () => number = () => performance.now(),
): Reporter {
  let running: { id: string; meter: Meter; progress: string } | undefined;
  let timer: NodeJS.Timeout | undefined;

  const say = (text: string): void => {
    err.line(text);
    // Whatever was said counts as a sign of life.
    timer?.refresh();
  };
  const beat = (): void => {
    if (running !== undefined) {
      say(`${running.id}: ${running.progress === "" ? "still working" : running.progress}`);
    }
  };
  if (!options.quiet) {
    timer = setInterval(beat, heartbeatEvery).unref();
  }

  return {
    report: (event) => {
      switch (event.type) {
        case "step":
          running = event.state === "start" ? { id: event.id, meter: createMeter(), progress: "" } : undefined;
          if (!options.quiet) {
            say(stepLine(event));
          }
          break;
        case "progress":
          if (running !== undefined) {
            running.progress = statusText(event, running.meter.read(event, now()));
          }
          break;
        case "warning":
          for (const line of warningLines(event, options.complete)) {
            err.line(...line);
          }
          break;
        case "records":
          for (const line of recordsLines(event)) {
            err.line(...line);
          }
          break;
        case "identity":
          if (!options.identityIsAsked && !options.quiet) {
            for (const line of identityEventLines(event, options.complete)) {
              err.line(...line);
            }
          }
          break;
        case "document":
          // Without these nobody could go on, so that they are said to who wants to hear little, too.
          for (const line of documentLines(event)) {
            err.line(...line);
          }
          break;
        case "plan":
          if (!options.planIsTheResult && !options.quiet) {
            for (const line of [...movingLines(event.plan), ...(options.afterPlan?.(event.plan) ?? [])]) {
              err.line(...line);
            }
          }
          break;
        case "result":
          break;
      }
    },
    suspend: () => undefined,
    resume: () => undefined,
    close: () => {
      clearInterval(timer);
      running = undefined;
    },
  };
}

function stepLine(event: {
  id: string;
  title: string;
  state: "start" | "done" | "skipped";
  outcome?: "left";
  detail?: string;
}): string {
  const detail = event.detail === undefined ? "" : ` (${event.detail})`;
  switch (event.state) {
    case "start":
      return `${event.id}: ${event.title}${detail}`;
    case "done":
      return `${event.id}: ${event.outcome === "left" ? "not done" : "done"}${detail}`;
    case "skipped":
      return `${event.id}: skipped${event.detail === undefined ? ", nothing to do" : detail}`;
  }
}
