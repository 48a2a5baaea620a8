/** Reads the wanted nodes of one level of the tree in the order of the file, many at once. */
import type { Slices } from "../../data/slices.ts";
import { BlockBatch, maxBatch } from "../hashing/block-batch.ts";
import { prove, Scratch, type ReadBack } from "./read-back.ts";
import type { Place } from "../tables.ts";
import type { WantedNodes } from "./wanted-nodes.ts";

/** Bytes of blocks that are read together. */
const batchBytes = 1 << 20;
/** A gap of at most so many bytes before the next block is read along, not skipped. */
const nearby = 8192;

/**
 * Reads many blocks in the order of the file, and proves them together: first `add` as many as there is room for, then
 * `read`. Those that are close to each other take one read.
 */
class BatchReader {
  readonly bytes: Buffer;
  readonly view: DataView;
  private readonly readBack: ReadBack;
  private readonly batch: BlockBatch | undefined;
  /** Where each block starts in `bytes`, with its CID, and where it ends. */
  private starts: number[] = [];
  private ends: number[] = [];
  /** Pieces of the file: where each starts in it, and in `bytes`. The last one ends at `used`. */
  private runOffsets: number[] = [];
  private runStarts: number[] = [];
  private used = 0;

  constructor(readBack: ReadBack) {
    this.readBack = readBack;
    this.batch = BlockBatch.make(batchBytes);
    this.bytes = this.batch?.bytes ?? Buffer.allocUnsafeSlow(batchBytes);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
  }

  /** How many blocks are in it. */
  get count(): number {
    return this.starts.length;
  }

  /** Where a block's CID starts in `bytes`. */
  start(index: number): number {
    return this.starts[index]!;
  }

  /**
   * Adds a block, with the CID before it.
   *
   * @param offset at or behind where the last one ended
   * @returns false if it was not added, for want of room
   */
  add(offset: number, length: number): boolean {
    const { runOffsets, runStarts, used, starts } = this;
    if (starts.length === maxBatch) {
      return false;
    }
    const run = runOffsets.length - 1;
    const isNear = run >= 0 && offset - runOffsets[run]! - (used - runStarts[run]!) <= nearby;
    const start = isNear ? offset - runOffsets[run]! + runStarts[run]! : used;
    if (start + length > batchBytes) {
      return false;
    }
    if (!isNear) {
      runOffsets.push(offset);
      runStarts.push(start);
    }
    starts.push(start);
    this.ends.push(start + length);
    this.used = Math.max(used, start + length);
    return true;
  }

  /** Reads what was added. @throws DecampError `damaged` if a block is not there any more */
  read(): void {
    const { readBack, bytes, view, batch, runOffsets, runStarts, used, starts, ends } = this;
    for (const [run, start] of runStarts.entries()) {
      const end = runStarts[run + 1] ?? used;
      readBack.fill(runOffsets[run]!, bytes.subarray(start, end));
    }
    for (const [index, start] of starts.entries()) {
      batch?.add(start, ends[index]!);
    }
    batch?.run();
    for (const [index, start] of starts.entries()) {
      if (batch?.isProved(index) !== true) {
        prove(bytes, view, start, ends[index]! - start);
      }
    }
    batch?.clear();
  }

  /** Forgets what was read. */
  clear(): void {
    this.starts = [];
    this.ends = [];
    this.runOffsets = [];
    this.runStarts = [];
    this.used = 0;
  }
}

export class LevelReader {
  private readonly batch: BatchReader;
  private readonly single = new Scratch();
  private readonly readBack: ReadBack;

  constructor(readBack: ReadBack) {
    this.readBack = readBack;
    this.batch = new BatchReader(readBack);
  }

  /**
   * Reads nodes, and hands each over with its place; its CID stands before it. A slice is what is read together.
   *
   * @throws DecampError `damaged` if the file was changed meanwhile
   */
  *read(
    nodes: WantedNodes,
    each: (bytes: Buffer, view: DataView, start: number, end: number, place: Place) => void,
  ): Slices<void> {
    const { batch } = this;
    const order = nodes.byOffset();
    for (let done = 0; done < order.length;) {
      let end = done;
      while (end < order.length && batch.add(nodes.offset(order[end]!) - 36, nodes.length(order[end]!) + 36)) {
        end++;
      }
      if (end === done) {
        // The block is larger than a batch: it is read alone.
        const { offset, length, place } = nodes.at(order[done++]!);
        const { bytes, view, at } = this.readBack.block(offset - 36, length + 36, this.single);
        each(bytes, view, at + 36, at + 36 + length, place);
        yield;
        continue;
      }
      batch.read();
      for (let i = 0; i < batch.count; i++) {
        const start = batch.start(i) + 36;
        const { length, place } = nodes.at(order[done + i]!);
        each(batch.bytes, batch.view, start, start + length, place);
      }
      batch.clear();
      done = end;
      yield;
    }
  }
}
