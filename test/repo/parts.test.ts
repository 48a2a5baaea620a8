import { type BlockMap, MemoryBlockstore, readCarWithRoot, Repo, verifyDiff, WriteOpAction } from "@atproto/repo";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { collect } from "../../src/data/slices.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { splitRepo, type RepoPart } from "../../src/repo/write/split.ts";
import { makeAccount, makeRecords, type Record } from "./tools/account.ts";
import { makeCar, sortBlocks } from "./tools/build.ts";
import { Random } from "./tools/random.ts";

/** What the reference server does with a CAR file that it is to import, without its database. */
class Importer {
  readonly storage = new MemoryBlockstore();
  records = 0;

  async import(car: Uint8Array): Promise<void> {
    const { root, blocks } = await readCarWithRoot(car);
    const head = this.storage.root;
    const current = head === null ? null : await Repo.load(this.storage, head);
    const { commit, writes } = await verifyDiff(current, blocks, root, undefined, undefined, {
      ensureLeaves: false,
    });
    for (const write of writes) {
      if (write.action === WriteOpAction.Delete) {
        this.records--;
      } else {
        this.records += write.action === WriteOpAction.Create ? 1 : 0;
        // It reads the record from what was sent, not from what it has.
        expect(blocks.has(write.cid)).toBe(true);
      }
    }
    await this.storage.applyCommit(commit);
  }
}

async function importAll(
  parts: Iterable<RepoPart> | AsyncIterable<RepoPart>,
): Promise<{ importer: Importer; count: number }> {
  const importer = new Importer();
  let count = 0;
  for await (const { commit, car, records } of parts) {
    await importer.import(car);
    expect(importer.storage.root?.toString()).toBe(commit);
    expect(importer.records).toBe(records);
    count++;
  }
  return { importer, count };
}

function hexBlocks(blocks: BlockMap): Map<string, string> {
  return new Map(blocks.entries().map(({ cid, bytes }) => [cid.toString(), Buffer.from(bytes).toString("hex")]));
}

const pool = makeRecords(77, 400);

test("parts of any size make the reference library end with exactly the same repository", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(pool),
      fc.integer({ min: 1, max: 60_000 }),
      fc.integer({ min: 1, max: 1000 }),
      async (records, size, seed) => {
        const account = await makeAccount({ records });
        const source = bytesSource(makeCar(account.commit.cid, sortBlocks(account.blocks, "random", new Random(seed))));
        const { importer } = await importAll(splitRepo(source, 32_768 + size));
        expect(importer.storage.root?.toString()).toBe(account.commit.cid);
        expect(hexBlocks(importer.storage.blocks)).toEqual(
          new Map(account.blocks.map(({ cid, bytes }) => [cid, Buffer.from(bytes).toString("hex")])),
        );
      },
    ),
    { numRuns: 25 },
  );
}, 60_000);

test("a part is no larger than was asked for, and the same again; a half of them can be sent twice", async () => {
  const account = await makeAccount({ records: pool });
  const source = bytesSource(makeCar(account.commit.cid, account.blocks));
  const parts = await collect(splitRepo(source, 50_000));
  expect(parts.length).toBeGreaterThan(3);
  expect(Math.max(...parts.map(({ car }) => car.length))).toBeLessThanOrEqual(50_000);
  expect(await collect(splitRepo(source, 50_000))).toEqual(parts);
  const { importer } = await importAll([...parts.slice(0, 3), ...parts]);
  expect(importer.storage.root?.toString()).toBe(account.commit.cid);
  expect(importer.storage.blocks.size).toBe(account.blocks.length);
});

test("the same record under keys that are far apart is in each part that needs it", async () => {
  const value = pool[0]!.value;
  const twice: Record[] = pool.map(({ key, value: own }, i) => ({ key, value: i % 50 === 0 ? value : own }));
  const account = await makeAccount({ records: twice });
  const { importer, count } = await importAll(
    splitRepo(bytesSource(makeCar(account.commit.cid, account.blocks)), 45_000),
  );
  expect(count).toBeGreaterThan(3);
  expect(importer.storage.root?.toString()).toBe(account.commit.cid);
});

test("an empty repository is one part", async () => {
  const account = await makeAccount({ records: [] });
  const parts = await collect(splitRepo(bytesSource(makeCar(account.commit.cid, account.blocks)), 1));
  expect(parts.map(({ commit, records }) => ({ commit, records }))).toEqual([
    { commit: account.commit.cid, records: 0 },
  ]);
});
