/**
 * Records of a file that is in no order at all: nearly all of them come before anything leads to them, and all but a
 * few of these are wanted in the end. A table of them all is larger than the caches of the processor, and each look-up
 * would wait for memory. Here records that came and records that are wanted are only written down, in shards by their
 * digests. Then one shard after the other is compared, and a shard fits into the cache.
 */
import type { Slices } from "../../data/slices.ts";
import { hashDigest, hashWords } from "../tables.ts";

const shardBits = 6;
const shards = 1 << shardBits;

/** Rows of 32-bit words, in segments: growing copies nothing. */
class Rows {
  count = 0;
  /** Words of a row. A digest takes the first eight. */
  readonly width: number;
  private readonly segments: Int32Array[] = [];

  constructor(width: number) {
    this.width = width;
  }

  /** The segment in which a row is; `start` says where in it. */
  segment(row: number): Int32Array {
    return this.segments[row >> rowBits]!;
  }

  start(row: number): number {
    return (row & rowMask) * this.width;
  }

  /** Adds a row that starts with the digest at `at`. */
  add(view: DataView, at: number): number {
    const row = this.count++;
    if (row >> rowBits === this.segments.length) {
      this.segments.push(new Int32Array(this.width << rowBits));
    }
    const words = this.segment(row);
    const start = this.start(row);
    for (let i = 0; i < 8; i++) {
      words[start + i] = view.getInt32(at + i * 4);
    }
    return row;
  }
}

const rowBits = 10;
const rowMask = (1 << rowBits) - 1;

// Words of a record behind its digest: the lower half of the offset, the upper half with the state below it, the
// length.
const lowWord = 8;
const highWord = 9;
const lengthWord = 10;
const recordWords = 11;

/** The state of a record: its flags, and `settled` once it was wanted, or if the file has it twice. */
const flagsMask = 255;
const settled = 256;
const stateBits = 9;

/** The slots of one shard at a time: a row plus 1, and above it some bits of the hash; or 0. */
const rowLimitBits = 22;
const rowLimitMask = (1 << rowLimitBits) - 1;

/** With fewer wanted digests than this, comparing waits. */
const fewWanted = 1 << 16;

/** Is told what comparing found. */
export interface EarlyRecordsReceiver {
  /** A record is there, and something leads to it; told once. */
  recordFound(offset: number, length: number, flags: number): void;
  /** Something leads to a block that is not one of these. `at` is where its digest starts. */
  recordUnknown(view: DataView, at: number): void;
}

export class EarlyRecords {
  /** How many are in it. */
  size = 0;
  /** How many came twice; known when they have been compared. */
  duplicates = 0;
  private readonly records: Rows[] = Array.from({ length: shards }, () => new Rows(recordWords));
  private readonly wanted: Rows[] = Array.from({ length: shards }, () => new Rows(8));
  private wantedCount = 0;
  /** How many are not settled. */
  private left = 0;
  private slots: Int32Array = new Int32Array(0);
  private readonly receiver: EarlyRecordsReceiver;

  constructor(receiver: EarlyRecordsReceiver) {
    this.receiver = receiver;
  }

  /**
   * Adds a record that came.
   *
   * @param at where its digest starts in `view`
   * @param hashed its `hashDigest`
   * @param flags a number below 256
   */
  add(view: DataView, at: number, hashed: number, offset: number, length: number, flags: number): void {
    const rows = this.records[hashed >>> (32 - shardBits)]!;
    const row = rows.add(view, at);
    const words = rows.segment(row);
    const start = rows.start(row);
    words[start + lowWord] = offset | 0;
    words[start + highWord] = (Math.floor(offset / 2 ** 32) << stateBits) | flags;
    words[start + lengthWord] = length;
    this.size++;
    this.left++;
  }

  /** Something leads to the record whose digest is at `at`. Nothing may be added any more. */
  want(view: DataView, at: number): void {
    this.wanted[hashDigest(view, at) >>> (32 - shardBits)]!.add(view, at);
    this.wantedCount++;
  }

  /** Whether comparing is due. It goes through all records, so that enough of them have to be wanted. */
  get isDue(): boolean {
    return this.wantedCount >= Math.max(fewWanted, this.size >> 2);
  }

