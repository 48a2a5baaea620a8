/** How much a move has to carry, and roughly how long that takes: reckoned from a sample. */

import type { MigrationPlan } from "../events.ts";

/** What can be said beforehand of size and time. */
export type Forecast = Pick<MigrationPlan, "repoBytes" | "blobBytes" | "sampled" | "seconds" | "free">;

/** So many blobs are a sample. */
const sampleSize = 16;

/** The blobs that stand for all. A CID is a hash: the smallest ones are as good as any. */
export class Sample {
  #cids: string[] = [];

  add(cid: string): void {
    this.#cids.push(cid);
    if (this.#cids.length >= 2 * sampleSize) {
      this.#cids = this.taken();
    }
  }

  /** The smallest ones, at most sixteen. */
  taken(): string[] {
    return this.#cids.toSorted().slice(0, sampleSize);
  }
}

/**
 * How often the data goes over the network, compared with once from the old server: it is fetched, sent, and read back.
 * How fast the new server is shows only then, so that the most is a multiple.
 */
const passages = { least: 2, most: 8 };

/** What came of one download. */
export interface Taken {
  /** Bytes that were read. */
  readonly read: number;
  /** Bytes of the whole, if it was read or announced. */
  readonly size: number | undefined;
}

/** A sample of an account. */
export interface Measured {
  readonly repo: Taken;
  readonly blobs: readonly Taken[];
  /** How long it took (milliseconds). */
  readonly took: number;
}

/** What a sample says of the whole. @param count how many blobs there are */
export function reckon({ repo, blobs, took }: Measured, count: number): Forecast {
  const sizes = blobs.flatMap(({ size }) => (size === undefined ? [] : [size]));
  const blobBytes = count === 0 ? 0 : sizes.length === 0 ? undefined : Math.round((sum(sizes) / sizes.length) * count);
  const sized = {
    ...(repo.size === undefined ? {} : { repoBytes: repo.size }),
    ...(blobBytes === undefined ? {} : { blobBytes, sampled: sizes.length }),
  };
  const read = sum([repo, ...blobs].map((one) => one.read));
  if (blobBytes === undefined || read === 0) {
    return sized;
  }
  const once = ((((repo.size ?? repo.read) + blobBytes) / read) * took) / 1000;
  return { ...sized, seconds: { least: Math.ceil(once * passages.least), most: Math.ceil(once * passages.most) } };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
