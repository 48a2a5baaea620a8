/** A person's terminal: a spinner with a bar for the step at hand, one line for each step that is over. On stderr. */
import type { Piece, Terminal } from "../terminal.ts";
import { barText, createMeter, durationText, progressText, type Meter, type Unit } from "./amounts.ts";
import { identityLines, movingLine, warningLine } from "./lines.ts";
import type { Reporter, ReporterOptions } from "./reporter.ts";

/** ora is loaded only here. */
export async function createPersonReporter(
  terminal: Terminal,
  options: Omit<ReporterOptions, "json">,
  now: () => number = () => performance.now(),
): Promise<Reporter> {
  const { default: ora } = await import("ora");
  const { err } = terminal;
  const unicode = showsUnicode(terminal.env);
  const spinner = ora({
    stream: err.stream,
    color: err.color ? "cyan" : false,
    isEnabled: true,
    // Ctrl-C stays a signal.
    discardStdin: false,
    ...(unicode ? {} : { spinner: "line" }),
  });
  let running: { title: string; startedAt: number; meter: Meter } | undefined;

  const spin = (...pieces: Piece[]): void => {
    spinner.text = err.render(...pieces);
    if (!spinner.isSpinning) {
      spinner.start();
    }
  };
  /** Writes a line that stays. */
  const say = (...pieces: readonly Piece[]): void => {
    const wasSpinning = spinner.isSpinning;
    spinner.stop();
    err.line(...pieces);
    if (wasSpinning) {
      spinner.start();
    }
  };
  const done: Piece = { text: unicode ? "✔" : "done", style: "green" };
  const skipped: Piece = { text: unicode ? "–" : "skip", style: "dim" };

  return {
    report: (event) => {
      switch (event.type) {
        case "step": {
          if (event.state === "start") {
            running = { title: event.title, startedAt: now(), meter: createMeter() };
            spin(event.title);
            break;
          }
          spinner.stop();
          const seconds = running === undefined ? 0 : (now() - running.startedAt) / 1000;
          running = undefined;
          const remarks = [
            event.detail ?? (event.state === "skipped" ? "nothing to do" : ""),
            options.verbose && event.state === "done" ? durationText(seconds) : "",
          ].filter((remark) => remark !== "");
          const tail: Piece[] = remarks.length === 0 ? [] : ["  ", { text: remarks.join(", "), style: "dim" }];
          err.line(event.state === "done" ? done : skipped, " ", event.title, ...tail);
          break;
        }
        case "progress":
          if (running !== undefined) {
            const left = running.meter.secondsLeft(event.done, event.total, now());
            spin(running.title, "  ", ...progressPieces(event, left, err.width - 4 - running.title.length, unicode));
          }
          break;
        case "warning":
          say(...warningLine(event));
          break;
        case "identity":
          if (!options.identityIsAsked) {
            for (const line of identityLines(event.differences)) {
              say(...line);
            }
          }
          break;
        case "plan":
          if (!options.planIsTheResult) {
            say(...movingLine(event.plan));
          }
          break;
        case "result":
          break;
      }
    },
    suspend: () => void spinner.stop(),
    resume: () => {
      if (running !== undefined) {
        spin(running.title);
      }
    },
    close: () => {
      running = undefined;
      spinner.stop();
    },
  };
}

/** Bar, amount and time left, as much as fits into `room` columns. */
function progressPieces(
  { unit, done, total }: { unit: Unit; done: number; total?: number },
  secondsLeft: number | undefined,
  room: number,
  unicode: boolean,
): Piece[] {
  const amount = progressText(unit, done, total);
  const left = secondsLeft === undefined ? "" : `, ${durationText(secondsLeft)} left`;
  const barWidth = Math.min(20, room - amount.length - left.length - 1);
  if (total !== undefined && barWidth >= 5) {
    return [{ text: barText(done, total, barWidth, unicode), style: "cyan" }, ` ${amount}${left}`];
  }
  return room >= amount.length + left.length ? [`${amount}${left}`] : room >= amount.length ? [amount] : [];
}

/** Whether the terminal is likely to show more than ASCII. */
function showsUnicode(env: Readonly<NodeJS.ProcessEnv>): boolean {
  if (process.platform === "win32") {
    return env["WT_SESSION"] !== undefined || env["TERM_PROGRAM"] === "vscode";
  }
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((value) => value !== undefined && value !== "");
  return env["TERM"] !== "linux" && (locale === undefined || /utf-?8/i.test(locale));
}
