import { createHash } from "node:crypto";
import { array, assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { atOnce } from "../../src/data/slices.ts";
import { EarlyRecords } from "../../src/repo/proof/early-records.ts";
import { hashDigest } from "../../src/repo/tables.ts";

function digestOf(name: number): DataView {
  const digest = createHash("sha256").update(`${name}`).digest();
  return new DataView(digest.buffer, digest.byteOffset, 32);
}

interface Entry {
  offset: number;
  length: number;
  flags: number;
}

/** Adds records by number, then wants some by number. */
function run(
  came: readonly number[],
  wanted: readonly number[],
): { found: Entry[]; unknown: string[]; left: Entry[]; duplicates: number } {
  const found: Entry[] = [];
  const unknown: string[] = [];
  const left: Entry[] = [];
  const records = new EarlyRecords({
    recordFound: (offset, length, flags) => found.push({ offset, length, flags }),
    recordUnknown: (view, at) => unknown.push(Buffer.from(view.buffer, view.byteOffset + at, 32).toString("hex")),
  });
  for (const [place, name] of came.entries()) {
    const { offset, length, flags } = entry(place);
    records.add(digestOf(name), 0, hashDigest(digestOf(name), 0), offset, length, flags);
  }
  for (const name of wanted) {
    records.want(digestOf(name), 0);
    if (records.isDue) {
      atOnce(records.compare());
    }
  }
  const draining = records.drain((digest, offset, length, flags) => {
    expect(came.some((name, place) => entry(place).offset === offset && isSame(digest, digestOf(name)))).toBe(true);
    left.push({ offset, length, flags });
  });
  atOnce(draining);
  return { found, unknown, left, duplicates: records.duplicates };
}

function isSame(a: DataView, b: DataView): boolean {
  return Array.from({ length: 32 }, (_, i) => i).every((i) => a.getUint8(i) === b.getUint8(i));
}

/** Places up to the largest number that there is. */
function entry(place: number): Entry {
  return { offset: Number.MAX_SAFE_INTEGER - place * 2 ** 31, length: place * 7919, flags: place & 255 };
}

function byOffset(entries: readonly Entry[]): Entry[] {
  return entries.toSorted((a, b) => a.offset - b.offset);
}

test("records that are wanted are found once, others are left, and second ones are counted", () => {
  const names = array(integer({ min: 0, max: 60 }), { maxLength: 100 });
  assert(
    property(names, names, (came, wanted) => {
      const { found, unknown, left, duplicates } = run(came, wanted);
      const first = new Map(came.map((name, place) => [name, place] as const).toReversed());
      const [inTree, strays] = [[...first].filter(([name]) => wanted.includes(name)), [...first]];
      const missing = wanted.filter((name) => !first.has(name));
      expect(byOffset(found)).toEqual(byOffset(inTree.map(([, place]) => entry(place))));
      expect(byOffset(left)).toEqual(
        byOffset(strays.filter(([name]) => !wanted.includes(name)).map(([, place]) => entry(place))),
      );
      expect(unknown.toSorted()).toEqual(
        missing.map((name) => createHash("sha256").update(`${name}`).digest("hex")).toSorted(),
      );
      expect(duplicates).toBe(came.length - first.size);
    }),
  );
});

test("more are wanted than are compared at once", () => {
  const names = Array.from({ length: 70_000 }, (_, i) => i);
  const { found, unknown, left, duplicates } = run(names, names.toReversed());
  expect([found.length, unknown.length, left.length, duplicates]).toEqual([70_000, 0, 0, 0]);
  expect(new Set(found.map(({ offset }) => offset)).size).toBe(70_000);
});
