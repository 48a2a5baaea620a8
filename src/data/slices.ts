/**
 * Work that takes long, in slices. Between two of them others have their turn: a signal of the system is heard, and so
 * an abort. What does the work yields where it can stop, and knows nothing of time.
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

/** The same for work that gives items on the way: `undefined` is the end of a slice. */
export type Steps<T extends object> = Generator<T | undefined, void, undefined>;

/** The items, without a pause. */
export function* itemsAtOnce<T extends object>(steps: Steps<T>): Generator<T, void, undefined> {
  for (const step of steps) {
    if (step !== undefined) {
      yield step;
    }
  }
}

/**
 * The items, slice by slice.
 *
 * @throws the signal's reason, within a slice after it was aborted; what the work throws
 */
export async function* itemsInTurns<T extends object>(
  steps: Steps<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  signal?.throwIfAborted();
  for (const step of steps) {
    if (step === undefined) {
      await setImmediate();
    } else {
      yield step;
    }
    signal?.throwIfAborted();
  }
}

/** Says when a slice is over, by what was done: some milliseconds' worth. */
export class SliceCounter {
  private left = sliceSteps;

  /** @param bytes how much was read in the step @returns whether the slice is over */
  isOver(bytes: number = 0): boolean {
    this.left -= 1 + bytes / stepBytes;
    if (this.left > 0) {
      return false;
    }
    this.left = sliceSteps;
    return true;
  }
}

const sliceSteps = 1024;
/** Reading so many bytes is as much work as a step. */
const stepBytes = 2048;

/** All items of something that gives them one by one. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}
