/** The line that is drawn over: a spinner, what is being done, a bar, how much, and how long it still takes. */
import type { Piece, Terminal } from "../terminal.ts";
import { barText, createMeter, durationText, progressText, type Meter, type Unit } from "./amounts.ts";

export interface Spinner {
  /** Draws a piece of work that has just begun. */
  start(title: string): void;
  /** Draws how far it is. */
  progress(amount: Amount): void;
  /** Writes a line that stays. */
  say(...pieces: readonly Piece[]): void;
  /** Leaves the line; `start` or `resume` draws again. */
  pause(): void;
  resume(): void;
  /** The work is over. */
  stop(): void;
}

/** So much of so much. */
export interface Amount {
  readonly unit: Unit;
  readonly done: number;
  readonly total?: number;
}

/** ora is loaded only here. @param now the clock, in milliseconds */
export async function createSpinner(terminal: Terminal, now: () => number): Promise<Spinner> {
  const { default: ora } = await import("ora");
  const { err } = terminal;
  const unicode = showsUnicode(terminal.env);
  const line = ora({
    stream: err.stream,
    color: err.color ? "cyan" : false,
    isEnabled: true,
    // Ctrl-C stays a signal.
    discardStdin: false,
    ...(unicode ? {} : { spinner: "line" }),
  });
  let work: { title: string; meter: Meter } | undefined;

  const draw = (...pieces: Piece[]): void => {
    line.text = err.render(...pieces);
    if (!line.isSpinning) {
      line.start();
    }
  };
  return {
    start: (title) => {
      work = { title, meter: createMeter() };
      draw(title);
    },
    progress: (amount) => {
      if (work !== undefined) {
        const left = work.meter.secondsLeft(amount.done, amount.total, now());
        draw(work.title, "  ", ...progressPieces(amount, left, err.width - 4 - work.title.length, unicode));
      }
    },
    say: (...pieces) => {
      line.stop();
      err.line(...pieces);
      if (work !== undefined) {
        line.start();
      }
    },
    pause: () => void line.stop(),
    resume: () => {
      if (work !== undefined) {
        draw(work.title);
      }
    },
    stop: () => {
      work = undefined;
      line.stop();
    },
  };
}

/** Bar, amount and time left, as much as fits into `room` columns. */
function progressPieces(
  { unit, done, total }: Amount,
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
export function showsUnicode(env: Readonly<NodeJS.ProcessEnv>): boolean {
  if (process.platform === "win32") {
    return env["WT_SESSION"] !== undefined || env["TERM_PROGRAM"] === "vscode";
  }
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((value) => value !== undefined && value !== "");
  return env["TERM"] !== "linux" && (locale === undefined || /utf-?8/i.test(locale));
}
