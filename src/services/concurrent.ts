/**
 * Calls `work` for every item, at most `limit` at once. The first failure stops the taking of further items, waits for
 * those under way, and is thrown. `signal` for `work` is aborted by a failure, too.
 */
export async function forEachConcurrent<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  // One call of `next` at a time, also where the iterator is asynchronous.
  let turn: Promise<unknown> = Promise.resolve();
  const take = async (): Promise<IteratorResult<T>> => {
    const taken = turn.then(async () => iterator.next());
    turn = taken.catch(() => undefined);
    return taken;
  };
  const lane = async (): Promise<void> => {
    try {
      while (!either.aborted) {
        const next = await take();
        if (next.done === true) {
          return;
        }
        await work(next.value, either);
      }
    } catch (error) {
      if (!either.aborted) {
        failure.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, lane));
  either.throwIfAborted();
}
