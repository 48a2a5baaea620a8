/**
 * Work that takes long, in slices. Between two of them others have their turn: a signal of the system is heard, and so an abort.
 * What does the work yields where it can stop, and knows nothing of time.
 */
import { setImmediate } from "node:timers/promises";

/** Work that yields between its slices, and returns what it is for. */
export type Slices<T> = Generator<undefined, T, undefined>;

/** Does the work without a pause. */
export function atOnce<T>(work: Slices<T>): T {
  for (;;) {
    const next = work.next();
    if (next.done === true) {
      return next.value;
    }
  }
}

/**
 * Does the work slice by slice.
 *
 * @throws the signal's reason, within a slice after it was aborted; what the work throws
 */
export async function inTurns<T>(work: Slices<T>, signal: AbortSignal | undefined): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    const next = work.next();
    if (next.done === true) {
      return next.value;
    }
    await setImmediate();
  }
}
