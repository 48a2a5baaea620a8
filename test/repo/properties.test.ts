import * as fc from "fast-check";
import { expect, test } from "vitest";
import { bytesSource } from "../../src/repo/source.ts";
import { verifyRepo, type Expectation } from "../../src/repo/verify.ts";
import { fuzzVerifier } from "./fuzz/fuzz.ts";
import { fuzzRecords } from "./fuzz/records.ts";
import { makeAccount, makeRecords, testNow } from "./tools/account.ts";
import { buildTree, makeCar, orders, sortBlocks, treeBlocks } from "./tools/build.ts";
import { Random } from "./tools/random.ts";

const accounts = await Promise.all([0, 1, 12, 60].map((count) => makeAccount({ records: makeRecords(count, count) })));

const file = fc
  .record({ account: fc.constantFrom(...accounts), order: fc.constantFrom(...orders) })
  .map(({ account, order }) => ({
    car: makeCar(account.commit.cid, sortBlocks(account.blocks, order, new Random(4))),
    expectation: { did: account.did, signingKeys: [account.signer.didKey], now: testNow } satisfies Expectation,
  }));

test("any single flipped bit is found", async () => {
  await fc.assert(
    fc.asyncProperty(file, fc.nat(), async ({ car, expectation }, place) => {
      const changed = Buffer.from(car);
      const bit = place % (car.length * 8);
      changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
      const report = await verifyRepo(bytesSource(changed), expectation);
      expect(report.ok).toBe(false);
      expect(report.findings.some(({ severity }) => severity === "error")).toBe(true);
    }),
    { numRuns: 3000 },
  );
});

test("every single bit of a small file is found", async () => {
  const [, account] = accounts;
  const car = makeCar(account!.commit.cid, account!.blocks);
  const expectation = { did: account!.did, signingKeys: [account!.signer.didKey], now: testNow };
  for (let bit = 0; bit < car.length * 8; bit++) {
    const changed = Buffer.from(car);
    changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
    expect((await verifyRepo(bytesSource(changed), expectation)).ok, `bit ${bit}`).toBe(false);
  }
});

test("any cut is found", async () => {
  await fc.assert(
    fc.asyncProperty(file, fc.nat(), async ({ car, expectation }, place) => {
      const report = await verifyRepo(bytesSource(car.subarray(0, place % car.length)), expectation);
      expect(report.ok).toBe(false);
      expect(report.completeness).toBe("incomplete");
    }),
    { numRuns: 2000 },
  );
});

test("any block that is left out is found", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...accounts), fc.nat(), async (account, place) => {
      const blocks = account.blocks.filter((_, i) => i !== place % account.blocks.length);
      const expectation = { did: account.did, signingKeys: [account.signer.didKey] };
      const report = await verifyRepo(bytesSource(makeCar(account.commit.cid, blocks)), expectation);
      expect(report).toMatchObject({ ok: false, completeness: "incomplete", structure: "valid" });
    }),
  );
});

test("the tree does not depend on the order in which records come", () => {
  const [, , , account] = accounts;
  const { leaves, records, data } = account!;
  fc.assert(
    fc.property(fc.shuffledSubarray(leaves, { minLength: leaves.length }), (shuffled) => {
      expect(treeBlocks(buildTree(shuffled), records).root).toBe(data);
    }),
  );
});

test("mutated files end in a report, the same however they arrive", async () => {
  const { cases, stillGood } = await fuzzVerifier(7, 600, () => false);
  expect(cases).toBe(600);
  expect(stillGood).toBeLessThan(200);
});

test("broken records are read to an end, and everybody finds the same blobs in them", async () => {
  const { records, blobs, unknown } = await fuzzRecords(3, 15, () => false);
  expect(records).toBe(300);
  expect(blobs).toBeGreaterThan(150);
  expect(unknown).toBeGreaterThan(20);
});
