/** The line that is drawn over: a spinner, what is being done, a bar, how much, and how long it still takes. */
import type { Piece, Terminal } from "../terminal.ts";
import { addGuest, type Guest } from "../stopping.ts";
import { barText, createMeter, statusText, type Amount, type Meter } from "./amounts.ts";

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

/** ora is loaded only here. @param now the clock, in milliseconds */
export async function createSpinner(terminal: Terminal, now: () => number): Promise<Spinner> {
  const { default: ora } = await import("ora");
  const { err } = terminal;
  const { unicode } = err;
  const line = ora({
    stream: err.stream,
    color: err.color ? "cyan" : false,
    isEnabled: true,
    // Ctrl-C stays a signal.
    discardStdin: false,
    ...(unicode ? {} : { spinner: "line" }),
  });
  let work: { title: string; meter: Meter } | undefined;
  /** Whether the process is about to be stopped: whoever draws now would leave the shell without a cursor. */
  let isAway = false;
  let wasSpinning = false;
  let forget: (() => void) | undefined;

  const spin = (): void => {
    if (isAway) {
      wasSpinning = true;
    } else if (!line.isSpinning) {
      line.start();
    }
  };
  const halt = (): void => {
    wasSpinning = false;
    line.stop();
  };
  const draw = (...pieces: Piece[]): void => {
    line.text = err.render(...pieces);
    spin();
  };
  const guest: Guest = {
    leave: () => {
      isAway = true;
      wasSpinning = line.isSpinning;
      line.stop();
    },
    comeBack: () => {
      isAway = false;
      if (wasSpinning) {
        spin();
      }
    },
  };
  return {
    start: (title) => {
      forget ??= addGuest(guest);
      work = { title, meter: createMeter() };
      draw(title);
    },
    progress: (amount) => {
      if (work !== undefined) {
        const pace = work.meter.read(amount, now());
        draw(work.title, "  ", ...progressPieces(amount, pace, err.width - 4 - work.title.length, unicode));
      }
    },
    say: (...pieces) => {
      halt();
      err.line(...pieces);
      if (work !== undefined) {
        spin();
      }
    },
    pause: halt,
    resume: () => {
      if (work !== undefined) {
        draw(work.title);
      }
    },
    stop: () => {
      work = undefined;
      halt();
      forget?.();
      forget = undefined;
    },
  };
}

/** Bar, amount, rate and time left, as much as fits into `room` columns. */
function progressPieces(amount: Amount, pace: ReturnType<Meter["read"]>, room: number, unicode: boolean): Piece[] {
  const { done, total } = amount;
  const text = statusText(amount, pace, room);
  const barWidth = Math.min(20, room - text.length - 1);
  return total !== undefined && barWidth >= 5
    ? [{ text: barText(done, total, barWidth, unicode), style: "cyan" }, ` ${text}`]
    : [text];
}
