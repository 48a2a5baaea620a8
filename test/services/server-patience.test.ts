/** When a run waits for its server, and when the server is given up. */
import { expect, test } from "vitest";
import { DecampError } from "../../src/errors.ts";
import { isServerGone, ServerPatience } from "../../src/services/servers/server-patience.ts";

const host = "pds.example.com";
const { signal } = new AbortController();
const lost = (from = host): DecampError => new DecampError("unreachable", "No.", { data: { host: from } });
const refused = (status: number): DecampError => new DecampError("server-refused", "No.", { data: { host, status } });

/** Milliseconds. */
const lookTakes = 1_000;

/** A server that answers looks as is said, the last word again and again. */
function server(...looks: (DecampError | "there")[]) {
  const waits: number[] = [];
  const seen = { looks: 0, away: 0 };
  let now = 0;
  const patience = new ServerPatience({
    host,
    look: async () => {
      const said = looks[Math.min(seen.looks, looks.length - 1)];
      seen.looks += 1;
      now += lookTakes;
      if (said instanceof DecampError) {
        throw said;
      }
      return Promise.resolve();
    },
    sleep: async (milliseconds, stop) => {
      stop.throwIfAborted();
      waits.push(milliseconds);
      now += milliseconds;
      return Promise.resolve();
    },
    now: () => now,
    longest: 100_000,
    onAway: () => (seen.away += 1),
  });
  return { patience, waits, seen };
}

/** Work with these results, one after another. */
function work(...results: (DecampError | string)[]): { readonly tries: () => number; run: () => Promise<string> } {
  let tries = 0;
  const run = async (): Promise<string> => {
    const result = results[tries] ?? "";
    tries += 1;
    return result instanceof DecampError ? Promise.reject(result) : Promise.resolve(result);
  };
  return { tries: () => tries, run };
}

async function answered(patience: ServerPatience): Promise<void> {
  await patience.through(async () => Promise.resolve(), signal);
}

test.each<[string, DecampError]>([
  ["nobody answers", lost()],
  ["a proxy says that nobody is there", refused(502)],
])("where %s, and the server does not, it is waited for, and the work is done once more", async (_, error) => {
  const { patience, waits, seen } = server(error, error, error, "there");
  await answered(patience);
  const [first, second] = [work(error, "a"), work(error, "b")];
  const both = [patience.through(first.run, signal), patience.through(second.run, signal)];
  expect(await Promise.all(both)).toEqual(["a", "b"]);
  expect(waits).toEqual([2_000, 4_000, 8_000]);
  expect(seen).toEqual({ looks: 4, away: 1 });
});

test("work that begins while the server is away waits for it", async () => {
  const { patience, waits } = server(lost(), "there");
  await answered(patience);
  const [first, later] = [work(lost(), "a"), work("b")];
  const begun = patience.through(first.run, signal);
  await new Promise(setImmediate);
  const waiting = patience.through(later.run, signal);
  expect(await Promise.all([begun, waiting])).toEqual(["a", "b"]);
  expect([waits, later.tries()]).toEqual([[2_000], 1]);
});

test("an account that gets no answer of a server that is there has its own error", async () => {
  const { patience, waits, seen } = server("there");
  await answered(patience);
  const one = work(lost(), "too late");
  await expect(patience.through(one.run, signal)).rejects.toThrow("No.");
  expect([waits, seen, one.tries()]).toEqual([[], { looks: 1, away: 0 }, 1]);
});

test("so has one that gets none after the server came back, either", async () => {
  const { patience } = server(lost(), "there");
  await answered(patience);
  const one = work(lost(), lost(), "too late");
  await expect(patience.through(one.run, signal)).rejects.toThrow("No.");
  expect(one.tries()).toBe(2);
});

test("work that was under way when the server came back is done once more", async () => {
  const { patience, seen } = server(lost(), "there");
  await answered(patience);
  const failing = Promise.withResolvers<string>();
  let tries = 0;
  const slow = patience.through(async () => (++tries === 1 ? failing.promise : Promise.resolve("slow")), signal);
  expect(await patience.through(work(lost(), "quick").run, signal)).toBe("quick");
  failing.reject(lost());
  expect(await slow).toBe("slow");
  expect(seen.looks).toBe(2);
});

test("a server that does not come back ends all work with one error, and no more is begun", async () => {
  const { patience, waits } = server(lost());
  await answered(patience);
  const [first, second, third] = [work(lost()), work(lost()), work("c")];
  const errors = await Promise.all(
    [first, second].map(async (one) => patience.through(one.run, signal).catch((error: unknown) => error)),
  );
  // The looks are a part of the time.
  expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 3_000]);
  expect(errors[0]).toBe(errors[1]);
  expect(isServerGone(errors[0])).toBe(true);
  await expect(patience.through(third.run, signal)).rejects.toBe(errors[0]);
  expect(third.tries()).toBe(0);
});

test.each<[string, DecampError]>([
  ["about another server", lost("plc.example.com")],
  ["an answer of the server", refused(400)],
])("an error that is %s is no matter of patience", async (_, error) => {
  const { patience, seen } = server(lost());
  await answered(patience);
  await expect(patience.through(work(error).run, signal)).rejects.toBe(error);
  expect(seen.looks).toBe(0);
});

test("a server that has not answered yet is not waited for", async () => {
  const { patience, seen } = server(lost());
  const error = lost();
  await expect(patience.through(work(error).run, signal)).rejects.toBe(error);
  expect(seen.looks).toBe(0);
});

test("a look that hangs is given up when the time is over", async () => {
  const seen: AbortSignal[] = [];
  const patience = new ServerPatience({
    host,
    look: async (stop) => {
      seen.push(stop);
      return new Promise((_, reject) => {
        stop.addEventListener("abort", () => reject(new Error("given up")));
      });
    },
    sleep: async () => Promise.resolve(),
    now: () => performance.now(),
    longest: 50,
    onAway: () => undefined,
  });
  await answered(patience);
  const error = await patience.through(work(lost()).run, signal).catch((thrown: unknown) => thrown);
  expect(isServerGone(error)).toBe(true);
  expect(seen.map((stop) => stop.aborted)).toEqual([true]);
});

test("who stops does not wait", async () => {
  const { patience } = server(lost());
  await answered(patience);
  const stop = new AbortController();
  const one = work(lost());
  const run = patience.through(async () => {
    stop.abort(new Error("stopped"));
    return one.run();
  }, stop.signal);
  await expect(run).rejects.toThrow("stopped");
});
