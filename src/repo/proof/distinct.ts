/**
 * Counts distinct digests by their first 64 bits, in about 12 bytes each. Of a million, two share these bits with a
 * probability below one to ten million; then the count is one too low, and nothing else depends on it.
 */
import { randomBytes } from "node:crypto";

export class DistinctCount {
  size = 0;
  private slots: Int32Array = new Int32Array(512);
  /** A multiplier that the author of a file cannot know: so nobody can choose digests that all fall into one slot. */
  private readonly secret: number = randomBytes(4).readInt32LE() | 1;

  /** Counts the digest that starts at `at`, unless it was counted before. */
  add(view: DataView, at: number): void {
    // A slot of two zeros is empty.
    if (this.put(view.getInt32(at), view.getInt32(at + 4) | 1)) {
      this.size++;
      if (this.size * 8 > this.slots.length * 3) {
        this.grow();
      }
    }
  }

  private put(first: number, second: number): boolean {
    const { slots } = this;
    const mask = slots.length - 2;
    let slot = ((Math.imul(first ^ Math.imul(second, this.secret), this.secret) >>> 8) << 1) & mask;
    while (slots[slot + 1] !== 0) {
      if (slots[slot] === first && slots[slot + 1] === second) {
        return false;
      }
      slot = (slot + 2) & mask;
    }
    slots[slot] = first;
    slots[slot + 1] = second;
    return true;
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Int32Array(old.length * 2);
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] !== 0) {
        this.put(old[i]!, old[i + 1]!);
      }
    }
  }
}
