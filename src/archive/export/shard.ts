/**
 * A part of all accounts, so that several machines share the work without talking to each other. Which part an account
 * belongs to is a fact about its DID alone: the first four bytes of the SHA-256 of its text, read as a number with the
 * highest byte first, modulo the number of parts. Other tools may compute the same.
 */

import { hash } from "node:crypto";

export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly count: number;
}

/** Which of `count` shards a DID belongs to, from 0. */
export function shardOf(did: string, count: number): number {
  return hash("sha256", did, "buffer").readUInt32BE(0) % count;
}
