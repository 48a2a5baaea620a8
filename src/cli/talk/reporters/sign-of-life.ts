/** A sign of life of work that has only to be waited for. What is quick shows nothing, and loads nothing for it. */
import type { Terminal } from "../terminal.ts";
import { createSpinner, type Spinner } from "./spinner.ts";

/** Work that takes less than this is over before anybody wonders. Milliseconds. */
const patience = 700;

/**
 * Does the work, and shows meanwhile that somebody is being waited for, at a terminal.
 *
 * @param title what is being done
 * @throws what the work throws
 */
export async function withSignOfLife<T>(
  terminal: Terminal,
  title: string,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
  work: () => Promise<T>,
): Promise<T> {
  if (!terminal.err.canAnimate || json || quiet) {
    return work();
  }
  let spinner: Promise<Spinner> | undefined;
  let isOver = false;
  const timer = setTimeout(() => {
    spinner = createSpinner(terminal, () => performance.now());
    void spinner.then((made) => (isOver ? undefined : made.start(title)));
  }, patience);
  try {
    return await work();
  } finally {
    isOver = true;
    clearTimeout(timer);
    (await spinner)?.stop();
  }
}
