/** Blocks that are not DAG-CBOR, and the links of the tree to such. Both are rare, and are matched when all have come. */
import type { Cid } from "../data/cid.ts";

/** A link that led to nothing, and the key of its record. */
export interface BrokenLink {
  readonly cid: Cid;
  readonly key: string;
}

export class OtherCodecs {
  private readonly links = new Map<Cid, string>();
  private readonly blocks = new Set<Cid>();

  /** How many blocks are remembered. */
  get size(): number {
    return this.blocks.size;
  }

  /** Whether the tree leads to any such block, come or not. */
  get areLinked(): boolean {
    return this.links.size > 0;
  }

  has(cid: Cid): boolean {
    return this.blocks.has(cid);
  }

  addBlock(cid: Cid): void {
    this.blocks.add(cid);
  }

  addLink(cid: Cid, key: string): void {
    this.links.set(cid, key);
  }

  /** What did not come, and how many blocks nothing led to. */
  settle(): { missing: BrokenLink[]; strays: number } {
    const missing = [...this.links].filter(([cid]) => !this.blocks.delete(cid)).map(([cid, key]) => ({ cid, key }));
    return { missing, strays: this.blocks.size };
  }
}
