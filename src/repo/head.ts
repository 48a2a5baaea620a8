/**
 * What the head of a repository says, without the repository: whose it is, its revision, and the top of its tree. The
 * same `data` is the same records (spec: Repository, "Commit Objects").
 */
import { cidFor, type Cid } from "../data/cid.ts";
import { inTurns } from "../data/slices.ts";
import { BlockIndex } from "./block-index.ts";
import { framedBlocks } from "./car.ts";
import { parseCommit } from "./commit.ts";
import { defaultLimits } from "./limits.ts";
import { Findings } from "./report.ts";
import { bytesSource, type RepoSource } from "./source.ts";

/** The top of a tree without records. */
export const emptyTree: Cid = "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm";

export interface Head {
  readonly commit: Cid;
  readonly did: string;
  readonly rev: string;
  readonly data: Cid;
}

/**
 * Finds a commit among a few blocks. Its bytes are hashed; who signed it is not asked.
 *
 * @param car a CAR file, whatever its root
 * @returns undefined if the block is not there, is another one, or is no commit
 */
export function readHead(car: Uint8Array, commit: Cid): Head | undefined {
  for (const { bytes, start, end } of framedBlocks(bytesSource(car))) {
    const block = bytes.subarray(start, end);
    if (cidFor("dag-cbor", block) !== commit) {
      continue;
    }
    const { did, rev, data } = parseCommit(block, commit, new Findings(defaultLimits)) ?? {};
    if (did !== undefined && rev !== undefined && data !== undefined) {
      return { commit, did, rev, data };
    }
  }
  return undefined;
}

/**
 * The account that the commit of a repository names; who signed it is not asked.
 *
 * @returns undefined if the commit names no valid DID
 * @throws DecampError `damaged` if there is no commit, or it is not what its CID says; the signal's reason
 */
export async function readDid(source: RepoSource, signal: AbortSignal): Promise<string | undefined> {
  const index = await inTurns(BlockIndex.slices(source), signal);
  return parseCommit(index.commitBlock(), index.root, new Findings(defaultLimits))?.did;
}

const tidCharacters = "234567abcdefghijklmnopqrstuvwxyz";

/** When a revision was made, by the clock of its server (ISO 8601; spec: TID); undefined for what is none. */
export function timeOfRev(rev: string): string | undefined {
  const digits = rev.split("").map((character) => tidCharacters.indexOf(character));
  if (digits.length !== 13 || digits.includes(-1)) {
    return undefined;
  }
  const micros = digits.reduce((sum, digit) => (sum << 5n) | BigInt(digit), 0n) >> 10n;
  const time = new Date(Number(micros / 1000n));
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
