import { afterEach, expect, test, vi } from "vitest";
import { setDeadline } from "../../src/services/deadline.ts";

vi.useFakeTimers();
afterEach(() => {
  vi.clearAllTimers();
});

/** A clock beside the timers, which goes on while the process stands still. */
function standing(): { now: () => number; standStill: (milliseconds: number) => void } {
  let stood = 0;
  const started = Date.now();
  return { now: () => Date.now() - started + stood, standStill: (milliseconds) => (stood += milliseconds) };
}

test("whoever is late is late", () => {
  const late = vi.fn();
  setDeadline(1000, late, standing().now);
  vi.advanceTimersByTime(999);
  expect(late).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(late).toHaveBeenCalledOnce();
});

test("who was waited for by a process that stood still has all of the time again, as often as it does", () => {
  const late = vi.fn();
  const { now, standStill } = standing();
  setDeadline(1000, late, now);
  for (let count = 0; count < 2; count += 1) {
    standStill(60_000);
    vi.advanceTimersByTime(1000);
  }
  expect(late).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1000);
  expect(late).toHaveBeenCalledOnce();
});

test("nobody is late any more, once it is cleared", () => {
  const late = vi.fn();
  const { now, standStill } = standing();
  const deadline = setDeadline(1000, late, now);
  standStill(60_000);
  vi.advanceTimersByTime(1000);
  deadline.clear();
  vi.advanceTimersByTime(60_000);
  expect(late).not.toHaveBeenCalled();
});
