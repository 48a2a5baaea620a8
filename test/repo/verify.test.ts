import { describe, expect, test } from "vitest";
import { createRepoVerifier, verifyRepo, type Expectation } from "../../src/repo/verify.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { aliceDid, makeAccount, makeRecords, testNow, testRev, type Account } from "./tools/account.ts";
import { makeCar, orders, sortBlocks } from "./tools/build.ts";
import { Random } from "./tools/random.ts";

function expectationOf(account: Account): Expectation {
  return { did: account.did, signingKeys: [account.signer.didKey], now: testNow };
}

async function* inChunks(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield await Promise.resolve(bytes.subarray(at, at + size));
  }
}

describe.each([0, 1, 2, 7, 100, 3000])("an account of %i records", (count) => {
  test.each(orders)("is proved in the order %s", async (order) => {
    const account = await makeAccount({ records: makeRecords(count, count) });
    const car = makeCar(account.commit.cid, sortBlocks(account.blocks, order, new Random(1)));
    const report = await verifyRepo(bytesSource(car), expectationOf(account));
    expect(report).toMatchObject({
      ok: true,
      did: aliceDid,
      rev: testRev,
      commit: account.commit.cid,
      data: account.data,
      structure: "valid",
      signature: "valid",
      completeness: "complete",
      signingKey: account.signer.didKey,
      records: count,
      blocks: account.blocks.length,
      bytes: car.length,
      strays: 0,
      duplicates: 0,
      findings: [],
    });
    const counted = Object.values(report.collections).reduce((sum, each) => sum + each, 0);
    expect(counted).toBe(count);
    expect(await verifyRepo(inChunks(car, 1000), expectationOf(account))).toEqual(report);
  });
});

test("chunks of any size give the same report, with and without a way to read back", async () => {
  const account = await makeAccount({ records: makeRecords(5, 200) });
  const car = makeCar(account.commit.cid, sortBlocks(account.blocks, "random", new Random(2)));
  const whole = await verifyRepo(bytesSource(car), expectationOf(account));
  for (const size of [1, 7, 4096, car.length]) {
    for (const source of [undefined, bytesSource(car)]) {
      const verifier = createRepoVerifier(expectationOf(account), source === undefined ? {} : { source });
      for (let at = 0; at < car.length; at += size) {
        verifier.write(car.subarray(at, at + size));
      }
      expect(verifier.end()).toEqual(whole);
    }
  }
});

test("of what is no CAR the beginning is read, and no more", async () => {
  const zeros = new Uint8Array(1 << 20);
  let bytes = 0;
  const read = (_offset: number, length: number): Uint8Array => {
    bytes += Math.min(length, zeros.length);
    return bytes > 64 << 20 ? zeros.subarray(0, 0) : zeros.subarray(0, length);
  };
  const { ok, findings } = await verifyRepo({ read }, { now: testNow });
  expect([ok, findings.map(({ rule }) => rule)]).toEqual([false, expect.arrayContaining(["car/header"])]);
  expect(bytes).toBeLessThanOrEqual(1 << 20);
});
