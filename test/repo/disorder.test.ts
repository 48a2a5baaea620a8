import { describe, expect, test } from "vitest";
import { atOnce } from "../../src/data/slices.ts";
import { BlockStream } from "../../src/repo/proof/block-stream.ts";
import { defaultLimits } from "../../src/repo/limits.ts";
import { Findings } from "../../src/repo/report.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { ReadBack } from "../../src/repo/proof/read-back.ts";
import { TreeCheck } from "../../src/repo/proof/tree-check.ts";
import { Window } from "../../src/repo/proof/window.ts";
import { verifyRepo } from "../../src/repo/verify.ts";
import { assemble, good } from "./fixtures/fixture.ts";
import { invalid } from "./fixtures/invalid.ts";
import { valid } from "./fixtures/valid.ts";
import { makeAccount, makeRecords } from "./tools/account.ts";
import { makeCar, sortBlocks, buildTree, depthOf, makeCommit, treeBlocks } from "./tools/build.ts";
import { Random } from "./tools/random.ts";
import { CidLink } from "../../src/data/cid.ts";

interface Outcome {
  rules: string[];
  records: number;
  strays: number;
  duplicates: number;
  blobs: number;
}

/** Verifies with a tree that waits for the end as soon as `manyEarly` blocks came too early. */
function outcome(car: Buffer, manyEarly: number): Outcome {
  const findings = new Findings(defaultLimits);
  const window = new Window();
  const tree = new TreeCheck(good, new ReadBack(window, bytesSource(car)), defaultLimits, findings, manyEarly);
  const stream = new BlockStream(window, tree, defaultLimits, findings);
  stream.write(car);
  stream.end();
  atOnce(tree.end(stream.framedBytes));
  const rules = [...new Set(findings.finish().map(({ rule }) => rule))].sort();
  const { records, strays, duplicates } = tree;
  return { rules, records, strays, duplicates, blobs: tree.referencedBlobs };
}

const fixtures = [...(await Promise.all(valid)), ...(await Promise.all(invalid))];

describe("a tree that waits for the end is judged like one that does not", () => {
  test.each(fixtures)("$name", (fixture) => {
    for (const order of ["as-made", "reversed", "random"] as const) {
      const car = assemble(fixture, order);
      expect(outcome(car, 1)).toEqual(outcome(car, Infinity));
    }
  });
});

const records = makeRecords(41, 6000);
const account = await makeAccount({ records });

test.each([0, 1, 10, 1000, Infinity])("a large one, from %i blocks on", (manyEarly) => {
  const car = makeCar(account.commit.cid, sortBlocks(account.blocks, "random", new Random(8)));
  const { rules, records: count, strays, duplicates } = outcome(car, manyEarly);
  // Whose account it is, and whose key, is not the question here.
  expect(rules.filter((rule) => !rule.startsWith("commit/"))).toEqual([]);
  expect({ count, strays, duplicates }).toEqual({ count: 6000, strays: 0, duplicates: 0 });
});

test("a single key on a wrong level is found among thousands", async () => {
  const odd = account.leaves.find(({ key }, i) => i > 5000 && depthOf(key) === 0)!;
  const root = buildTree(account.leaves, (key) => (key === odd.key ? 1 : depthOf(key)));
  const { root: data, blocks } = treeBlocks(root, account.records);
  const fields = { did: account.did, version: 3, data: new CidLink(data), rev: "3mfxxxxxxxx2a", prev: null };
  const commit = await makeCommit(fields, account.signer);
  const report = await verifyRepo(bytesSource(makeCar(commit.cid, [commit, ...blocks])), { did: account.did });
  expect(report.findings.map(({ rule, key }) => [rule, key])).toEqual([["mst/key-depth", odd.key]]);
  expect(blocks.some(({ cid }) => cid === report.findings[0]?.cid)).toBe(true);
});
