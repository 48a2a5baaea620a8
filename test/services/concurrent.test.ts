import { describe, expect, test } from "vitest";
import { Background, forEachConcurrent } from "../../src/services/concurrent.ts";

const forever = new AbortController().signal;

/** Work that ends when it is told to, and counts how much of it runs at once. */
function pieces() {
  const open: { item: number; end: () => void; busy: () => void }[] = [];
  let most = 0;
  const started: number[] = [];
  return {
    started,
    get most() {
      return most;
    },
    get running() {
      return open.length;
    },
    work: async (item: number, _signal: AbortSignal, busy: () => void): Promise<void> => {
      started.push(item);
      await new Promise<void>((end) => {
        open.push({ item, end, busy });
        most = Math.max(most, open.length);
      });
    },
    busy: (index: number) => open[index]?.busy(),
    /** Ends the oldest pieces, and lets everything happen that follows from it. */
    end: async (count: number): Promise<void> => {
      for (const { end } of open.splice(0, count)) {
        end();
      }
      await settled();
    },
  };
}

/** All callbacks that are due have run. */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe("several at once", () => {
  test("all items, in their order, and never more than the limit", async () => {
    const { work, started, end, ...rest } = pieces();
    const done = forEachConcurrent(numbers(10), 4, forever, work);
    await settled();
    expect(started).toEqual([0, 1, 2, 3]);
    await end(2);
    expect(started).toEqual([0, 1, 2, 3, 4, 5]);
    await end(4);
    await end(4);
    await done;
    expect(started).toEqual(numbers(10));
    expect(rest.most).toBeLessThanOrEqual(4);
  });

  test("a failure is thrown when those under way have ended, and nothing new is begun", async () => {
    const { work, started, end } = pieces();
    const done = forEachConcurrent(numbers(10), 3, forever, async (item, signal, busy) => {
      await work(item, signal, busy);
      if (item === 0) {
        throw new Error("broken");
      }
    });
    const outcome = done.catch((error: unknown) => error);
    await settled();
    await end(1);
    await end(2);
    expect(await outcome).toEqual(new Error("broken"));
    expect(started).toEqual([0, 1, 2]);
  });

  test("a busy server gets half of it, however many notice at the same time, and slowly more again", async () => {
    const run = pieces();
    const done = forEachConcurrent(numbers(60), 8, forever, run.work);
    await settled();
    expect(run.running).toBe(8);
    for (let index = 0; index < 8; index += 1) {
      run.busy(index);
    }
    await run.end(8);
    expect(run.running).toBe(4);
    run.busy(0);
    await run.end(4);
    expect(run.running).toBe(2);
    // Two at a time: after eight good ones, three.
    for (let round = 0; round < 4; round += 1) {
      await run.end(2);
    }
    expect(run.running).toBe(3);
    while (run.running > 0) {
      await run.end(run.running);
    }
    await done;
    expect(run.started).toEqual(numbers(60));
  });

  test("work that never gives way is stopped all the same", async () => {
    const stop = new AbortController();
    setImmediate(() => stop.abort(new Error("stopped")));
    let begun = 0;
    const done = forEachConcurrent(numbers(10_000), 8, stop.signal, async () => {
      begun += 1;
    });
    await expect(done).rejects.toThrow("stopped");
    expect(begun).toBeLessThan(1_000);
  });
});

describe("work in the background", () => {
  test("is waited for when there is too much of it, and at the end", async () => {
    const { work, end, started } = pieces();
    const background = new Background(2);
    const add = async (item: number): Promise<void> => background.add(async () => work(item, forever, () => undefined));
    await add(1);
    await add(2);
    const third = add(3);
    await Promise.resolve();
    expect(started).toEqual([1, 2]);
    await end(1);
    await third;
    expect(started).toEqual([1, 2, 3]);
    let over = false;
    const ended = background.end().then(() => (over = true));
    await end(1);
    expect(over).toBe(false);
    await end(1);
    await ended;
    expect(over).toBe(true);
  });

  test("throws its first failure to whoever comes next, and begins no more", async () => {
    const background = new Background(2);
    await background.add(async () => Promise.reject(new Error("first")));
    await background.add(async () => Promise.reject(new Error("second")));
    let begun = false;
    const third = background.add(async () => {
      begun = true;
      return Promise.resolve();
    });
    await expect(third).rejects.toThrow("first");
    await expect(background.end()).rejects.toThrow("first");
    expect(begun).toBe(false);
  });
});