  /** Compares what is wanted with what came, a shard in a slice. */
  *compare(): Slices<void> {
    for (let shard = 0; shard < shards; shard++) {
      const rows = this.wanted[shard]!;
      if (rows.count > 0) {
        this.indexShard(this.records[shard]!);
        this.lookUp(this.records[shard]!, rows);
        rows.count = 0;
        yield;
      }
    }
    this.wantedCount = 0;
  }

  /** Tells about all records that nothing led to, and forgets everything. A shard is a slice. */
  *drain(each: (digest: DataView, offset: number, length: number, flags: number) => void): Slices<void> {
    yield* this.compare();
    const digest = new DataView(new ArrayBuffer(32));
    for (const [shard, rows] of this.records.entries()) {
      if (this.left > 0) {
        // Those that are there twice come out only once.
        this.indexShard(rows);
      }
      for (let row = 0; this.left > 0 && row < rows.count; row++) {
        const words = rows.segment(row);
        const start = rows.start(row);
        const state = words[start + highWord]!;
        if ((state & settled) === 0) {
          this.left--;
          copyDigest(words, start, digest);
          each(digest, offsetOf(words, start), words[start + lengthWord]!, state & flagsMask);
        }
      }
      this.records[shard] = new Rows(recordWords);
      yield;
    }
    this.size = 0;
  }

  private indexShard(rows: Rows): void {
    const bits = Math.max(4, Math.ceil(Math.log2(rows.count * 1.5 + 1)));
    if (this.slots.length === 1 << bits) {
      this.slots.fill(0);
    } else {
      this.slots = new Int32Array(1 << bits);
    }
    const { slots } = this;
    for (let row = 0; row < rows.count; row++) {
      const words = rows.segment(row);
      const start = rows.start(row);
      const hashed = hashWords(words, start);
      const slot = findSlot(slots, rows, words, start, hashed);
      if (slots[slot] === 0) {
        slots[slot] = (hashed << rowLimitBits) | (row + 1);
      } else if ((words[start + highWord]! & settled) === 0) {
        words[start + highWord] = words[start + highWord]! | settled;
        this.left--;
        this.duplicates++;
      }
    }
  }

  private lookUp(rows: Rows, wanted: Rows): void {
    const { slots, receiver } = this;
    const digest = new DataView(new ArrayBuffer(32));
    for (let i = 0; i < wanted.count; i++) {
      const wantedWords = wanted.segment(i);
      const wantedStart = wanted.start(i);
      const slot = findSlot(slots, rows, wantedWords, wantedStart, hashWords(wantedWords, wantedStart));
      const value = slots[slot]!;
      if (value === 0) {
        copyDigest(wantedWords, wantedStart, digest);
        receiver.recordUnknown(digest, 0);
        continue;
      }
      const row = (value & rowLimitMask) - 1;
      const words = rows.segment(row);
      const start = rows.start(row);
      const state = words[start + highWord]!;
      if ((state & settled) === 0) {
        words[start + highWord] = state | settled;
        this.left--;
        receiver.recordFound(offsetOf(words, start), words[start + lengthWord]!, state & flagsMask);
      }
    }
  }
}

/** Where a digest stands in the slots of a shard, or would stand. */
function findSlot(slots: Int32Array, rows: Rows, digest: Int32Array, from: number, hashed: number): number {
  const mask = slots.length - 1;
  const tag = hashed << rowLimitBits;
  // The upper bits have chosen the shard.
  let slot = (hashed << shardBits) >>> Math.clz32(mask);
  for (;;) {
    const value = slots[slot]!;
    if (value === 0) {
      return slot;
    }
    if ((value & ~rowLimitMask) === tag) {
      const row = (value & rowLimitMask) - 1;
      if (isSameDigest(rows.segment(row), rows.start(row), digest, from)) {
        return slot;
      }
    }
    slot = (slot + 1) & mask;
  }
}

function isSameDigest(a: Int32Array, from: number, b: Int32Array, start: number): boolean {
  for (let i = 0; i < 8; i++) {
    if (a[from + i] !== b[start + i]) {
      return false;
    }
  }
  return true;
}

function copyDigest(words: Int32Array, start: number, to: DataView): void {
  for (let i = 0; i < 8; i++) {
    to.setInt32(i * 4, words[start + i]!);
  }
}

function offsetOf(words: Int32Array, start: number): number {
  return (words[start + lowWord]! >>> 0) + (words[start + highWord]! >>> stateBits) * 2 ** 32;
}
