/**
 * Proves a repository in one pass over a CAR file: structure, signature and completeness. Every block is hashed, the
 * commit is checked against the account and its keys, the tree node by node against its one canonical shape, the
 * records against the data model. Blocks may come in any order, as the specification has it. What this does not do: it
 * fetches nothing, and it knows no lexicons.
 */
import { setImmediate } from "node:timers/promises";
import { atOnce, inTurns, type Slices } from "../data/slices.ts";
import { parseDidKey } from "../identity/keys.ts";
import { BlockStream } from "./proof/block-stream.ts";
import { prepareLaneHasher } from "./hashing/lane-hash.ts";
import { defaultLimits, type RepoLimits } from "./limits.ts";
import { FrameWatch } from "./proof/frame-watch.ts";
import { Findings, type Finding, type RepoReport } from "./report.ts";
import type { RepoSource } from "./source.ts";
import { ReadBack } from "./proof/read-back.ts";
import { TreeCheck } from "./proof/tree-check.ts";
import { Window } from "./proof/window.ts";

export { FrameWatch };

/** What the repository should be. What is left out is not checked. */
export interface Expectation {
  /** The DID of the account. */
  did?: string;
  /** did:keys; the signature has to be made with one of them. */
  signingKeys?: readonly string[];
  /** Epoch milliseconds. The revision may not lie more than five minutes after it. */
  now?: number;
  /** Blocks may be missing, as in what a server sends for `since`. */
  allowPartial?: boolean;
}

/** How far a verification is. */
export interface RepoProgress {
  bytes: number;
  blocks: number;
  records: number;
}

/** What a verification that is fed may be given. */
export interface VerifierOptions {
  /**
   * Reads back what was written to the verifier, up to the last chunk. Without it, blocks that come before they are
   * wanted are held in memory (limit `heldBytes`), and findings about records do not name their keys.
   */
  source?: RepoSource;
  limits?: Partial<RepoLimits>;
  onProgress?: (progress: RepoProgress) => void;
}

/** A verification that is fed. */
export interface RepoVerifier {
  /** Takes the next bytes of the CAR file; any size. The memory is the caller's again afterwards. */
  write(chunk: Uint8Array): void;
  /** Settles everything. To be called once, or `finish` is. */
  end(): RepoReport;
  /**
   * The same, slice by slice: of a file in no order that takes a while.
   *
   * @throws the signal's reason
   */
  finish(signal?: AbortSignal): Promise<RepoReport>;
  /**
   * The first thing that shows that this is no whole and genuine repository, whatever may follow; undefined while there
   * is none.
   */
  readonly fault: Finding | undefined;
  /** Whether it cannot even be told where the next block starts. What follows is not read. */
  readonly isLost: boolean;
  /**
   * Whether everything that the commit leads to has come: what follows does not belong to it. Of a file in no order at
   * all that is not known before the end.
   */
  readonly isComplete: boolean;
}

/**
 * Does now what the first verification of a process would have to do first, for whoever has time: some milliseconds. It
 * changes nothing else.
 */
export function prepareVerifier(): void {
  prepareLaneHasher();
}

/**
 * Verifies a repository while its bytes come, for instance while they are written to a file.
 *
 * @throws DecampError `damaged` or `unsupported` if an expected signing key is no did:key that is known; from `write`
 *   and `end`: `damaged` if `source` does not give back what was written. What is wrong with the repository itself is
 *   never thrown: it stands in the report.
 */
export function createRepoVerifier(expectation: Expectation, options: VerifierOptions = {}): RepoVerifier {
  return new Verifier(expectation, options);
}

class Verifier implements RepoVerifier {
  readonly stream: BlockStream;
  private readonly findings: Findings;
  private readonly tree: TreeCheck;
  private readonly expectation: Expectation;
  private readonly onProgress: ((progress: RepoProgress) => void) | undefined;

  constructor(expectation: Expectation, { source, limits: changed, onProgress }: VerifierOptions) {
    for (const key of expectation.signingKeys ?? []) {
      parseDidKey(key);
    }
    const limits = { ...defaultLimits, ...changed };
    this.expectation = expectation;
    this.onProgress = onProgress;
    this.findings = new Findings(limits);
    const window = new Window();
    this.tree = new TreeCheck(expectation, new ReadBack(window, source), limits, this.findings);
    this.stream = new BlockStream(window, this.tree, limits, this.findings);
  }

