/** Nights of a Job whose pods are killed: a short one of each kind, and many in `npm run faults`. */
import { expect, test } from "vitest";
import { isLong } from "./lane.ts";
import { killEverywhere, killShards, whyNotContained } from "./shards.ts";

const accounts = isLong ? 40 : 12;
const killed = isLong ? 4 : 2;
const seeds = Array.from({ length: isLong ? 25 : 1 }, (_, index) => index + 1);

test.each(seeds)(
  "parts of a night that are killed go on, and together have every account once",
  async (seed) => {
    const { deaths, flaws } = await killShards({ accounts, killed, seed, contained: false });
    expect({ seed, flaws }).toEqual({ seed, flaws: [] });
    expect(deaths).toBeGreaterThan(killed);
  },
  600_000,
);

if (whyNotContained !== "") {
  console.warn(`Pods in namespaces of their own are left out: ${whyNotContained}.`);
}

test.skipIf(whyNotContained !== "" || !isLong).each(seeds)(
  "so do pods of which nobody can see whether they live",
  async (seed) => {
    const { deaths, flaws } = await killShards({ accounts, killed, seed, contained: true });
    expect({ seed, flaws }).toEqual({ seed, flaws: [] });
    expect(deaths).toBeGreaterThan(killed);
  },
  600_000,
);

test.skipIf(!isLong).each(["before", "torn", "after"] as const)(
  "a night and a prune that are killed at any operation on files go on from there, %s",
  async (how) => {
    const { deaths, flaws } = await killEverywhere(how);
    expect(flaws).toEqual([]);
    expect(deaths).toBeGreaterThan(50);
  },
  3_600_000,
);
