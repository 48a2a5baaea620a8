/**
 * What a verification remembers of blocks. Plain memory in segments, so that growing copies only the slots, and an
 * entry costs about 60 bytes.
 *
 * A block is in one of these states:
 * - expected: the tree leads to it, and it has not come (`ExpectedBlocks`).
 * - early: it came, and nothing leads to it yet (`StrayBlocks`; `EarlyRecords` for records of a file in no order at
 *   all).
 * - wanted: an early node that something leads to by now; it is to be read again (`WantedNodes`).
 * - held: an early block that is kept in memory, since the file cannot be read again (`HeldBlocks`).
 * - seen: it came; kept only where the file cannot be read again, to know what came twice (a `DigestTable`).
 * At the end what is still expected is missing, and what is still early is a stray, which is no fault
 * (`leftover-blocks.ts`).
 *
 * Ids are from 0 on; −1 says that a digest is not in a table.
 */
import { randomFillSync } from "node:crypto";

const segmentBits = 12;
const segmentSize = 1 << segmentBits;
const segmentMask = segmentSize - 1;

/** Ids have at most so many bits; the index of a verification has a limit far below. */
const idBits = 26;
const idMask = (1 << idBits) - 1;
/** What stands in a slot whose digest was removed: no id goes with it. */
const grave = 1 << idBits;

// A hostile file chooses the CIDs that it awaits. Multipliers that it cannot know keep them from all falling into one
// place. They change the speed, never a result, so they are no argument (CONTRIBUTING.md). They are the system's, and
// not the engine's: of those a program that uses the library may give some away, and the others follow from them.
export const multipliers: Int32Array = randomFillSync(new Int32Array(8)).map((word) => word | 1);
const m0 = multipliers[0]!;
const m1 = multipliers[1]!;
const m2 = multipliers[2]!;
const m3 = multipliers[3]!;
const m4 = multipliers[4]!;
const m5 = multipliers[5]!;
const m6 = multipliers[6]!;
const m7 = multipliers[7]!;

/** What tables find a digest by; to be handed to several that are asked for the same one. */
export function hashDigest(view: DataView, at: number): number {
  // Each sum stays an integer of 32 bits, which is what makes it fast. lane-hash.ts computes the same.
  let hashed = (Math.imul(view.getInt32(at), m0) + Math.imul(view.getInt32(at + 4), m1)) | 0;
  hashed = (hashed + Math.imul(view.getInt32(at + 8), m2)) | 0;
  hashed = (hashed + Math.imul(view.getInt32(at + 12), m3)) | 0;
  hashed = (hashed + Math.imul(view.getInt32(at + 16), m4)) | 0;
  hashed = (hashed + Math.imul(view.getInt32(at + 20), m5)) | 0;
  hashed = (hashed + Math.imul(view.getInt32(at + 24), m6)) | 0;
  return (hashed + Math.imul(view.getInt32(at + 28), m7)) | 0;
}

/** The same of a digest in eight words. */
export function hashWords(words: Int32Array, from: number): number {
  let hashed = (Math.imul(words[from]!, m0) + Math.imul(words[from + 1]!, m1)) | 0;
  hashed = (hashed + Math.imul(words[from + 2]!, m2)) | 0;
  hashed = (hashed + Math.imul(words[from + 3]!, m3)) | 0;
  hashed = (hashed + Math.imul(words[from + 4]!, m4)) | 0;
  hashed = (hashed + Math.imul(words[from + 5]!, m5)) | 0;
  hashed = (hashed + Math.imul(words[from + 6]!, m6)) | 0;
  return (hashed + Math.imul(words[from + 7]!, m7)) | 0;
}

/** A set of SHA-256 digests that gives each an id, a small number that is used again after removal. */
export class DigestTable {
  /** How many digests are in it. */
  size = 0;
  /** All ids are below this. */
  idLimit = 0;
  private bits = 10;
  /** An id plus 1, and above it some bits of the hash, which spare most looks at digests that are other ones; or 0. */
  private slots: Int32Array = new Int32Array(1 << 10);
  private readonly segments: Int32Array[] = [];
  private firstFree = -1;
  /** Slots whose digest was removed, and that are still in the way of others. */
  private graves = 0;
  private readonly leavesGraves: boolean;
  /** Where the last `find` ended, and the bits of the hash that it looked for. */
  private slot = 0;
  private tag = 0;

  /**
   * @param leavesGraves whether removing leaves a mark instead of moving others up: cheaper in a large table, where
   *   each look at another digest is one at far memory, and wrong for one that is filled and emptied all the time
   */
  constructor(leavesGraves: boolean = false) {
    this.leavesGraves = leavesGraves;
  }

