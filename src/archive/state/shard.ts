/**
 * A part of all accounts: of a shard, so that several machines share the work without talking to each other, or of a
 * day, so that all have their turns and nothing is remembered for it. Which shard an account belongs to is a fact about
 * its DID alone: the first four bytes of the SHA-256 of its text, read as a number with the highest byte first, modulo
 * the number of parts. Other tools may compute the same.
 */

import { hash } from "node:crypto";

export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly count: number;
}

/** Which of `count` shards a DID belongs to, from 0. */
export function shardOf(did: string, count: number): number {
  return numberIn(did, 0, 4) % count;
}

/** Whether a DID belongs to a shard; each does where there are no shards. */
export function isInShard(did: string, shard: Shard | undefined): boolean {
  return shard === undefined || shardOf(did, shard.count) === shard.index;
}

let last = { did: "", digits: "" };

/**
 * A number that follows from a DID alone: the one in these bytes of its SHA-256, the highest first.
 *
 * @param length at most 6
 */
export function numberIn(did: string, start: number, length: number): number {
  // Of one account several numbers are asked for in a row, and very many accounts are gone through.
  if (last.did !== did) {
    last = { did, digits: hash("sha256", did, "hex") };
  }
  return Number.parseInt(last.digits.slice(2 * start, 2 * (start + length)), 16);
}

const day = 86_400_000;

/**
 * Whether it is an account's turn, of which there are `parts`. The DID alone says which part it belongs to, so the
 * accounts are spread over all of them; `partInTurn` says whose day it is.
 *
 * @param now epoch milliseconds
 */
export function isInTurn(did: string, parts: number, now: number): boolean {
  // Other bytes than those that say which shard an account belongs to.
  return numberIn(did, 4, 4) % parts === partInTurn(parts, now);
}

const goldenRatio = (1 + Math.sqrt(5)) / 2;

/**
 * The part whose day it is: the day times an irrational number, of which what is behind the point says how far in the
 * row of parts. These values are spread evenly whatever the step is. (Were it the day modulo `parts`, who looks every
 * week would see the same part of seven for ever.) Who looks every day has seen all parts in less than twice as many
 * days; every second or third day, every week, two weeks or month in seven times as many looks at the most, and in any
 * rhythm up to 31 days in eighteen times.
 *
 * @param now epoch milliseconds
 */
export function partInTurn(parts: number, now: number): number {
  return Math.floor(((Math.floor(now / day) * goldenRatio) % 1) * parts);
}
