import { hash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { cidFor } from "../../src/data/cid.ts";
import { atOnce } from "../../src/data/slices.ts";
import { BlockBatch, longestHashed } from "../../src/repo/hashing/block-batch.ts";
import { BlockStream } from "../../src/repo/proof/block-stream.ts";
import { defaultLimits } from "../../src/repo/limits.ts";
import { Findings, type Finding } from "../../src/repo/report.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { ReadBack } from "../../src/repo/proof/read-back.ts";
import { TreeCheck } from "../../src/repo/proof/tree-check.ts";
import { Window } from "../../src/repo/proof/window.ts";
import { assemble, good } from "./fixtures/fixture.ts";
import { invalid } from "./fixtures/invalid.ts";
import { valid } from "./fixtures/valid.ts";
import { makeAccount, makeRecords } from "./tools/account.ts";
import { makeCar, sortBlocks, type Block } from "./tools/build.ts";
import { Random } from "./tools/random.ts";

/** So long are blocks that are no longer hashed together. */
const tooLong = longestHashed * 64 - 8;

function makeBatch(): BlockBatch {
  const batch = BlockBatch.make(1 << 20);
  expect(batch, "WebAssembly with vectors").toBeDefined();
  return batch!;
}

/** Writes a block, with what stands before and behind it, and adds it. @returns where the data starts */
function addBlock(batch: BlockBatch, start: number, data: Uint8Array): number {
  batch.bytes.fill(0xee, start, start + 36 + data.length + 64);
  batch.bytes.set(hash("sha256", data, "buffer"), start + 4);
  batch.bytes.set(data, start + 36);
  batch.add(start, start + 36 + data.length);
  return start + 36;
}

const random = new Random(12);

test("blocks of every length are proved", () => {
  const batch = makeBatch();
  for (let length = 0; length < tooLong; length++) {
    addBlock(batch, length * 900, random.bytes(length));
  }
  batch.run();
  const unproved = Array.from({ length: tooLong }, (_, i) => i).filter((i) => !batch.isProved(i));
  expect(unproved).toEqual([]);
  expect(batch.count).toBe(tooLong);
});

test("a long block is left to others", () => {
  const batch = makeBatch();
  addBlock(batch, 0, random.bytes(tooLong));
  addBlock(batch, 2000, random.bytes(100_000));
  batch.run();
  expect([batch.isProved(0), batch.isProved(1)]).toEqual([false, false]);
});

test("a flipped bit is found, wherever it is, and only in its block", () => {
  const batch = makeBatch();
  for (let round = 0; round < 300; round++) {
    batch.clear();
    const places: { start: number; length: number }[] = [];
    for (let i = 0; i < 9; i++) {
      const length = random.below(tooLong);
      places.push({ start: addBlock(batch, i * 900, random.bytes(length)), length });
    }
    const damaged = random.below(9);
    const { start, length } = places[damaged]!;
    const at = start - 32 + random.below(length + 32);
    batch.bytes[at] = batch.bytes[at]! ^ (1 << random.below(8));
    batch.run();
    expect(places.map((_, i) => batch.isProved(i))).toEqual(places.map((_, i) => i !== damaged));
  }
});

interface Outcome {
  findings: Finding[];
  records: number;
  blocks: number;
  strays: number;
  duplicates: number;
}

/** Verifies with blocks that are proved together from `smallBytes` on. */
function outcome(car: Buffer, smallBytes: number, chunk: number = car.length): Outcome {
  const findings = new Findings(defaultLimits);
  const window = new Window();
  const tree = new TreeCheck(good, new ReadBack(window, bytesSource(car)), defaultLimits, findings);
  const stream = new BlockStream(window, tree, defaultLimits, findings, smallBytes);
  for (let at = 0; at < car.length; at += chunk) {
    stream.write(car.subarray(at, at + chunk));
  }
  stream.end();
  atOnce(tree.end(stream.framedBytes));
  const { records, strays, duplicates } = tree;
  return { findings: findings.finish(), records, blocks: stream.blocks, strays, duplicates };
}

const fixtures = [...(await Promise.all(valid)), ...(await Promise.all(invalid))];

describe("blocks that are proved together are judged like blocks that are proved alone", () => {
  test.each(fixtures)("$name", (fixture) => {
    for (const order of ["as-made", "reversed", "random"] as const) {
      const car = assemble(fixture, order);
      expect(outcome(car, 0)).toEqual(outcome(car, Infinity));
    }
  });
});

const account = await makeAccount({ records: makeRecords(77, 9000) });
const large = makeCar(account.commit.cid, sortBlocks(account.blocks, "random", new Random(3)));

test.each([0, 1000, 1 << 20, Infinity])("a large repository, the first %s bytes of it alone", (smallBytes) => {
  expect(large.length).toBeGreaterThan(2 << 20);
  const { findings, records, blocks, strays, duplicates } = outcome(large, smallBytes, 100_000);
  // Whose account it is, and whose key, is not the question here.
  expect(findings.filter(({ rule }) => !rule.startsWith("commit/"))).toEqual([]);
  expect({ records, blocks, strays, duplicates }).toEqual({
    records: 9000,
    blocks: account.blocks.length,
    strays: 0,
    duplicates: 0,
  });
});

test("damaged blocks of a large repository are named", () => {
  const damaged = Buffer.from(large);
  const at = [0.3, 0.5, 0.501, 0.9, 1].map((part) => Math.floor((damaged.length - 1) * part));
  for (const place of at) {
    damaged[place] = damaged[place]! ^ 0x40;
  }
  const found = outcome(damaged, 0);
  expect(found).toEqual(outcome(damaged, Infinity));
  expect(found.findings.some(({ rule }) => rule === "car/hash")).toBe(true);
});

test("a block that is larger than the window does not lead astray", () => {
  const bytes = random.bytes(1_500_000);
  const stray: Block = { cid: cidFor("dag-cbor", bytes), bytes, rev: 0 };
  const car = makeCar(account.commit.cid, account.blocks.toSpliced(account.blocks.length / 2, 0, stray));
  const { findings, records, strays } = outcome(car, 0, 65_536);
  expect(findings.filter(({ rule }) => !rule.startsWith("commit/"))).toEqual([]);
  expect({ records, strays }).toEqual({ records: 9000, strays: 1 });
});
