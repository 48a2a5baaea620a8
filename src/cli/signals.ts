/** Ctrl-C and its relatives: once is a request to stop cleanly, twice means now. */
import { DecampError, isDecampError } from "../errors.ts";
import type { GlobalFlags } from "./globals.ts";
import type { Terminal } from "./terminal.ts";

const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs `work` with a signal that fires when the process is asked to end; its reason is a DecampError `interrupted`.
 * Asked a second time, the process ends at once with exit code 130.
 *
 * @param work gets the signal, and a way to fire it: to leave a question is the same as Ctrl-C anywhere else. Whoever goes on
 *   after an error asks the signal first, so only what fires it is never taken for one more thing that failed
 * @param onStop called at the first request from outside, to say that the work at hand is being finished
 */
export async function stoppable<T>(
  work: (signal: AbortSignal, leave: () => void) => Promise<T>,
  onStop: () => void,
): Promise<T> {
  const controller = new AbortController();
  const leave = (): void => controller.abort(new DecampError("interrupted", "Interrupted."));
  const stop = (): void => {
    if (controller.signal.aborted) {
      process.exit(130);
    }
    leave();
    onStop();
  };
  for (const name of names) {
    process.on(name, stop);
  }
  try {
    return await work(controller.signal, leave);
  } catch (error) {
    // Whatever broke because of the request is the request's doing.
    if (controller.signal.aborted && !isDecampError(error, "interrupted")) {
      const known = isDecampError(error) ? error.known : undefined;
      throw new DecampError("interrupted", "Interrupted.", { cause: error, known });
    }
    throw error;
  } finally {
    for (const name of names) {
      process.off(name, stop);
    }
  }
}

/** For long work: says to a person that it was heard, and what is waited for. */
export function tellStopping({ err }: Terminal, { json, quiet }: Pick<GlobalFlags, "json" | "quiet">): () => void {
  return () => {
    if (!json && !quiet) {
      err.line("Stopping as soon as the work at hand is safe. Press Ctrl-C again to stop at once.");
    }
  };
}
