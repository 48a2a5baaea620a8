import * as fc from "fast-check";
import { MemoryBlockstore, MST } from "@atproto/repo";
import { CID } from "multiformats/cid";
import { expect, test } from "vitest";
import { cidFor, cidFromBytes } from "../../src/data/cid.ts";
import { MstBuilder } from "../../src/repo/write/mst-build.ts";
import { buildTree, depthOf, treeBlocks, type Leaf } from "./tools/build.ts";
import { tid } from "./tools/account.ts";

function leafOf(key: string): Leaf {
  return { key, value: cidFor("dag-cbor", Buffer.from(key)) };
}

/** Nodes by CID of the tree of these records, and its top, as the generator of the tests has it. */
function wantedTree(leaves: readonly Leaf[]): { top: string; nodes: Map<string, string> } {
  const { root, blocks } = treeBlocks(buildTree(leaves), new Map());
  return { top: root, nodes: new Map(blocks.map(({ cid, bytes }) => [cid, Buffer.from(bytes).toString("hex")])) };
}

function hexNodes(blocks: readonly { cid: Uint8Array; data: Uint8Array }[]): Map<string, string> {
  return new Map(blocks.map(({ cid, data }) => [cidFromBytes(cid), Buffer.from(data).toString("hex")]));
}

const keys = fc.uniqueArray(
  fc
    .tuple(fc.constantFrom("app.bsky.feed.post", "app.bsky.feed.like", "a.b.c"), fc.integer({ min: 0, max: 100_000 }))
    .map(([collection, number]) => `${collection}/${number % 3 === 0 ? number : tid(1_700_000_000_000_000 + number)}`),
  { maxLength: 120 },
);

test("the tree of any records, wherever it is cut, is the tree of those records", () => {
  fc.assert(
    fc.property(keys, fc.integer({ min: 1, max: 40 }), (some, step) => {
      const leaves = some.sort().map(leafOf);
      const builder = new MstBuilder();
      const finished = new Map<string, string>();
      for (let done = 0; ; done++) {
        if (done % step === 0 || done === leaves.length) {
          const { top, nodes } = builder.cut();
          const wanted = wantedTree(leaves.slice(0, done));
          expect(top).toBe(wanted.top);
          expect(new Map([...finished, ...hexNodes(nodes)])).toEqual(wanted.nodes);
        }
        const leaf = leaves[done];
        if (leaf === undefined) {
          return;
        }
        for (const [cid, hex] of hexNodes(builder.add(leaf.key, leaf.value))) {
          finished.set(cid, hex);
        }
      }
    }),
  );
});

test("the reference library builds the same tree, also over empty levels", async () => {
  // Keys of high levels beside keys of the lowest: there are levels without keys between them.
  const candidates = Array.from({ length: 20_000 }, (_, i) => `app.bsky.feed.post/${tid(1_700_000_000_000_000 + i)}`);
  const high = candidates.filter((key) => depthOf(key) >= 4);
  const low = candidates.filter((key) => depthOf(key) === 0).filter((_, i) => i % 400 === 0);
  expect([high.length > 20, low.length > 20]).toEqual([true, true]);
  for (const some of [high.slice(0, 3), [...low.slice(0, 2), ...high.slice(-1)], [...high, ...low]]) {
    const builder = new MstBuilder();
    let reference = await MST.create(new MemoryBlockstore());
    for (const { key, value } of some.toSorted().map(leafOf)) {
      builder.add(key, value);
      reference = await reference.add(key, CID.parse(value));
    }
    expect(builder.cut().top).toBe((await reference.getPointer()).toString());
  }
});

test("keys that do not ascend are a mistake", () => {
  const builder = new MstBuilder();
  builder.add("a.b.c/2", leafOf("x").value);
  for (const key of ["a.b.c/2", "a.b.c/1"]) {
    expect(() => builder.add(key, leafOf("x").value)).toThrow(RangeError);
  }
});
