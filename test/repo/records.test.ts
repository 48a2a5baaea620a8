import { describe, expect, test } from "vitest";
import { findBlobRefs } from "../../src/data/blob-refs.ts";
import { cidFor } from "../../src/data/cid.ts";
import { encodeCbor } from "../../src/data/cbor.ts";
import { isDecampError } from "../../src/errors.ts";
import { readBlobRefs, readRecords } from "../../src/repo/records.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { makeAccount, makeRecords } from "./tools/account.ts";
import { makeCar, orders, sortBlocks } from "./tools/build.ts";
import { Random } from "./tools/random.ts";

const records = makeRecords(11, 500);
const account = await makeAccount({ records });

describe.each(orders)("in the order %s", (order) => {
  const car = makeCar(account.commit.cid, sortBlocks(account.blocks, order, new Random(3)));

  test("records come in the order of their keys, byte for byte", () => {
    const expected = records
      .map(({ key, value }) => ({ path: key, bytes: Buffer.from(encodeCbor(value)).toString("hex") }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    const found = [...readRecords(bytesSource(car))];
    expect(found.map(({ path, bytes }) => ({ path, bytes: Buffer.from(bytes).toString("hex") }))).toEqual(expected);
    for (const { path, collection, rkey, cid, bytes } of found) {
      expect(`${collection}/${rkey}`).toBe(path);
      expect(cid).toBe(cidFor("dag-cbor", bytes));
    }
  });

  test("blob refs come with the records that need them", () => {
    const expected = new Map<string, string[]>();
    for (const { key, value } of records.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
      for (const { cid } of findBlobRefs(value)) {
        expected.set(cid, [...(expected.get(cid) ?? []), key]);
      }
    }
    const found = readBlobRefs(bytesSource(car));
    expect(expected.size).toBeGreaterThan(10);
    expect([...found].map(([cid, { records: paths }]) => [cid, paths])).toEqual([...expected]);
  });
});

test("an empty repository has no records", async () => {
  const empty = await makeAccount({ records: [] });
  expect([...readRecords(bytesSource(makeCar(empty.commit.cid, empty.blocks)))]).toEqual([]);
});

test("a missing record is an error, not a gap", () => {
  const without = account.blocks.filter(({ cid }) => cid !== account.leaves[7]?.value);
  expect(() => [...readRecords(bytesSource(makeCar(account.commit.cid, without)))]).toThrow(
    expect.toSatisfy((error) => isDecampError(error, "damaged")) as Error,
  );
});

test("an abort ends the walk", () => {
  const abort = new AbortController();
  const walk = readRecords(bytesSource(makeCar(account.commit.cid, account.blocks)), { signal: abort.signal });
  expect(() => {
    for (const record of walk) {
      abort.abort(new Error(`stop at ${record.path.slice(0, 3)}`));
    }
  }).toThrow("stop at app");
});

test("a node whose entries are as short as they can be", async () => {
  // One letter each, behind a prefix of less than 24.
  const short = ["00", "01", "07", "08", "10", "13", "14", "15"].map((rkey) => `app.example.note/${rkey}`);
  const { commit, blocks } = await makeAccount({ records: short.map((key) => ({ key, value: {} })) });
  const found = [...readRecords(bytesSource(makeCar(commit.cid, blocks)))];
  expect(found.map(({ path }) => path)).toEqual(short);
});
