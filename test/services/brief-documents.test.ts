/** The host of one account does not hold up the others. */
import { afterEach, expect, test, vi } from "vitest";
import { briefly } from "../../src/services/servers/brief-documents.ts";

afterEach(() => vi.useRealTimers());

const never = async (_: string, signal: AbortSignal): Promise<unknown> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });

test("a document that does not come within half a minute is given up; one that does, and a stop, are what they are", async () => {
  vi.useFakeTimers();
  const { signal } = new AbortController();
  const late = expect(briefly(never)("did:web:a.example", signal)).rejects.toMatchObject({ code: "unreachable" });
  await vi.advanceTimersByTimeAsync(30_000);
  await late;
  const stopped = new AbortController();
  const ended = expect(briefly(never)("did:web:a.example", stopped.signal)).rejects.toThrow("stopped");
  stopped.abort(new Error("stopped"));
  await ended;
  expect(await briefly(async (did) => Promise.resolve(did))("did:web:a.example", signal)).toBe("did:web:a.example");
  expect(vi.getTimerCount()).toBe(0);
});
