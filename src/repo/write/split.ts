/**
 * A repository in parts, for a server that does not take it as a whole. Each part is a CAR file that makes a larger
 * repository of what the parts before it have made: the tree of more records, without the blocks that were sent
 * already. The last one makes it the repository itself.
 *
 * A commit in between is signed by nobody: 64 zeros stand in the place of its signature. The reference server looks at
 * no signature when it imports, and the last part replaces it.
 */
import { decodeCbor, encodeCbor, isCborMap } from "../../data/cbor.ts";
import { CidLink, anyCodecCidToBytes, cidFor, cidToBytes, type Cid } from "../../data/cid.ts";
import { itemsInTurns, SliceCounter, type Steps } from "../../data/slices.ts";
import { DecampError } from "../../errors.ts";
import { BlockIndex } from "../block-index.ts";
import { writeCar, type CarBlock } from "./car-write.ts";
import { MstBuilder } from "./mst-build.ts";
import type { RepoSource } from "../source.ts";
import { Walk } from "../walk.ts";

export interface RepoPart {
  /** The head that a server has when it has imported it, and the top of its tree. */
  readonly commit: Cid;
  readonly data: Cid;
  readonly car: Uint8Array;
  /** Records that the repository has then. */
  readonly records: number;
}

/** What a block takes besides its data: its length and its CID. */
const frame = 40;
/** Left for the commit and the right edge of the tree. */
const edgeBytes = 32_768;

/**
 * The parts of a complete repository, in the order in which they have to be imported. The same `bytes` gives the same
 * parts. An index of the file is kept in memory, about 60 bytes a block, and one part. The work is done in slices.
 *
 * @param bytes about how large a part may be; a single record can make it larger
 * @throws DecampError `damaged` when a block is missing or is not what its CID says, or the tree is not the one tree of
 *   its records; the signal's reason
 */
export function splitRepo(
  source: RepoSource,
  bytes: number,
  signal?: AbortSignal,
): AsyncGenerator<RepoPart, void, undefined> {
  return itemsInTurns(partSteps(source, bytes), signal);
}

function* partSteps(source: RepoSource, bytes: number): Steps<RepoPart> {
  const index = yield* BlockIndex.slices(source);
  const counter = new SliceCounter();
  const commitBlock = index.commitBlock();
  const { did, rev } = namesOf(commitBlock);
  const top = index.topNode();
  const builder = new MstBuilder();
  const room = Math.max(bytes - edgeBytes, 1);
  let waiting: CarBlock[] = [];
  let size = 0;
  let records = 0;
  const put = (...blocks: readonly CarBlock[]): void => {
    for (const block of blocks) {
      waiting.push(block);
      size += block.data.length + frame;
    }
  };
  const walk = new Walk(index, top);
  while (walk.state !== "end") {
    if (walk.state === "subtree") {
      walk.enter();
      continue;
    }
    const data = walk.read();
    if (counter.isOver(data.length)) {
      yield;
    }
    if (size > 0 && size + data.length + frame > room) {
      const tree = builder.cut();
      const block = encodeCbor({
        did,
        version: 3,
        data: new CidLink(tree.top),
        rev,
        prev: null,
        sig: new Uint8Array(64),
      });
      const head = { commit: cidFor("dag-cbor", block), data: tree.top };
      yield makePart(head, block, [...tree.nodes, ...waiting], records);
      waiting = [];
      size = 0;
    }
    put(...builder.add(walk.key, walk.cid), { cid: anyCodecCidToBytes(walk.cid), data });
    records++;
    walk.next();
  }
  const tree = builder.cut();
  if (tree.top !== top) {
    throw new DecampError("damaged", "The tree is not the one tree of its records.", {
      hint: "Run decamp verify on it to see everything that is wrong.",
    });
  }
  yield makePart({ commit: index.root, data: top }, commitBlock, [...tree.nodes, ...waiting], records);
}

function makePart(
  { commit, data }: Pick<RepoPart, "commit" | "data">,
  block: Uint8Array,
  blocks: readonly CarBlock[],
  records: number,
): RepoPart {
  const all = [{ cid: cidToBytes(commit), data: block }, ...blocks];
  const car = Buffer.concat(Array.from(writeCar(commit, all), (piece) => Uint8Array.from(piece)));
  return { commit, data, car, records };
}

function namesOf(commitBlock: Uint8Array): { did: string; rev: string } {
  const commit = decodeCbor(commitBlock, 8);
  const { did, rev } = isCborMap(commit) ? commit : {};
  if (typeof did !== "string" || typeof rev !== "string") {
    throw new DecampError("damaged", "The commit is malformed.");
  }
  return { did, rev };
}
