/** Reading blocks again that were proved before, each with its CID before it. */
import { hash } from "node:crypto";
import { isDigest } from "../data/latin1.ts";
import { DecampError } from "../errors.ts";
import type { RepoSource } from "./source.ts";

/** A block, CID and data, from `at` on. */
export interface ReadBlock {
  bytes: Buffer;
  view: DataView;
  at: number;
}

/** The file may have been changed since the block was proved. */
function prove(bytes: Buffer, view: DataView, at: number, length: number): void {
  const digest = hash("sha256", new Uint8Array(bytes.buffer, bytes.byteOffset + at + 36, length - 36), "binary");
  if (!isDigest(view, at + 4, digest)) {
    throw changed();
  }
}

function changed(): DecampError {
  return new DecampError("damaged", "The data was changed while it was being verified.");
}

/** Fills memory from a source. @returns how many bytes there were */
function fill(source: RepoSource, offset: number, memory: Uint8Array): number {
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

/** Bytes to the next block that are rather read than skipped. */
const nearby = 32_768;

/** Reads blocks in the order of the file: many of them with one read, where they are close to each other. */
export class ReadAhead {
  private memory: Buffer = Buffer.alloc(0);
  private view = new DataView(this.memory.buffer);
  private start = 0;
  private length = 0;
  private readonly scratch = new Scratch();

  /** @throws DecampError `damaged` if the block is not there any more */
  read(source: RepoSource, offset: number, length: number): ReadBlock {
    if (offset < this.start || offset + length > this.start + this.length) {
      const isNearby = offset >= this.start && offset < this.start + this.length + nearby;
      if (!isNearby || length > aheadBytes) {
        // Far from what was read last: what comes behind is hardly wanted next. Note the place for the next one.
        this.start = offset;
        this.length = 0;
        return this.scratch.read(source, offset, length);
      }
      if (this.memory.length === 0) {
        this.memory = Buffer.allocUnsafeSlow(aheadBytes);
        this.view = new DataView(this.memory.buffer);
      }
      this.start = offset;
      this.length = fill(source, offset, this.memory);
      if (this.length < length) {
        throw changed();
      }
    }
    const at = offset - this.start;
    prove(this.memory, this.view, at, length);
    return { bytes: this.memory, view: this.view, at };
  }
}

const aheadBytes = 1 << 20;

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