  /** The id of the digest that starts at `at`, or −1. Must come right before `insert` and `removeFound`. */
  find(view: DataView, at: number, hashed: number = hashDigest(view, at)): number {
    const w0 = view.getInt32(at);
    const w1 = view.getInt32(at + 4);
    const { slots, segments } = this;
    const mask = slots.length - 1;
    let slot = hashed >>> (32 - this.bits);
    const tag = hashed << idBits;
    this.tag = tag;
    for (;;) {
      const value = slots[slot]!;
      if (value === 0) {
        this.slot = slot;
        return -1;
      }
      if ((value & ~idMask) !== tag || value === grave) {
        slot = (slot + 1) & mask;
        continue;
      }
      const id = (value & idMask) - 1;
      const words = segments[id >> segmentBits]!;
      const from = (id & segmentMask) << 3;
      if (
        words[from] === w0 &&
        words[from + 1] === w1 &&
        words[from + 2] === view.getInt32(at + 8) &&
        words[from + 3] === view.getInt32(at + 12) &&
        words[from + 4] === view.getInt32(at + 16) &&
        words[from + 5] === view.getInt32(at + 20) &&
        words[from + 6] === view.getInt32(at + 24) &&
        words[from + 7] === view.getInt32(at + 28)
      ) {
        this.slot = slot;
        return id;
      }
      slot = (slot + 1) & mask;
    }
  }

  /** Whether a digest is certainly not in it; cheaper than `find`, and does not stand in for it. */
  isAbsent(hashed: number): boolean {
    return this.slots[hashed >>> (32 - this.bits)] === 0;
  }

  /** Adds a digest that `find` just did not find. */
  insert(view: DataView, at: number): number {
    if ((this.size + this.graves) * 4 >= this.slots.length * 3) {
      this.grow();
      this.find(view, at);
    }
    let id = this.firstFree;
    if (id < 0) {
      id = this.idLimit++;
      if ((id & segmentMask) === 0) {
        this.segments.push(new Int32Array(segmentSize * 8));
      }
    }
    const words = this.segments[id >> segmentBits]!;
    const from = (id & segmentMask) << 3;
    if (id === this.firstFree) {
      this.firstFree = words[from]!;
    }
    for (let i = 0; i < 8; i++) {
      words[from + i] = view.getInt32(at + i * 4);
    }
    this.slots[this.slot] = this.tag | (id + 1);
    this.size++;
    return id;
  }

  /** Removes the digest that `find` just found. */
  removeFound(): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let hole = this.slot;
    const id = (slots[hole]! & idMask) - 1;
    this.segments[id >> segmentBits]![(id & segmentMask) << 3] = this.firstFree;
    this.firstFree = id;
    this.size--;
    if (this.leavesGraves) {
      slots[hole] = slots[(hole + 1) & mask] === 0 ? 0 : grave;
      this.graves += slots[hole] === 0 ? 0 : 1;
      return;
    }
    for (let next = (hole + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const home = this.home((slots[next]! & idMask) - 1);
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        slots[hole] = slots[next]!;
        hole = next;
      }
    }
    slots[hole] = 0;
  }

  /** Copies a digest out. */
  digest(id: number): Uint8Array {
    const from = (id & segmentMask) << 3;
    const words = this.segments[id >> segmentBits]!.slice(from, from + 8);
    const bytes = new Uint8Array(32);
    const view = new DataView(bytes.buffer);
    for (const [i, word] of words.entries()) {
      view.setInt32(i * 4, word);
    }
    return bytes;
  }

  /** The ids of all digests that are in it. Nothing may be added or removed meanwhile. */
  *ids(): Iterable<number> {
    for (const slot of this.slots) {
      if (slot !== 0 && slot !== grave) {
        yield (slot & idMask) - 1;
      }
    }
  }

  /** Where the digest would best stand. */
  private home(id: number): number {
    return this.hash(id) >>> (32 - this.bits);
  }

  private hash(id: number): number {
    return hashWords(this.segments[id >> segmentBits]!, (id & segmentMask) << 3);
  }

  private grow(): void {
    const old = this.slots;
    // Where most of what is in the way are graves, clearing them is enough.
    if (this.size * 2 >= old.length) {
      this.bits++;
    }
    this.graves = 0;
    const slots = new Int32Array(1 << this.bits);
    this.slots = slots;
    const mask = slots.length - 1;
    const place = (id: number): void => {
      const hashed = this.hash(id);
      let slot = hashed >>> (32 - this.bits);
      while (slots[slot] !== 0) {
        slot = (slot + 1) & mask;
      }
      slots[slot] = (hashed << idBits) | (id + 1);
    };
    if (this.size === this.idLimit) {
      // All ids are in use: their order is that of memory.
      for (let id = 0; id < this.idLimit; id++) {
        place(id);
      }
      return;
    }
    for (const value of old) {
      if (value !== 0 && value !== grave) {
        place((value & idMask) - 1);
      }
    }
  }
}

