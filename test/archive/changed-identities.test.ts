/** Which identities have changed, by a directory's list: all that stand there, however many they are. */
import { hash } from "node:crypto";
import { expect, test } from "vitest";
import { readChanged } from "../../src/archive/night/changed-identities.ts";
import { exportPage, type ExportLine } from "../../src/services/servers/plc-export.ts";
import { testNow } from "../repo/tools/account.ts";

const numberOf = (did: string): number => Number.parseInt(hash("sha256", did, "hex").slice(0, 12), 16);
const didOf = (index: number): string => `did:plc:${String(index).padStart(24, "a")}`;

/** A directory with so many operations in the hour before now, one of each identity. */
function directoryWith(count: number): Parameters<typeof readChanged>[0] {
  const lines = Array.from({ length: count }, (_, index): ExportLine => {
    const time = testNow - 3_600_000 + Math.floor((index / count) * 3_600_000);
    return { did: didOf(index), cid: String(index), time, seq: index + 1 };
  });
  return {
    exported: async (after) =>
      Promise.resolve(
        lines
          .filter((line) => ("seq" in after ? (line.seq ?? 0) > after.seq : line.time > after.time))
          .slice(0, exportPage),
      ),
  };
}

// Up to 48,000 are kept one by one.
test.each([0, 1, 2000, 47_999, 60_000])("of %i operations none is overlooked", async (count) => {
  const options = { since: testNow - 3_600_000, mostPages: 70, numberOf, now: () => testNow };
  const changed = await readChanged(directoryWith(count), options, AbortSignal.timeout(60_000));
  expect(changed).toBeDefined();
  const overlooked = Array.from({ length: count }, (_, index) => didOf(index)).filter(
    (did) => changed?.has(numberOf(did)) !== true,
  );
  expect(overlooked).toEqual([]);
  const others = Array.from({ length: 10_000 }, (_, index) => didOf(count + index));
  const taken = others.filter((did) => changed?.has(numberOf(did)) === true).length;
  expect(taken).toBeLessThanOrEqual(count < 48_000 ? 0 : 1200);
});

test("more than it is worth to read is not known", async () => {
  const options = { since: testNow - 3_600_000, mostPages: 3, numberOf, now: () => testNow };
  expect(await readChanged(directoryWith(8000), options, AbortSignal.timeout(60_000))).toBeUndefined();
});
