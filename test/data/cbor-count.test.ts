import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeCbor, encodeCbor, isCborMap, type CborValue } from "../../src/data/cbor.ts";
import { hasMoreValues } from "../../src/data/cbor-count.ts";

/** Counted in the value itself. */
function count(value: CborValue): number {
  if (Array.isArray(value)) {
    return value.reduce<number>((sum, item) => sum + count(item), 1);
  }
  return isCborMap(value) ? Object.values(value).reduce<number>((sum, item) => sum + 1 + count(item), 1) : 1;
}

test("values are counted as they stand there, whatever their size", () => {
  const leaf = fc.oneof(
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    // Where the size of what is passed over takes one byte more.
    fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536).map((size) => new Uint8Array(size).fill(0x80)),
    fc.constantFrom(0, 23, 24, 255, 256).map((size) => "x".repeat(size)),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
  );
  const { tree } = fc.letrec<{ tree: CborValue; leaf: CborValue }>((tie) => ({
    leaf,
    tree: fc.oneof({ depthSize: "small" }, tie("leaf"), fc.array(tie("tree")), fc.dictionary(fc.string(), tie("tree"))),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const bytes = encodeCbor(value);
      const values = count(decodeCbor(bytes));
      expect([hasMoreValues(bytes, values), hasMoreValues(bytes, values - 1)]).toEqual([false, true]);
    }),
    { numRuns: 30 },
  );
});

test("what is no CBOR is counted as far as it goes, and ends", () => {
  expect(hasMoreValues(Uint8Array.of(0x1c), 1)).toBe(false);
  expect(hasMoreValues(Uint8Array.of(0x5b, 0xff), 1)).toBe(false);
  expect(hasMoreValues(Uint8Array.of(0x9f, 0x00, 0x00, 0xff), 3)).toBe(true);
  expect(hasMoreValues(new Uint8Array(0), 0)).toBe(false);
});
