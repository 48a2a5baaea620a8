/**
 * Nodes that came too early and are wanted now. There can be as many as a tree has on one level: they are kept small.
 */
import { latin1 } from "../../data/latin1.ts";
import { maxKeyLength } from "../path.ts";
import type { Place } from "../tables.ts";

export interface WantedNode {
  /** Where the data starts in the file. */
  offset: number;
  length: number;
  place: Place;
}

const chunkSize = 1 << 18;

/** Keys as bytes behind each other: as strings they would be twice the size, and work for the garbage collector. */
class Keys {
  private readonly chunks: Buffer[] = [];
  private used = chunkSize;
  private last: string | undefined;
  private lastPlace = -1;

  /** @returns the place of the key, or −1 for none. Neighbours share a bound: it is kept once. */
  add(key: string | undefined): number {
    if (key === undefined) {
      return -1;
    }
    if (key === this.last) {
      return this.lastPlace;
    }
    if (this.used + 2 + maxKeyLength > chunkSize) {
      this.chunks.push(Buffer.allocUnsafeSlow(chunkSize));
      this.used = 0;
    }
    const index = this.chunks.length - 1;
    const chunk = this.chunks[index]!;
    this.last = key;
    this.lastPlace = index * chunkSize + this.used;
    this.used = chunk.writeUInt16LE(key.length, this.used);
    this.used += chunk.write(key, this.used, "latin1");
    return this.lastPlace;
  }

  /** Forgets all keys. */
  clear(): void {
    this.chunks.length = Math.min(this.chunks.length, 1);
    this.used = this.chunks.length === 0 ? chunkSize : 0;
    this.last = undefined;
  }

  get(place: number): string | undefined {
    if (place < 0) {
      return undefined;
    }
    const chunk = this.chunks[Math.floor(place / chunkSize)]!;
    const start = (place % chunkSize) + 2;
    return latin1(chunk, start, start + chunk.readUInt16LE(start - 2));
  }
}

export class WantedNodes {
  count = 0;
  private offsets: Float64Array = new Float64Array(256);
  /** Four numbers for each: length, level, places of the lower and the upper key. */
  private facts: Int32Array = new Int32Array(1024);
  private readonly keys = new Keys();

  push(offset: number, length: number, level: number, lower: string | undefined, upper: string | undefined): void {
    const index = this.count++;
    if (index === this.offsets.length) {
      const { offsets, facts } = this;
      this.offsets = new Float64Array(index * 2);
      this.offsets.set(offsets);
      this.facts = new Int32Array(index * 8);
      this.facts.set(facts);
    }
    this.offsets[index] = offset;
    this.facts[index * 4] = length;
    this.facts[index * 4 + 1] = level;
    this.facts[index * 4 + 2] = this.keys.add(lower);
    this.facts[index * 4 + 3] = this.keys.add(upper);
  }

  /** The last one, taken out. */
  pop(): WantedNode {
    const node = this.at(this.count - 1);
    this.count--;
    if (this.count === 0) {
      // Nothing refers to the keys any more.
      this.keys.clear();
    }
    return node;
  }

  at(index: number): WantedNode {
    const { facts, keys } = this;
    const lower = keys.get(facts[index * 4 + 2]!);
    const upper = keys.get(facts[index * 4 + 3]!);
    const place = { level: facts[index * 4 + 1]!, lower, upper };
    return { offset: this.offsets[index]!, length: facts[index * 4]!, place };
  }

  offset(index: number): number {
    return this.offsets[index]!;
  }

  length(index: number): number {
    return this.facts[index * 4]!;
  }

  /** Their indexes, by their places in the file. */
  byOffset(): Float64Array {
    const { count, offsets } = this;
    const order = offsets.slice(0, count);
    // Where an offset and an index fit into one number, sorting needs no comparator.
    const shift = 2 ** Math.ceil(Math.log2(count + 1));
    let most = 0;
    for (let i = 0; i < count; i++) {
      most = Math.max(most, order[i]!);
      order[i] = order[i]! * shift + i;
    }
    if (most * shift < Number.MAX_SAFE_INTEGER) {
      order.sort();
      for (let i = 0; i < count; i++) {
        order[i] = order[i]! % shift;
      }
      return order;
    }
    return order.map((_, i) => i).sort((a, b) => offsets[a]! - offsets[b]!);
  }
}
