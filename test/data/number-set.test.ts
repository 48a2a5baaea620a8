/** A set of numbers holds what a `Set` holds. */
import { hash } from "node:crypto";
import { expect, test } from "vitest";
import { NumberSet } from "../../src/data/number-set.ts";

const numberOf = (index: number): number => Number.parseInt(hash("sha256", `${index}`, "hex").slice(0, 12), 16);

test("what was added is in it once, and nothing else", () => {
  const [ours, theirs] = [new NumberSet(), new Set<number>()];
  for (let index = 0; index < 20_000; index += 1) {
    // Half of them twice, the second time after the set has grown.
    const number = numberOf(index % 15_000);
    ours.add(number);
    theirs.add(number);
  }
  expect(ours.size).toBe(15_000);
  expect([...ours].toSorted((a, b) => a - b)).toEqual([...theirs].toSorted((a, b) => a - b));
  const odd = Array.from({ length: 30_000 }, (_, index) => numberOf(index)).filter(
    (number) => ours.has(number) !== theirs.has(number),
  );
  expect(odd).toEqual([]);
});

test("so are the least and the largest, and numbers that all want the same place", () => {
  const numbers = [0, 1, Number.MAX_SAFE_INTEGER, ...Array.from({ length: 1000 }, (_, index) => 2 ** 30 * (index + 1))];
  const ours = new NumberSet();
  expect(numbers.filter((number) => ours.has(number))).toEqual([]);
  for (const number of numbers) {
    ours.add(number);
  }
  expect(numbers.filter((number) => !ours.has(number))).toEqual([]);
  expect(ours.has(2)).toBe(false);
  expect(ours.size).toBe(numbers.length);
});
