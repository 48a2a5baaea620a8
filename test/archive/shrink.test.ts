/** What counts as a loss, by the counts alone. */
import { expect, test } from "vitest";
import type { Manifest, Most } from "../../src/archive/manifest.ts";
import { findShrinkage, lossText, type Counted } from "../../src/archive/shrink.ts";

function counted(records: number, blobs = 0, collections: Record<string, number> = {}): Counted {
  const blob = { cid: "bafk", size: 1, mimeType: "image/png" };
  return { records, collections, missing: [], blobs: Array.from({ length: blobs }, () => blob) };
}

function snapshot(name: string, counts: Counted, most?: Most): Manifest {
  return { ...counts, snapshot: name, ...(most === undefined ? {} : { most }) } as Manifest;
}

/** Snapshots one after the other, each made with what the one before hands on. */
function inTurn(...all: Counted[]): { manifests: Manifest[]; texts: string[]; holders: (readonly string[])[] } {
  const manifests: Manifest[] = [];
  const texts: string[] = [];
  const holders: (readonly string[])[] = [];
  for (const [index, counts] of all.entries()) {
    const found = findShrinkage(manifests, counts);
    texts.push(lossText(found.losses));
    holders.push(found.holders);
    manifests.push(snapshot(`s${index}`, counts, found.most));
  }
  return { manifests, texts, holders };
}

test.each([
  [100, 80, ""],
  [100, 79, "21 of 100 records"],
  [5, 4, ""],
  [3, 2, "1 of 3 records"],
  [1, 0, "1 of 1 records"],
  [0, 0, ""],
  [10, 1000, ""],
])("from %i records to %i", (before, now, text) => {
  expect(inTurn(counted(before), counted(now)).texts).toEqual(["", text]);
});

test("blobs count as records do; one that the server does not give is not gone", () => {
  expect(inTurn(counted(9, 10), counted(9, 7)).texts).toEqual(["", "3 of 10 blobs"]);
  const missing = { cid: "bafk", reason: "Blob not found", records: [] };
  const some = { ...counted(9, 7), missing: [missing, missing, missing] };
  expect(inTurn(counted(9, 10), some).texts).toEqual(["", ""]);
});

test("a collection of 20 that is gone is a loss, whatever else came; one of 19 is none, nor is one that only shrinks", () => {
  const lists = { "app.example.list": 20, "app.example.few": 19, "app.example.note": 900 };
  const { texts, holders } = inTurn(
    counted(939, 0, lists),
    counted(950, 0, { "app.example.list": 1, "app.example.few": 19, "app.example.note": 930 }),
    counted(950, 0, { "app.example.note": 950 }),
    counted(950, 0, { "app.example.note": 950 }),
  );
  expect(texts).toEqual(["", "", "all 20 of app.example.list", ""]);
  // The one before it, and the one that had most of it.
  expect(holders[2]).toEqual(["s0", "s1"]);
});

test("a loss bit by bit is noticed when it is more than a fifth of the most that there was, and then once", () => {
  const { texts, holders } = inTurn(...[100, 90, 95, 85, 79, 78, 70, 64, 63, 62].map((records) => counted(records)));
  // Four fifths of 79 are 63.2.
  expect(texts).toEqual(["", "", "", "", "21 of 100 records", "", "", "", "16 of 79 records", ""]);
  expect(holders[4]).toEqual(["s0", "s3"]);
});

test("what is held for a loss bit by bit is what had most since the loss before it", () => {
  const { texts, holders } = inTurn(...[100, 10, 20, 17, 15].map((records) => counted(records)));
  expect(texts).toEqual(["", "90 of 100 records", "", "", "5 of 20 records"]);
  expect(holders[4]).toEqual(["s2", "s3"]);
});

test("it is noticed, too, when the snapshot that had most is there no more", () => {
  const { manifests } = inTurn(...[100, 90, 85].map((records) => counted(records)));
  const { losses, holders } = findShrinkage(manifests.slice(1), counted(79));
  expect(losses).toEqual([{ what: "records", before: 100, now: 79 }]);
  expect(holders).toEqual(["s1", "s2"]);
});

test("what is not lost yet is handed on while something else is", () => {
  const { manifests, texts } = inTurn(counted(100, 10), counted(90, 2), counted(79, 2));
  expect(texts).toEqual(["", "8 of 10 blobs", "21 of 100 records"]);
  expect(manifests.map(({ most }) => most)).toEqual([undefined, { records: 100 }, undefined]);
});
