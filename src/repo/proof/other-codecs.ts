/**
 * Blocks that are not DAG-CBOR, and the links of the tree to such. Both are rare, and are matched when all have come.
 */
import { isCid, type Cid } from "../../data/cid.ts";

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

  /**
   * What did not come, how many blocks nothing led to, and which of these are of a codec that has no place in a
   * repository.
   */
  settle(): { missing: BrokenLink[]; strays: number; foreign: Cid[] } {
    const missing = [...this.links].filter(([cid]) => !this.blocks.delete(cid)).map(([cid, key]) => ({ cid, key }));
    const foreign = [...this.blocks].filter((cid) => !isCid(cid));
    return { missing, strays: this.blocks.size - foreign.length, foreign };
  }
}
