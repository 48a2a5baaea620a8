/**
 * The commit of a repository alone, as the smallest CAR file there is: enough to prove who signed which tree. Two of
 * them with the same `data` prove that two servers hold the same records, whatever else they say.
 */
import type { Cid } from "../data/cid.ts";
import { cidFor, cidToBytes } from "../data/cid.ts";
import { inTurns } from "../data/slices.ts";
import { DecampError } from "../errors.ts";
import { BlockIndex } from "./block-index.ts";
import { framedBlocks } from "./car.ts";
import { writeCar } from "./write/car-write.ts";
import { bytesSource, type RepoSource } from "./source.ts";
import { verifyRepo } from "./verify.ts";

/** What a commit proves. */
export interface ProvedCommit {
  readonly did: string;
  readonly commit: Cid;
  readonly rev: string;
  /** The top of the tree: the same `data` is the same records. */
  readonly data: Cid;
  /** The did:key that signed it. */
  readonly signingKey: string;
}

/**
 * The commit of `source` as a CAR file of its own.
 *
 * @throws DecampError `damaged` if there is no CAR file, or no such block; the signal's reason
 */
export async function extractCommit(source: RepoSource, signal: AbortSignal): Promise<Uint8Array> {
  const index = await inTurns(BlockIndex.slices(source), signal);
  const { root } = index;
  const commit = index.commitBlock();
  return Buffer.concat([...writeCar(root, [{ cid: cidToBytes(root), data: commit }], 0)]);
}

/**
 * The same from a few blocks, whatever root they name. Its bytes are hashed.
 *
 * @param car a CAR file
 * @returns undefined if the block is not there, or is another one
 */
export function findCommit(car: Uint8Array, commit: Cid): Uint8Array | undefined {
  for (const { bytes, start, end } of framedBlocks(bytesSource(car))) {
    const block = bytes.subarray(start, end);
    if (cidFor("dag-cbor", block) === commit) {
      return Buffer.concat([...writeCar(commit, [{ cid: cidToBytes(commit), data: block }], 0)]);
    }
  }
  return undefined;
}

/**
 * Proves a commit that `extractCommit` made.
 *
 * @param signingKeys did:keys; the signature has to be by one of them
 * @throws DecampError `damaged` if it is not the commit of `did`, signed with one of the keys
 */
export async function proveCommit(car: Uint8Array, did: string, signingKeys: readonly string[]): Promise<ProvedCommit> {
  const report = await verifyRepo(bytesSource(car), { did, signingKeys, allowPartial: true });
  const { commit, rev, data, signingKey } = report;
  if (
    report.ok &&
    commit !== undefined &&
    rev !== undefined &&
    data !== undefined &&
    signingKey !== undefined &&
    report.did === did
  ) {
    return { did, commit, rev, data, signingKey };
  }
  const first = report.findings.find(({ severity }) => severity === "error");
  throw new DecampError("damaged", `This is not a commit of ${did}: ${first?.message ?? "no key is known"}`, {
    data: { rule: first?.rule },
  });
}
