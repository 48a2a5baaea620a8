/**
 * A part of all accounts: of a shard, so that several machines share the work without talking to each other, or of a
 * day, so that all have their turn and nothing is remembered for it. Which shard an account belongs to is a fact about
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
 * Whether it is an account's turn: of `parts` days that follow each other, once. Which day that is follows from the DID
 * alone, so the accounts are spread over all of them.
 *
 * @param now epoch milliseconds
 */
export function isInTurn(did: string, parts: number, now: number): boolean {
  // Other bytes than those that say which shard an account belongs to.
  return (numberIn(did, 4, 4) + Math.floor(now / day)) % parts === 0;
}
