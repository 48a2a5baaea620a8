/**
 * Keys whose level is still to be proved: hashing many at once is far cheaper than one by one. Until a batch is hashed,
 * it is not known whether its keys stand on their level. Nothing else waits for that.
 */
import { latin1 } from "../../data/latin1.ts";
import { cidFromDigest, type Cid } from "../../data/cid.ts";
import { jobFirstWord, jobLength, jobWords, makeLaneHasher, type LaneHasher } from "./lane-hash.ts";
import { keyDepth } from "../path.ts";

/** Keys that one batch holds. */
const capacity = 1024;
/** The longest keys that a batch takes. */
export const shortKey = 55;
/** Bytes between the starts of two keys. */
const keyBytes = 64;
/** As long as there are few keys, making a hasher does not pay. */
const fewKeys = 2048;

export class KeyBatch {
  private count = 0;
  private seen = 0;
  private hasher: LaneHasher | undefined;
  /** The keys, each in its place. */
  private words: Int32Array = new Int32Array(0);
  private jobs: Int32Array = new Int32Array(0);
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
      if (!this.makeHasher()) {
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

  /** Adds a key of the node that was begun. @param length at most `shortKey` */
  add(view: DataView, length: number, level: number): void {
    const { words, count } = this;
    const first = count * (keyBytes / 4);
    for (let at = 0; at < length; at += 4) {
      words[first + (at >> 2)] = view.getInt32(at, true);
    }
    this.jobs[jobWord(count) + jobLength] = length;
    this.levels[count] = level;
    this.nodes[count] = this.nodeCount - 1;
    this.count = count + 1;
  }

  /** Proves all keys that wait. */
  flush(): void {
    const { jobs, count, levels } = this;
    if (count > 0) {
      this.hasher?.run((count + 3) >> 2);
      for (let i = 0; i < count; i++) {
        const word = jobs[jobWord(i) + jobFirstWord]!;
        if (Math.clz32(word) >>> 1 !== levels[i] || word === 0) {
          this.look(i);
        }
      }
    }
    this.count = 0;
    this.nodeCount = 0;
  }

  private makeHasher(): boolean {
    const hasher = makeLaneHasher(capacity / 4, capacity * keyBytes);
    if (hasher !== undefined) {
      const { bytes, jobs, dataOffset } = hasher;
      this.hasher = hasher;
      this.words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
      this.jobs = jobs;
      // The place of each key has a lane of its own, for good. A place without a key is hashed as a key of no bytes.
      for (let i = 0; i < capacity; i++) {
        jobs[jobWord(i)] = dataOffset + i * keyBytes;
      }
    }
    return hasher !== undefined;
  }

  /** Looks at a key again that seems to be on a wrong level. */
  private look(index: number): void {
    const length = this.jobs[jobWord(index) + jobLength]!;
    const key = Buffer.from(this.words.buffer, this.words.byteOffset + index * keyBytes, length);
    const level = this.levels[index]!;
    if (keyDepth(key) !== level) {
      const digest = Buffer.alloc(32);
      for (let i = 0; i < 8; i++) {
        digest.writeInt32BE(this.digests[this.nodes[index]! * 8 + i]!, i * 4);
      }
      const node = cidFromDigest("dag-cbor", digest);
      this.onWrongLevel(latin1(key, 0, length), level, node);
    }
  }
}

/** Where in the jobs the words of a key start: each job has four keys. */
function jobWord(index: number): number {
  return (index >> 2) * jobWords + (index & 3);
}