  get fault(): Finding | undefined {
    return this.findings.firstError;
  }

  get isLost(): boolean {
    return this.stream.stopped;
  }

  get isComplete(): boolean {
    return this.tree.isComplete;
  }

  write(chunk: Uint8Array): void {
    this.stream.write(chunk);
    this.tree.readOn();
    this.report();
  }

  /** So many bytes were written to where `stream` has room. */
  wrote(count: number): void {
    this.stream.wrote(count);
    this.tree.readOn();
    this.report();
  }

  private report(): void {
    this.onProgress?.({ bytes: this.stream.bytes, blocks: this.stream.blocks, records: this.tree.records });
  }

  end(): RepoReport {
    return atOnce(this.settle());
  }

  async finish(signal?: AbortSignal): Promise<RepoReport> {
    return inTurns(this.settle(), signal);
  }

  private *settle(): Slices<RepoReport> {
    const { stream, tree, findings, expectation } = this;
    stream.end();
    yield* tree.end(stream.framedBytes);
    const { commit, verdict, cid, isRead } = tree.root;
    const isComplete = !findings.spoils("completeness") && tree.missing === 0;
    const mayBePartial = expectation.allowPartial === true && isRead && !findings.spoils("completeness");
    const structure = findings.spoils("structure") ? "invalid" : "valid";
    const signature = findings.spoils("signature") ? "invalid" : verdict.signature;
    return {
      ok: structure === "valid" && signature !== "invalid" && (isComplete || mayBePartial),
      ...(commit?.did === undefined ? {} : { did: commit.did }),
      ...(commit?.rev === undefined ? {} : { rev: commit.rev }),
      ...(cid === undefined ? {} : { commit: cid }),
      ...(commit?.data === undefined ? {} : { data: commit.data }),
      structure,
      signature,
      completeness: isComplete ? "complete" : "incomplete",
      ...(verdict.signingKey === undefined ? {} : { signingKey: verdict.signingKey }),
      records: tree.records,
      blocks: stream.blocks,
      bytes: stream.bytes,
      collections: tree.collections.counts(),
      blobs: { referenced: tree.referencedBlobs },
      strays: tree.strays,
      duplicates: tree.duplicates,
      findings: findings.finish(),
    };
  }
}

/** How a repository is verified, and who is told. */
export interface VerifyOptions {
  signal?: AbortSignal;
  limits?: Partial<RepoLimits>;
  /** Called several times for each MiB. */
  onProgress?: (progress: RepoProgress) => void;
}

/** Bytes between two moments at which others get a turn, and an abort is noticed. */
const turn = 2 << 20;

/**
 * Verifies a repository from where it lies, or from a stream.
 *
 * @param input a file or memory; or chunks, which are read once (see `VerifierOptions.source` for what that costs)
 * @returns the report; what is wrong with the repository is never thrown
 * @throws the signal's reason when it is aborted; DecampError as in `createRepoVerifier`; whatever reading throws
 */
export async function verifyRepo(
  input: RepoSource | AsyncIterable<Uint8Array>,
  expectation: Expectation,
  { signal, limits, onProgress }: VerifyOptions = {},
): Promise<RepoReport> {
  const options: VerifierOptions = {
    ...(limits === undefined ? {} : { limits }),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
  if (!("read" in input)) {
    const verifier = createRepoVerifier(expectation, options);
    for await (const chunk of input) {
      signal?.throwIfAborted();
      verifier.write(chunk);
    }
    return verifier.finish(signal);
  }
  const verifier = new Verifier(expectation, { ...options, source: input });
  const { stream } = verifier;
  for (let next = turn; ;) {
    signal?.throwIfAborted();
    const room = stream.room();
    const read = input.read(stream.bytes, room.length, room);
    // What has no header of a CAR is none, however long it is.
    if (read.length === 0 || (stream.stopped && stream.framedBytes === 0)) {
      return verifier.finish(signal);
    }
    if (read.buffer !== room.buffer || read.byteOffset !== room.byteOffset) {
      room.set(read);
    }
    verifier.wrote(read.length);
    if (stream.bytes >= next) {
      next = stream.bytes + turn;
      await setImmediate();
    }
  }
}
