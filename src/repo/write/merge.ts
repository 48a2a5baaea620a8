/**
 * What a server sends for `since`, put together with the repository that was there before: a complete CAR file of
 * exactly the blocks that the new commit leads to. What is old and no longer reached is left out, and so is what the
 * server sent without need.
 */
import { anyCodecCidToBytes, cidToBytes, type Cid } from "../../data/cid.ts";
import type { Slices } from "../../data/slices.ts";
import { BlockIndex } from "../block-index.ts";
import { writeCar, type CarBlock } from "./car-write.ts";
import type { RepoSource } from "../source.ts";
import { Walk, type BlockReader } from "../walk.ts";

export interface MergeOptions {
  signal?: AbortSignal;
}

/**
 * The repository of the commit that `diff` names: the commit, then the tree from its top, each node before what it
 * leads to. Every block is proved against its CID; the commit and the shape of the tree are not judged (see
 * `verifyRepo`). An index of both files is kept in memory, about 60 bytes a block.
 *
 * @param before the complete repository of the commit since which `diff` was made
 * @returns the CAR file in pieces, as `writeCar`; an empty piece is a moment at which others may have their turn
 * @throws DecampError `damaged` when a block is in neither, is not what its CID says, or a node is malformed; the
 *   signal's reason
 */
export function* mergeRepos(
  before: RepoSource,
  diff: RepoSource,
  { signal }: MergeOptions = {},
): Generator<Uint8Array, void> {
  const news = yield* inPieces(BlockIndex.slices(diff));
  const old = yield* inPieces(BlockIndex.slices(before));
  yield* writeCar(news.root, reachedBlocks(news, old, signal));
}

/** The end of a slice, as a piece of what is made of it. */
function* inPieces<T>(work: Slices<T>): Generator<Uint8Array, T> {
  for (;;) {
    const next = work.next();
    if (next.done === true) {
      return next.value;
    }
    yield new Uint8Array();
  }
}

function* reachedBlocks(news: BlockIndex, old: BlockIndex, signal: AbortSignal | undefined): Generator<CarBlock> {
  const blocks = new MergedBlocks(news, old);
  blocks.read(new DataView(cidToBytes(news.root).slice().buffer), 4);
  yield blocks;
  const walk = new Walk(blocks, news.topNode());
  while (walk.state !== "end") {
    signal?.throwIfAborted();
    if (walk.state === "subtree") {
      walk.enter();
    } else {
      walk.read();
      walk.next();
    }
    if (blocks.isFirst) {
      yield blocks;
    }
  }
}

/** Reads blocks from the new file, or else from the old one. `cid` and `data` are those of the last one read. */
class MergedBlocks implements BlockReader, CarBlock {
  cid: Uint8Array;
  /** Version 1, dag-cbor, SHA-256, 32 bytes; then the digest. */
  private readonly cborCid = Uint8Array.of(0x01, 0x71, 0x12, 0x20, ...new Uint8Array(32));
  private readonly others = new Set<Cid>();
  data: Uint8Array = new Uint8Array(0);
  /** Whether the block was read for the first time: several keys may lead to one record. */
  isFirst = false;
  private readonly sides: readonly { index: BlockIndex; seen: Uint8Array }[];

  constructor(...indexes: readonly BlockIndex[]) {
    this.cid = this.cborCid;
    this.sides = indexes.map((index) => ({ index, seen: new Uint8Array((index.idLimit >> 3) + 1) }));
  }

  read(view: DataView, at: number): Buffer {
    for (const { index, seen } of this.sides) {
      const id = index.locate(view, at);
      if (id >= 0) {
        const bit = 1 << (id & 7);
        this.isFirst = (seen[id >> 3]! & bit) === 0;
        seen[id >> 3]! |= bit;
        this.cborCid.set(new Uint8Array(view.buffer, view.byteOffset + at, 32), 4);
        this.cid = this.cborCid;
        const bytes = index.read(view, at);
        this.data = bytes;
        return bytes;
      }
    }
    // Neither file has the block: this throws.
    return this.sides.at(-1)!.index.read(view, at);
  }

  readOther(cid: Cid): Buffer {
    const last = this.sides.at(-1)!.index;
    const found = this.sides.map(({ index }) => index.findOther(cid)).find((bytes) => bytes !== undefined);
    const bytes = found ?? last.readOther(cid);
    this.isFirst = !this.others.has(cid);
    this.others.add(cid);
    this.cid = anyCodecCidToBytes(cid);
    this.data = bytes;
    return bytes;
  }
}
