/**
 * Building the tree of records that come in the order of their keys. Then only the right edge of the tree is open: what
 * is left of it never changes again. (Spec: Repository, "MST Structure".)
 */
import { encodeCbor, type CborMap } from "../../data/cbor.ts";
import { CidLink, cidFor, cidToBytes, type Cid } from "../../data/cid.ts";
import type { CarBlock } from "./car-write.ts";
import { keyDepth } from "../path.ts";

interface Entry {
  key: Buffer;
  value: Cid;
  right: Cid | undefined;
}

/** A node of the right edge. */
interface OpenNode {
  left: Cid | undefined;
  entries: Entry[];
}

/** A tree: its top node, and nodes of it. */
export interface BuiltTree {
  readonly top: Cid;
  readonly nodes: readonly CarBlock[];
}

export class MstBuilder {
  /** The right edge, by level. */
  private readonly edge: OpenNode[] = [];
  private lastKey = "";

  /**
   * Adds a record.
   *
   * @param key as latin1 text, above all before
   * @returns the nodes that are finished now: they belong to the tree of these records and of all that follow
   */
  add(key: string, value: Cid): CarBlock[] {
    if (key <= this.lastKey) {
      throw new RangeError("the keys do not ascend");
    }
    this.lastKey = key;
    const { edge } = this;
    const bytes = Buffer.from(key, "latin1");
    const level = keyDepth(bytes);
    const finished: CarBlock[] = [];
    edge[0] ??= { left: undefined, entries: [] };
    // What is below the key is finished. Levels between an old top and a new one have a node without entries each.
    for (let below = 0; below < level; below++) {
      const child = encodeNode(edge[below]!, undefined, finished);
      edge[below] = { left: undefined, entries: [] };
      const above = (edge[below + 1] ??= { left: undefined, entries: [] });
      const last = above.entries.at(-1);
      if (last === undefined) {
        above.left ??= child;
      } else {
        last.right ??= child;
      }
    }
    edge[level]!.entries.push({ key: bytes, value, right: undefined });
    return finished;
  }

  /**
   * The tree of all records so far, with the nodes of its right edge; the builder stays as it is.
   */
  cut(): BuiltTree {
    const nodes: CarBlock[] = [];
    const top = this.edge.reduce<Cid | undefined>((child, node) => encodeNode(node, child, nodes), undefined);
    return { top: top ?? addBlock(encodeCbor({ e: [], l: null }), nodes), nodes };
  }
}

/**
 * Encodes a node; one without entries and subtrees is none.
 *
 * @param child hangs to the right of all that is in it
 */
function encodeNode(node: OpenNode, child: Cid | undefined, nodes: CarBlock[]): Cid | undefined {
  const { left, entries } = node;
  if (entries.length === 0 && left === undefined && child === undefined) {
    return undefined;
  }
  let previous: Buffer = Buffer.alloc(0);
  const e = entries.map(({ key, value, right }, i): CborMap => {
    let p = 0;
    while (p < previous.length && p < key.length && previous[p] === key[p]) {
      p++;
    }
    previous = key;
    return {
      p,
      k: key.subarray(p),
      v: new CidLink(value),
      t: link(right ?? (i === entries.length - 1 ? child : undefined)),
    };
  });
  return addBlock(encodeCbor({ e, l: link(left ?? (entries.length === 0 ? child : undefined)) }), nodes);
}

function link(cid: Cid | undefined): CidLink | null {
  return cid === undefined ? null : new CidLink(cid);
}

function addBlock(data: Uint8Array, blocks: CarBlock[]): Cid {
  const cid = cidFor("dag-cbor", data);
  blocks.push({ cid: cidToBytes(cid), data });
  return cid;
}
