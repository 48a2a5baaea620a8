/** What a verification answers: three answers, and what was found. */
import type { Cid } from "../data/cid.ts";
import { howToRaise, type RepoLimits } from "./limits.ts";
import { rules, type Part, type RuleId } from "./rules.ts";

/** Something that is wrong with a repository, or odd. */
export interface Finding {
  rule: RuleId;
  severity: "error" | "warning";
  /** The record's path, `collection/rkey`, where the finding is about one. */
  key?: string;
  /** The block that the finding is about. */
  cid?: Cid;
  /** Plain sentences: what is wrong. */
  message: string;
}

/** The result of a verification; the fields are those of `decamp verify --json`. */
export interface RepoReport {
  /** Structure valid, signature not invalid, and complete (or partial where that is allowed). */
  ok: boolean;
  did?: string;
  rev?: string;
  /** CID of the commit. */
  commit?: Cid;
  /** CID of the top node of the tree. */
  data?: Cid;
  structure: "valid" | "invalid";
  /** `unchecked`: no key to check with. */
  signature: "valid" | "invalid" | "unchecked";
  completeness: "complete" | "incomplete";
  /** The did:key that the signature was made with, where it fits one of the expected keys. */
  signingKey?: string;
  /** Keys in the tree, as far as it could be read. */
  records: number;
  /** Blocks in the file, all of them. */
  blocks: number;
  /** Bytes of the file. */
  bytes: number;
  /** Records by collection. */
  collections: Record<string, number>;
  /** Distinct blobs that the records refer to. */
  blobs: { referenced: number };
  /** Distinct blocks that nothing in the tree leads to. */
  strays: number;
  /** Blocks that stand in the file once more. */
  duplicates: number;
  findings: Finding[];
}

export interface FindingDetails {
  key?: string | undefined;
  cid?: Cid | undefined;
  /** What to say instead of the sentence of the rule. */
  message?: string;
}

/** Collects findings, up to a limit, and which answers they spoil. */
export class Findings {
  readonly list: Finding[] = [];
  /** The first error, whether it is listed or not. */
  firstError: Finding | undefined;
  private readonly spoiled = new Set<Part>();
  private readonly limit: number;
  private readonly raise: string;
  private left = 0;

  constructor(limits: RepoLimits) {
    this.limit = limits.findings;
    this.raise = howToRaise("findings");
  }

  add(rule: RuleId, { key, cid, message }: FindingDetails = {}): void {
    const { severity, parts, sentence } = rules[rule];
    for (const part of parts) {
      this.spoiled.add(part);
    }
    const isListed = this.list.length < this.limit;
    if (!isListed && (severity !== "error" || this.firstError !== undefined)) {
      this.left++;
      return;
    }
    const finding: Finding = {
      rule,
      severity,
      ...(key === undefined ? {} : { key }),
      ...(cid === undefined ? {} : { cid }),
      message: message ?? sentence,
    };
    if (severity === "error") {
      this.firstError ??= finding;
    }
    if (isListed) {
      this.list.push(finding);
    } else {
      this.left++;
    }
  }

  /** Whether more findings would only be counted. */
  get full(): boolean {
    return this.list.length >= this.limit;
  }

  /** Whether an answer is spoiled by what was found. */
  spoils(part: Part): boolean {
    return this.spoiled.has(part);
  }

  /** All findings; says so where some are left out. */
  finish(): Finding[] {
    if (this.left > 0) {
      const message = `${this.left} more findings are not listed. ${this.raise}`;
      this.list.push({ rule: "limit/findings", severity: "warning", message });
    }
    return this.list;
  }
}
