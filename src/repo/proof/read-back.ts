/**
 * Reading blocks again that were proved before, each with its CID before it: from the window while they are in it, then
 * from the source, and from memory where there is none. What the source gives is proved anew: the file may have been
 * changed.
 */
import { hash } from "node:crypto";
import { isDigest } from "../../data/latin1.ts";
import { DecampError } from "../../errors.ts";
import type { RepoSource } from "../source.ts";
import type { Window } from "./window.ts";

/** A block, CID and data, from `at` on. */
export interface ReadBlock {
  bytes: Buffer;
  view: DataView;
  at: number;
}

/** Proves a block with its CID. @throws DecampError `damaged` */
export function prove(bytes: Buffer, view: DataView, at: number, length: number): void {
  const digest = hash("sha256", new Uint8Array(bytes.buffer, bytes.byteOffset + at + 36, length - 36), "binary");
  if (!isDigest(view, at + 4, digest)) {
    throw changed();
  }
}

function changed(): DecampError {
  return new DecampError("damaged", "The data was changed while it was being verified.");
}

/** Where blocks are read again. All offsets are those of the CID before a block, and all lengths count it. */
export class ReadBack {
  /** Early blocks, kept in memory; undefined where a source can give them again. */
  readonly held: HeldBlocks | undefined;
  private readonly window: Window;
  private readonly source: RepoSource;

  /** @param source reads back what was written; without it, what may be needed again has to be held */
  constructor(window: Window, source: RepoSource | undefined) {
    this.window = window;
    const held = new HeldBlocks();
    this.held = source === undefined ? held : undefined;
    this.source = source ?? held;
  }

  /** The whole file, if it can be read again. */
  get file(): RepoSource | undefined {
    return this.held === undefined ? this.source : undefined;
  }

  /** Whether a block that came can be read. */
  has(offset: number): boolean {
    return this.held === undefined || this.held.has(offset);
  }

  /**
   * One block, where it lies in the window, or in `memory`. It is there until more bytes come, or the memory is used
   * again.
   *
   * @throws DecampError `damaged` if the block is not there any more
   */
  block(offset: number, length: number, memory: Scratch): ReadBlock {
    const { window } = this;
    const at = window.find(offset, length);
    if (at >= 0) {
      this.held?.release(offset);
      return { bytes: window.bytes, view: window.view, at };
    }
    const { bytes, view } = memory.for(length);
    this.fill(offset, bytes.subarray(0, length));
    prove(bytes, view, 0, length);
    return { bytes, view, at: 0 };
  }

  /** Fills memory, whatever stands there. @throws DecampError `damaged` if there is not so much any more */
  fill(offset: number, memory: Uint8Array): void {
    const read = this.source.read(offset, memory.length, memory);
    if (read.buffer !== memory.buffer || read.byteOffset !== memory.byteOffset) {
      memory.set(read);
    }
    if (read.length !== memory.length) {
      throw changed();
    }
  }
}

/** Memory for one block at a time. */
export class Scratch {
  private bytes: Buffer = Buffer.allocUnsafeSlow(16_384);
  private view = new DataView(this.bytes.buffer);

  for(length: number): { bytes: Buffer; view: DataView } {
    if (length > this.bytes.length) {
      this.bytes = Buffer.allocUnsafeSlow(length * 2);
      this.view = new DataView(this.bytes.buffer);
    }
    return { bytes: this.bytes, view: this.view };
  }
}

/** Early blocks of a stream that cannot be read again, with their CIDs, by their offset. Each is read once. */
export class HeldBlocks implements RepoSource {
  private readonly blocks = new Map<number, Uint8Array>();
  private bytes = 0;

  has(offset: number): boolean {
    return this.blocks.has(offset);
  }

  /** @returns how many bytes are held now */
  hold(offset: number, block: Uint8Array): number {
    this.blocks.set(offset, new Uint8Array(block));
    this.bytes += block.length;
    return this.bytes;
  }

  read(offset: number): Uint8Array {
    const block = this.blocks.get(offset) ?? new Uint8Array(0);
    this.release(offset);
    return block;
  }

  /** Forgets a block that is not needed any more. */
  release(offset: number): void {
    this.bytes -= this.blocks.get(offset)?.length ?? 0;
    this.blocks.delete(offset);
  }
}
