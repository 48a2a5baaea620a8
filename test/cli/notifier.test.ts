/** The command that is told what a watch has noticed: beside the watch, in order, and again if it fails. */
import { expect, test } from "vitest";
import { notifierOf, type Notifier } from "../../src/cli/plc/notifier.ts";
import { DecampError } from "../../src/errors.ts";

const minute = 60_000;

const settle = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A command that ends when it is told to, and a clock. */
function world(): {
  notifier: Notifier<object>;
  running: { message: object; end: (isDone: boolean) => Promise<void> }[];
  said: string[];
  pass: (milliseconds: number) => Promise<void>;
} {
  const running: { message: object; end: (isDone: boolean) => Promise<void> }[] = [];
  const said: string[] = [];
  let now = 0;
  let sleepers: { at: number; wake: () => void }[] = [];
  const notifier = notifierOf<object>({
    run: async (message) =>
      new Promise((resolve) => {
        const one = {
          message,
          end: async (isDone: boolean) => {
            running.splice(running.indexOf(one), 1);
            resolve(
              isDone
                ? { done: true, isTaken: true }
                : { done: false, error: new DecampError("input-needed", "It failed.") },
            );
            await settle();
          },
        };
        running.push(one);
      }),
    again: "It is tried again.",
    warn: (message) => said.push(message),
    elapsed: () => now,
    sleep: async (milliseconds) => new Promise((wake) => sleepers.push({ at: now + milliseconds, wake })),
  });
  return {
    notifier,
    running,
    said,
    pass: async (milliseconds) => {
      now += milliseconds;
      const due = sleepers.filter(({ at }) => at <= now);
      sleepers = sleepers.filter(({ at }) => at > now);
      due.forEach(({ wake }) => wake());
      await settle();
    },
  };
}

test("a few run at once, those of one account one after the other, and nobody waits for them", async () => {
  const { notifier, running } = world();
  const told: string[] = [];
  for (const about of ["a", "a", "b", "c", "d", "e"]) {
    const name = `${about}${told.length}${running.length}`;
    notifier.notify(about, { name }, () => told.push(about));
  }
  const about = (): string[] => running.map(({ message }) => JSON.stringify(message).slice(9, 10));
  expect(about()).toEqual(["a", "b", "c", "d"]);
  expect(notifier.hasTold()).toBe(false);
  await running[1]?.end(true);
  expect(about()).toEqual(["a", "c", "d", "e"]);
  await running[0]?.end(true);
  expect(about()).toEqual(["c", "d", "e", "a"]);
  for (const one of running.slice()) {
    await one.end(true);
  }
  expect(told).toEqual(["b", "a", "c", "d", "e", "a"]);
  expect(notifier.hasTold()).toBe(true);
});

test("what fails is said once, tried again every five minutes in its order, and given up after a day", async () => {
  const { notifier, running, said, pass } = world();
  const told: number[] = [];
  notifier.notify("a", { of: 1 }, () => told.push(1));
  notifier.notify("a", { of: 2 }, () => told.push(2));
  await running[0]?.end(false);
  expect(running).toEqual([]);
  await notifier.settled();
  for (let passed = 0; passed < 24 * 60; passed += 5) {
    await pass(5 * minute);
    expect(running).toMatchObject([{ message: { of: 1 } }]);
    await running[0]?.end(false);
  }
  await pass(5 * minute);
  await running[0]?.end(false);
  expect(said).toHaveLength(2);
  expect(said[0]).toBe("It failed. It is tried again.");
  await pass(5 * minute);
  expect(running).toMatchObject([{ message: { of: 2 } }]);
  await running[0]?.end(true);
  expect(told).toEqual([2]);
  // One was never told: nobody may say that all is well.
  expect(notifier.hasTold()).toBe(false);
});

test("a single look waits until each was tried once", async () => {
  const { notifier, running } = world();
  notifier.notify("a", { of: 1 }, () => undefined);
  notifier.notify("b", { of: 2 }, () => undefined);
  let isSettled = false;
  const settled = notifier.settled().then(() => (isSettled = true));
  await running[0]?.end(false);
  expect(isSettled).toBe(false);
  await running[0]?.end(true);
  await settled;
  expect(isSettled).toBe(true);
});

test("not more than a thousand wait", async () => {
  const { notifier, said } = world();
  for (let count = 0; count < 1001; count += 1) {
    notifier.notify("a", {}, () => undefined);
  }
  expect(said).toHaveLength(1);
  expect(notifier.hasTold()).toBe(false);
});
