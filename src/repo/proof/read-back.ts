/** Reading blocks again that were proved before, each with its CID before it. */
import { hash } from "node:crypto";
import { isDigest } from "../../data/latin1.ts";
import { DecampError } from "../../errors.ts";
import type { RepoSource } from "../source.ts";

/** A block, CID and data, from `at` on. */
export interface ReadBlock {
  bytes: Buffer;
  view: DataView;
  at: number;
}

/** Proves a block with its CID: the file may have been changed. @throws DecampError `damaged` */
export function prove(bytes: Buffer, view: DataView, at: number, length: number): void {
  const digest = hash("sha256", new Uint8Array(bytes.buffer, bytes.byteOffset + at + 36, length - 36), "binary");
  if (!isDigest(view, at + 4, digest)) {
    throw changed();
  }
}

export function changed(): DecampError {
  return new DecampError("damaged", "The data was changed while it was being verified.");
}

/** Fills memory from a source. @returns how many bytes there were */
export function fill(source: RepoSource, offset: number, memory: Uint8Array): number {
  const read = source.read(offset, memory.length, memory);
  if (read.buffer !== memory.buffer || read.byteOffset !== memory.byteOffset) {
    memory.set(read);
  }
  return read.length;
}

/** Reads one block at a time, into memory that is used again. */
export class Scratch {
  private memory: Buffer = Buffer.allocUnsafeSlow(16_384);
  private view = new DataView(this.memory.buffer);

  /** @throws DecampError `damaged` if the block is not there any more */
  read(source: RepoSource, offset: number, length: number): ReadBlock {
    if (length > this.memory.length) {
      this.memory = Buffer.allocUnsafeSlow(length * 2);
      this.view = new DataView(this.memory.buffer);
    }
    if (fill(source, offset, this.memory.subarray(0, length)) !== length) {
      throw changed();
    }
    prove(this.memory, this.view, 0, length);
    return { bytes: this.memory, view: this.view, at: 0 };
  }
}

/** Early blocks of a stream that cannot be read again, with their CIDs, by the offset of their data. */
export class HeldBlocks implements RepoSource {
  private readonly blocks = new Map<number, Uint8Array>();
  private bytes = 0;

  has(offset: number): boolean {
    return this.blocks.has(offset - 36);
  }

  /** @returns how many bytes are held now */
  hold(offset: number, block: Uint8Array): number {
    this.blocks.set(offset - 36, new Uint8Array(block));
    this.bytes += block.length;
    return this.bytes;
  }

  read(offset: number): Uint8Array {
    const block = this.blocks.get(offset) ?? new Uint8Array(0);
    this.blocks.delete(offset);
    this.bytes -= block.length;
    return block;
  }
}
