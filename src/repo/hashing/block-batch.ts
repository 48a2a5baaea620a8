/**
 * Blocks of a stream that are proved together. Only short ones gain from that: for long ones the crypto library's
 * instructions for SHA-256 make up for the cost of the call.
 */
import {
  jobDifference,
  jobLength,
  jobProduct,
  jobWords,
  makeLaneHasher,
  sha256Blocks,
  type LaneHasher,
} from "./lane-hash.ts";
import { multipliers } from "../tables.ts";

/** Blocks of one batch. Their bytes should still be in the processor's cache when they are looked at. */
export const maxBatch = 1024;
/** The most SHA-256 blocks of a message that are hashed here. */
export const longestHashed = 12;

export class BlockBatch {
  count = 0;
  /** Memory that holds the blocks: the window of the stream. */
  readonly bytes: Buffer;
  /** Where each block starts in it, with its CID, and where it ends. */
  readonly starts: Int32Array = new Int32Array(maxBatch);
  readonly ends: Int32Array = new Int32Array(maxBatch);
  private readonly hasher: LaneHasher;
  /** Where the verdict on each block will stand, or −1. */
  private readonly verdicts = new Int32Array(maxBatch);
  /** For each number of SHA-256 blocks the job that has lanes free: where its next lane is, or a multiple of 4. */
  private readonly open = new Int32Array(longestHashed + 1);
  private jobs = 0;

  private constructor(hasher: LaneHasher) {
    this.hasher = hasher;
    this.bytes = hasher.bytes;
  }

  /** Makes a batch with a window of so many bytes, or nothing where there is no such hasher. */
  static make(size: number): BlockBatch | undefined {
    const hasher = makeLaneHasher(maxBatch / 4 + longestHashed, size, multipliers);
    return hasher === undefined ? undefined : new BlockBatch(hasher);
  }

  /** Adds the block from `start`, where its CID is, to `end`. @returns whether the batch is full */
  add(start: number, end: number): boolean {
    const index = this.count++;
    this.starts[index] = start;
    this.ends[index] = end;
    const length = end - start - 36;
    const size = sha256Blocks(length);
    if (size > longestHashed) {
      this.verdicts[index] = -1;
    } else {
      const { open } = this;
      const { jobs, dataOffset } = this.hasher;
      let lane = open[size]!;
      if ((lane & 3) === 0) {
        lane = this.jobs++ * jobWords;
      }
      jobs[lane] = dataOffset + start + 36;
      jobs[lane + jobLength] = length;
      this.verdicts[index] = lane + jobDifference;
      open[size] = lane + 1;
    }
    return this.count === maxBatch;
  }

  /** Hashes what was added. */
  run(): void {
    const { open } = this;
    const { jobs } = this.hasher;
    for (let size = 1; size <= longestHashed; size++) {
      const first = open[size]! & ~3;
      for (let lane = open[size]!; (lane & 3) !== 0; lane++) {
        jobs[lane] = jobs[first]!;
        jobs[lane + jobLength] = jobs[first + jobLength]!;
      }
    }
    open.fill(0);
    if (this.jobs > 0) {
      this.hasher.run(this.jobs);
    }
    this.jobs = 0;
  }

  /** Whether a block turned out to be what its CID says. If not, it has to be proved in another way. */
  isProved(index: number): boolean {
    const verdict = this.verdicts[index]!;
    return verdict >= 0 && this.hasher.jobs[verdict] === 0;
  }

  /** `hashDigest` of the digest of a block that is proved. */
  hashed(index: number): number {
    return this.hasher.jobs[this.verdicts[index]! + jobProduct - jobDifference]!;
  }

  /** Forgets what was added. */
  clear(): void {
    this.count = 0;
  }
}
