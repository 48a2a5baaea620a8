import * as fc from "fast-check";
import { expect, test } from "vitest";
import { mergeRepos } from "../../src/repo/write/merge.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { verifyRepo } from "../../src/repo/verify.ts";
import { makeAccount, makeRecords, type Account, type Record } from "./tools/account.ts";
import { makeCar, sortBlocks, type Block } from "./tools/build.ts";
import { Random } from "./tools/random.ts";

const pool = makeRecords(31, 150);

/** The blocks of `after` that are not in `before`: what a server sends for `since`. */
function newBlocks(before: Account, after: Account): Block[] {
  const old = new Set(before.blocks.map(({ cid }) => cid));
  return after.blocks.filter(({ cid }) => !old.has(cid));
}

function merge(before: Uint8Array, diff: Uint8Array): Buffer {
  return Buffer.concat([...mergeRepos(bytesSource(before), bytesSource(diff))]);
}

function shuffled(account: Account, blocks: readonly Block[], seed: number): Buffer {
  return makeCar(account.commit.cid, sortBlocks(blocks, "random", new Random(seed)));
}

test("a diff and what was there before give the whole repository, and nothing else", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(pool),
      fc.subarray(pool),
      fc.subarray(pool, { maxLength: 5 }),
      fc.boolean(),
      async (records, kept, changed, withMore) => {
        const edited = kept.map((record) =>
          changed.includes(record) ? { ...record, value: { $type: "a.b.c", edited: true } } : record,
        );
        const before = await makeAccount({ records });
        const after = await makeAccount({ records: edited, rev: "3mzzzzzzzzzzz" });
        // A server may send more than is needed.
        const sent = withMore ? [...newBlocks(before, after), ...before.blocks.slice(0, 7)] : newBlocks(before, after);
        const merged = merge(shuffled(before, before.blocks, 1), shuffled(after, sent, 2));
        expect(await verifyRepo(bytesSource(merged), { signingKeys: [after.signer.didKey] })).toMatchObject({
          ok: true,
          signature: "valid",
          completeness: "complete",
          commit: after.commit.cid,
          records: edited.length,
          blocks: new Set(after.blocks.map(({ cid }) => cid)).size,
          strays: 0,
          duplicates: 0,
          findings: [],
        });
      },
    ),
  );
});

test("a record under two keys is written once", async () => {
  const twice: Record[] = ["app.example.note/a", "app.example.note/b"].map((key) => ({ key, value: { same: true } }));
  const before = await makeAccount({ records: pool });
  const after = await makeAccount({ records: [...pool, ...twice], rev: "3mzzzzzzzzzzz" });
  const merged = merge(makeCar(before.commit.cid, before.blocks), makeCar(after.commit.cid, newBlocks(before, after)));
  expect(await verifyRepo(bytesSource(merged), {})).toMatchObject({ ok: true, records: 152, duplicates: 0 });
});

test("a block that is in neither is an error", async () => {
  const before = await makeAccount({ records: pool });
  const after = await makeAccount({ records: makeRecords(32, 150), rev: "3mzzzzzzzzzzz" });
  const diff = newBlocks(before, after);
  for (const missing of [diff.length - 1, 2]) {
    const car = makeCar(after.commit.cid, diff.toSpliced(missing, 1));
    expect(() => merge(makeCar(before.commit.cid, before.blocks), car)).toThrow(
      expect.objectContaining({ code: "damaged", message: expect.stringContaining("is not in the file") as string }),
    );
  }
});

test("a file that is none, and one without its commit", async () => {
  const before = await makeAccount({ records: pool });
  const car = makeCar(before.commit.cid, before.blocks);
  for (const diff of [Buffer.from("<html>"), makeCar((await makeAccount({ records: [] })).commit.cid, [])]) {
    expect(() => merge(car, diff)).toThrow(expect.objectContaining({ code: "damaged" }));
  }
});
