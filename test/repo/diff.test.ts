import * as fc from "fast-check";
import { expect, test } from "vitest";
import { cidFor } from "../../src/data/cid.ts";
import { encodeCbor } from "../../src/data/cbor.ts";
import { diffRepos, type RecordChange } from "../../src/repo/diff.ts";
import { bytesSource, type RepoSource } from "../../src/repo/source.ts";
import { makeAccount, makeRecords, type Record } from "./tools/account.ts";
import { makeCar, sortBlocks } from "./tools/build.ts";
import { Random } from "./tools/random.ts";

const pool = makeRecords(21, 150);

async function carOf(records: readonly Record[], seed: number): Promise<Buffer> {
  const account = await makeAccount({ records });
  return makeCar(account.commit.cid, sortBlocks(account.blocks, "random", new Random(seed)));
}

function cids(records: readonly Record[]): Map<string, string> {
  return new Map(records.map(({ key, value }) => [key, cidFor("dag-cbor", encodeCbor(value))]));
}

function expected(before: readonly Record[], after: readonly Record[]): RecordChange[] {
  const left = cids(before);
  const right = cids(after);
  return [...new Set([...left.keys(), ...right.keys()])].sort().flatMap((path): RecordChange[] => {
    const a = left.get(path);
    const b = right.get(path);
    if (a === undefined) {
      return b === undefined ? [] : [{ kind: "added", path, after: b }];
    }
    if (b === undefined) {
      return [{ kind: "removed", path, before: a }];
    }
    return a === b ? [] : [{ kind: "changed", path, before: a, after: b }];
  });
}

test("the diff of any two repositories is the diff of their records", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(pool),
      fc.subarray(pool),
      fc.subarray(pool, { maxLength: 5 }),
      async (before, after, changed) => {
        const edited = after.map((record) =>
          changed.includes(record) ? { ...record, value: { edited: true } } : record,
        );
        const found = [...diffRepos(bytesSource(await carOf(before, 1)), bytesSource(await carOf(edited, 2)))];
        expect(found).toEqual(expected(before, edited));
      },
    ),
  );
});

test("equal subtrees are not read", async () => {
  const records = makeRecords(22, 2000);
  const before = await carOf(records, 1);
  const after = await carOf(records.toSpliced(1000, 1), 2);
  let reads = 0;
  const counted = (car: Buffer): RepoSource => ({
    read: (offset, length) => {
      reads += length < 1 << 16 ? 1 : 0;
      return car.subarray(offset, offset + length);
    },
  });
  expect([...diffRepos(counted(before), counted(after))]).toHaveLength(1);
  expect(reads).toBeGreaterThan(4);
  expect(reads).toBeLessThan(60);
});
