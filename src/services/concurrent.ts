/** Several pieces of work at once, and fewer where a server says that it is busy. */
import { setImmediate } from "node:timers/promises";

/** After so many pieces whatever else waits has its turn, such as a signal of the system. */
const inARow = 64;

/**
 * Calls `work` for every item, at most `limit` at once. The first failure stops the taking of further items, waits for
 * those under way, and is thrown. `signal` for `work` is aborted by a failure, too. An abort is heard also where the
 * work looks at the disk in place, and never gives way by itself.
 *
 * @param work may call `busy` when a server has too much to do: from then on half as many run at once. What is
 *   reported by work that began before the last halving counts as the same news. After a while without, one more at a
 *   time is tried again, up to `limit`
 */
export async function forEachConcurrent<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal, busy: () => void) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const throttle = new Throttle(Math.max(1, limit));
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  // One call of `next` at a time, also where the iterator is asynchronous.
  let turn: Promise<unknown> = Promise.resolve();
  let done = 0;
  const take = async (): Promise<IteratorResult<T>> => {
    const taken = turn.then(async () => iterator.next());
    turn = taken.catch(() => undefined);
    return taken;
  };
  const lane = async (): Promise<void> => {
    for (;;) {
      await throttle.enter();
      try {
        if (either.aborted) {
          return;
        }
        const next = await take();
        if (next.done === true) {
          return;
        }
        await work(next.value, either, throttle.watch());
        throttle.succeeded();
        done += 1;
        if (done % inARow === 0) {
          await setImmediate();
        }
      } catch (error) {
        if (!either.aborted) {
          failure.abort(error);
        }
        return;
      } finally {
        throttle.leave();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, lane));
  either.throwIfAborted();
}

/** Work that is begun and left to itself, at most so much at once. */
export class Background {
  readonly #limit: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when the work has begun. @throws what earlier work has thrown; then it is not begun */
  async add(work: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#limit) {
      await Promise.race(this.#running);
    }
    this.#throwFailure();
    const running = work()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when no work is under way any more. @throws the first thing that any of it has thrown */
  async end(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.race(this.#running);
    }
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) {
      throw this.#failure.error;
    }
  }
}

/** How many may run at once. */
class Throttle {
  readonly #most: number;
  #limit: number;
  #running = 0;
  #halvings = 0;
  #successes = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
    this.#limit = most;
  }

  async enter(): Promise<void> {
    while (this.#running >= this.#limit) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    this.#running += 1;
  }

  leave(): void {
    this.#running -= 1;
    this.#waiting.shift()?.();
  }

  /** For one piece of work that begins now: the function that says that a server is busy. */
  watch(): () => void {
    const begun = this.#halvings;
    return () => {
      if (begun === this.#halvings) {
        this.#halvings += 1;
        this.#limit = Math.max(1, Math.floor(this.#limit / 2));
        this.#successes = 0;
      }
    };
  }

  succeeded(): void {
    this.#successes += 1;
    if (this.#limit < this.#most && this.#successes >= this.#limit * 4) {
      this.#successes = 0;
      this.#limit += 1;
      this.#waiting.shift()?.();
    }
  }
}
