/** The part of a file that is in memory while its bytes come. */

/** A small repository gets a small window. */
const firstBytes = 1 << 16;

export class Window {
  /** The memory; its first `filled` bytes are part of the file. */
  bytes: Buffer = Buffer.allocUnsafeSlow(firstBytes);
  view: DataView = new DataView(this.bytes.buffer);
  filled = 0;
  /** How many bytes of the file came so far. */
  total = 0;

  /** Offset in the file of the first byte in the window. */
  get base(): number {
    return this.total - this.filled;
  }

  /** Where the bytes of the file from `offset` start in the window, if all of them are in it; or −1. */
  find(offset: number, length: number): number {
    const at = offset - this.base;
    return at >= 0 && at + length <= this.filled ? at : -1;
  }

  /** Memory that the next bytes may be written to; `wrote` tells how many there were. */
  room(): Uint8Array {
    return this.bytes.subarray(this.filled);
  }

  wrote(count: number): void {
    this.filled += count;
    this.total += count;
  }

  /** Forgets the first bytes. */
  drop(count: number): void {
    this.bytes.copyWithin(0, count, this.filled);
    this.filled -= count;
  }

  /** Goes on in other memory, which holds at least as much as is filled. */
  moveTo(bytes: Buffer): void {
    bytes.set(this.bytes.subarray(0, this.filled));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
}
