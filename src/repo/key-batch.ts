/**
 * Keys whose level is still to be proved. Hashing many at once is far cheaper than one by one; what is learnt late is
 * only whether a key stands on its level, which changes nothing about where everything else belongs.
 */
import { latin1 } from "../data/latin1.ts";
import { cidFromDigest, type Cid } from "../data/cid.ts";
import { makeKeyHasher, groupBytes, resultWord, type KeyHasher } from "./key-hash-simd.ts";
import { keyDepth } from "./path.ts";

/** Keys that one batch holds. */
const capacity = 1024;
/** As long as there are few keys, making a hasher does not pay. */
const fewKeys = 4096;

export class KeyBatch {
  private count = 0;
  private seen = 0;
  private hasher: KeyHasher | undefined;
  private words: Int32Array = new Int32Array(0);
  private readonly levels = new Uint8Array(capacity);
  private readonly nodes = new Int32Array(capacity);
  private readonly digests = new Int32Array(capacity * 8);
  private nodeCount = 0;
  private readonly onWrongLevel: (key: string, level: number, node: Cid) => void;

  /** @param onWrongLevel told about each key that does not belong on its level, and the node in which it stands */
  constructor(onWrongLevel: (key: string, level: number, node: Cid) => void) {
    this.onWrongLevel = onWrongLevel;
  }

  /**
   * Starts a node of so many keys.
   *
   * @returns a mark to go back to, or −1 if its keys have to be proved one by one
   */
  begin(view: DataView, digestAt: number, keys: number): number {
    if (this.hasher === undefined) {
      this.seen += keys;
      if (this.seen < fewKeys) {
        return -1;
      }
      this.seen = 0;
      this.hasher = makeKeyHasher(capacity / 4);
      this.words = this.hasher?.words ?? this.words;
      if (this.hasher === undefined) {
        this.seen = -Infinity;
        return -1;
      }
    }
    if (keys > capacity) {
      return -1;
    }
    if (this.count + keys > capacity || this.nodeCount === capacity) {
      this.flush();
    }
    const to = this.nodeCount++ * 8;
    for (let i = 0; i < 8; i++) {
      this.digests[to + i] = view.getInt32(digestAt + i * 4);
    }
    return this.count;
  }

  /** Forgets the keys of a node that turned out to be no good. */
  goBack(mark: number): void {
    this.count = mark;
  }

  /** Adds a key of the node that was begun. @param length at most 55 */
  add(key: Uint8Array, view: DataView, length: number, level: number): void {
    const { words, count } = this;
    const first = (count >> 2) * (groupBytes / 4) + (count & 3);
    key[length] = 0x80;
    key[length + 1] = 0;
    key[length + 2] = 0;
    key[length + 3] = 0;
    const full = (length + 4) >> 2;
    for (let i = 0; i < full; i++) {
      words[first + i * 4] = view.getInt32(i * 4);
    }
    for (let i = full; i < 14; i++) {
      words[first + i * 4] = 0;
    }
    words[first + resultWord * 4] = 0;
    words[first + 60] = length << 3;
    this.levels[count] = level;
    this.nodes[count] = this.nodeCount - 1;
    this.count = count + 1;
  }

  /** Proves all keys that wait. */
  flush(): void {
    const { words, count, levels } = this;
    if (count > 0) {
      this.hasher?.run((count + 3) >> 2);
      for (let i = 0; i < count; i++) {
        const word = words[(i >> 2) * (groupBytes / 4) + resultWord * 4 + (i & 3)]!;
        if (Math.clz32(word) >>> 1 !== levels[i] || word === 0) {
          this.look(i);
        }
      }
    }
    this.count = 0;
    this.nodeCount = 0;
  }

  /** Looks at a key again that seems to be on a wrong level. */
  private look(index: number): void {
    const first = (index >> 2) * (groupBytes / 4) + (index & 3);
    const key = Buffer.alloc(56);
    for (let i = 0; i < 14; i++) {
      key.writeInt32BE(this.words[first + i * 4]!, i * 4);
    }
    const length = this.words[first + 60]! >> 3;
    const level = this.levels[index]!;
    if (keyDepth(key.subarray(0, length)) !== level) {
      const digest = Buffer.alloc(32);
      for (let i = 0; i < 8; i++) {
        digest.writeInt32BE(this.digests[this.nodes[index]! * 8 + i]!, i * 4);
      }
      const node = cidFromDigest("dag-cbor", digest);
      this.onWrongLevel(latin1(key, 0, length), level, node);
    }
  }
}
