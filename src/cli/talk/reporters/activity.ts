/** A sign of life of one long piece of work. What is quick shows nothing, and loads nothing for it. */
import type { Terminal } from "../terminal.ts";
import type { Amount } from "./amounts.ts";
import { createSpinner, type Spinner } from "./spinner.ts";

export interface Activity {
  progress(amount: Amount): void;
  /** Leaves the line. */
  close(): void;
}

/** Work that takes less than this is over before anybody wonders. Milliseconds. */
const patience = 700;

/** @param now the clock, in milliseconds */
export function createActivity(
  terminal: Terminal,
  title: string,
  { json, quiet }: { json: boolean; quiet: boolean },
  now: () => number = () => performance.now(),
): Activity {
  const shown = terminal.err.canAnimate && !json && !quiet;
  const startedAt = shown ? now() : 0;
  let spinner: Spinner | "loading" | undefined;
  let over = false;

  const open = async (): Promise<void> => {
    const made = await createSpinner(terminal, now);
    if (!over) {
      spinner = made;
      made.start(title);
    }
  };
  return {
    progress: (amount) => {
      if (spinner === undefined) {
        if (shown && now() - startedAt > patience) {
          spinner = "loading";
          void open();
        }
      } else if (spinner !== "loading") {
        spinner.progress(amount);
      }
    },
    close: () => {
      over = true;
      if (spinner !== undefined && spinner !== "loading") {
        spinner.stop();
      }
    },
  };
}
