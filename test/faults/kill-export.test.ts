/** Exports that are killed: eight of them, and fifty in `npm run faults`. */
import { expect, inject, test } from "vitest";
import { killExports } from "./kill-export.ts";
import { isLong } from "./lane.ts";

const times = isLong ? 50 : 8;
const seed = 5;

test("exports that are killed at random moments go on from there, and end in the same archive", async () => {
  const { deaths, flaws } = await killExports(inject("network"), times, seed);
  expect(flaws).toEqual([]);
  expect(deaths).toBe(times);
}, 900_000);
