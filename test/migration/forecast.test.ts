import { expect, test } from "vitest";
import { reckon, Sample } from "../../src/migration/checks/forecast.ts";

test("the sample is the smallest CIDs, whatever the order in which a server lists them", () => {
  const all = Array.from({ length: 1000 }, (_, at) => `bafk${String(at).padStart(4, "0")}`);
  for (const listed of [all, all.toReversed()]) {
    const sample = new Sample();
    listed.forEach((cid) => sample.add(cid));
    expect(sample.taken()).toEqual(all.slice(0, 16));
  }
});

const whole = (size: number) => ({ read: size, size });

test("all blobs in the sample: the size is known, and the time goes by what was read", () => {
  // 4 MB in a second, fetched and sent at least, which is twice.
  const measured = { repo: whole(1_000_000), blobs: [whole(1_000_000), whole(2_000_000)], took: 1000 };
  expect(reckon(measured, 2)).toEqual({
    repoBytes: 1_000_000,
    blobBytes: 3_000_000,
    sampled: 2,
    seconds: { least: 2, most: 8 },
  });
});

test("some of the blobs: the rest is taken to be like them; one that is read in part counts as it was announced", () => {
  const measured = {
    repo: whole(1_000_000),
    blobs: [{ read: 250_000, size: 9_000_000 }, whole(1_000_000)],
    took: 2250,
  };
  // A megabyte a second; 1 MB and 100 times 5 MB.
  expect(reckon(measured, 100)).toEqual({
    repoBytes: 1_000_000,
    blobBytes: 500_000_000,
    sampled: 2,
    seconds: { least: 1002, most: 4008 },
  });
});

test("nothing is said of what nobody knows", () => {
  const none = { read: 0, size: undefined };
  expect(reckon({ repo: none, blobs: [none], took: 4000 }, 12)).toEqual({});
  expect(reckon({ repo: whole(500), blobs: [none], took: 4000 }, 12)).toEqual({ repoBytes: 500 });
  // A repository that goes on behind what was read has at least that.
  expect(reckon({ repo: { read: 4_000_000, size: undefined }, blobs: [], took: 1000 }, 0)).toEqual({
    blobBytes: 0,
    sampled: 0,
    seconds: { least: 2, most: 8 },
  });
});
