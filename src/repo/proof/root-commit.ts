/** The block that the header of a file names: it has to come, and to be a commit. */
import { parseCid, type Cid } from "../../data/cid.ts";
import { judgeCommit, parseCommit, type Commit, type CommitExpectation, type CommitVerdict } from "../commit.ts";
import type { Findings } from "../report.ts";

export class RootCommit {
  cid: Cid | undefined;
  /** Whether the block has come. */
  isRead = false;
  /** As far as it can be read. */
  commit: Commit | undefined;
  verdict: CommitVerdict = { signature: "unchecked" };
  private readonly digest = new Uint8Array(32);
  private readonly digestView = new DataView(this.digest.buffer);
  private readonly expectation: CommitExpectation;
  private readonly findings: Findings;

  constructor(expectation: CommitExpectation, findings: Findings) {
    this.expectation = expectation;
    this.findings = findings;
  }

  /** The header has come. */
  name(cid: Cid): void {
    this.cid = cid;
    this.digest.set(parseCid(cid).digest);
  }

  /** Whether the block whose digest stands at `at` is the one, and has not come yet. */
  isAwaited(bytes: Uint8Array, view: DataView, at: number): boolean {
    return !this.isRead && view.getInt32(at) === this.digestView.getInt32(0) && isSame(bytes, at, this.digest);
  }

  /** Judges it, and gives the CID of the top node, if it names one. */
  read(bytes: Uint8Array): Cid | undefined {
    this.isRead = true;
    const cid = this.cid!;
    this.commit = parseCommit(bytes, cid, this.findings);
    if (this.commit !== undefined) {
      this.verdict = judgeCommit(this.commit, cid, this.expectation, this.findings);
    }
    return this.commit?.data;
  }

  /** All blocks have come. */
  end(): void {
    if (this.cid !== undefined && !this.isRead) {
      this.findings.add("commit/missing", { cid: this.cid });
    }
  }
}

function isSame(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) {
    if (bytes[at + i] !== wanted[i]) {
      return false;
    }
  }
  return true;
}