/** Whole numbers by id, so many for each, in segments like the digests that they belong to. */
class Numbers {
  private readonly segments: Int32Array[] = [];
  private readonly each: number;

  constructor(each: number) {
    this.each = each;
  }

  get(id: number, index: number): number {
    return this.segments[id >> segmentBits]![(id & segmentMask) * this.each + index]!;
  }

  set(id: number, index: number, value: number): void {
    const segment = id >> segmentBits;
    if (segment === this.segments.length) {
      this.segments.push(new Int32Array(segmentSize * this.each));
    }
    this.segments[segment]![(id & segmentMask) * this.each + index] = value;
  }
}

/** Numbers below 256 by id. A class of its own: the engine is faster where all arrays in one place are of one kind. */
class SmallNumbers {
  private readonly segments: Uint8Array[] = [];

  get(id: number): number {
    return this.segments[id >> segmentBits]![id & segmentMask]!;
  }

  set(id: number, value: number): void {
    const segment = id >> segmentBits;
    if (segment === this.segments.length) {
      this.segments.push(new Uint8Array(segmentSize));
    }
    this.segments[segment]![id & segmentMask] = value;
  }
}

/** Where a node belongs: its level, and the keys that enclose it. */
export interface Place {
  /** Level in the tree, or how far it is known: see mst.ts. */
  level: number;
  /** All keys are above this one, and below the other. */
  lower: string | undefined;
  upper: string | undefined;
}

/** Blocks that something in the tree leads to, and that have not come yet. */
export class ExpectedBlocks {
  readonly table: DigestTable = new DigestTable();
  /** For each id: twice the place (0: no node is expected), plus 1 if a record is expected. */
  private readonly kinds = new Numbers(1);
  private readonly places: (Place | undefined)[] = [undefined];
  private readonly freePlaces: number[] = [];

  /** @returns false if a node is expected under this CID already */
  expectNode(id: number, isNew: boolean, place: Place): boolean {
    const kind = isNew ? 0 : this.kinds.get(id, 0);
    if (kind > 1) {
      return false;
    }
    const index = this.freePlaces.pop() ?? this.places.length;
    this.places[index] = place;
    this.kinds.set(id, 0, kind + index * 2);
    return true;
  }

  expectRecord(id: number, isNew: boolean): void {
    this.kinds.set(id, 0, isNew ? 1 : this.kinds.get(id, 0) | 1);
  }

  isRecord(id: number): boolean {
    return (this.kinds.get(id, 0) & 1) === 1;
  }

  place(id: number): Place | undefined {
    return this.places[this.kinds.get(id, 0) >> 1];
  }

  /** All nodes that are expected. Nothing may be added or removed meanwhile. */
  *nodes(): Iterable<{ id: number; digest: Uint8Array; place: Place }> {
    for (const id of this.table.ids()) {
      const place = this.place(id);
      if (place !== undefined) {
        yield { id, digest: this.table.digest(id), place };
      }
    }
  }

  /** Takes the block out that `table.find` just found. Must come after `isRecord` and `place`. */
  takeFound(id: number): void {
    const index = this.kinds.get(id, 0) >> 1;
    if (index > 0) {
      this.places[index] = undefined;
      this.freePlaces.push(index);
    }
    this.table.removeFound();
  }
}

/** Blocks that came before anything led to them: where they stand, and what was seen on the way. */
export class StrayBlocks {
  readonly table: DigestTable = new DigestTable(true);
  /** The offset in two words, and the length: side by side, since they are asked for together. */
  private readonly places = new Numbers(3);
  private readonly seen = new SmallNumbers();

  /** Adds a block that may be in it already. @param flags a number below 256 */
  add(view: DataView, at: number, offset: number, length: number, flags: number): void {
    if (this.table.find(view, at) < 0) {
      this.insert(view, at, offset, length, flags);
    }
  }

  /** Adds a block that `table.find` just did not find. */
  insert(view: DataView, at: number, offset: number, length: number, flags: number): void {
    const id = this.table.insert(view, at);
    this.places.set(id, 0, offset | 0);
    this.places.set(id, 1, Math.floor(offset / 2 ** 32));
    this.places.set(id, 2, length);
    this.seen.set(id, flags);
  }

  offset(id: number): number {
    return (this.places.get(id, 0) >>> 0) + this.places.get(id, 1) * 2 ** 32;
  }

  flags(id: number): number {
    return this.seen.get(id);
  }

  length(id: number): number {
    return this.places.get(id, 2);
  }
}
