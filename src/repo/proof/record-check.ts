/**
 * Records, checked against the data model, and the blobs that they refer to. A fault of a record is a warning, and
 * spoils no answer about the repository.
 *
 * What was seen of an early block is one number, its flags: 0 for a good record without blobs, the number of its first
 * fault in `recordRules` (below 64), `hasRefs` if it refers to blobs, or `unread` alone for what may be a node.
 */
import { hasBadBlobRef, recordBlobRefs } from "../../data/blob-refs.ts";
import { readLoose } from "../../data/cbor-loose.ts";
import { cidFromDigest, isCid, parseCid, type Cid } from "../../data/cid.ts";
import { CborScanner, LEGACY_REF, cborFaults } from "../../data/cbor-scan.ts";
import { latin1 } from "../../data/latin1.ts";
import { DistinctCount } from "./distinct.ts";
import { EarlyBlobs } from "./early-blobs.ts";
import type { RepoLimits } from "../limits.ts";
import { Scratch, type ReadBack } from "./read-back.ts";
import type { RuleId } from "../rules.ts";

export const unread = 128;
const hasRefs = 64;

/** Number of a fault → the rule: first the faults of the scanner, of which 0 is none, then those found here. */
const recordRules: (RuleId | undefined)[] = cborFaults.map((fault) =>
  fault === "none" ? undefined : (`record/${fault}` as const),
);
const firstOther = recordRules.length;
const notAMap = recordRules.push("record/not-a-map") - 1;
const tooLarge = recordRules.push("record/size") - 1;
const noType = recordRules.push("record/type") - 1;
const badBlobRef = recordRules.push("record/blob-ref") - 1;

const maxRecordBytes = 1 << 20;

export class RecordCheck {
  /** Records that break rules, and which. */
  readonly faulty: Map<Cid, readonly RuleId[]> = new Map();
  /** Distinct blobs that the records refer to. */
  readonly blobs: DistinctCount = new DistinctCount();
  private readonly earlyBlobs = new EarlyBlobs();
  private readonly scanner = new CborScanner();
  private readonly memory = new Scratch();
  private readonly maxDepth: number;
  private readonly maxFaulty: number;

  constructor({ recordDepth, findings }: RepoLimits) {
    this.maxDepth = recordDepth;
    this.maxFaulty = findings;
  }

  /** Takes in a record that is part of the tree. @param at where its digest starts; the data follows it */
  take(bytes: Buffer, view: DataView, at: number, end: number): void {
    const fault = this.scan(bytes, view, at + 32, end);
    if (fault !== 0) {
      this.takeFaulty(bytes, at, end, fault);
    }
    const { refCount, refKind, refAt } = this.scanner;
    for (let i = 0; i < refCount; i++) {
      if (refKind[i] === LEGACY_REF) {
        this.add(this.notedBlobs(bytes));
        return;
      }
      // The digest is read where it lies, without a copy. To add one twice is harmless.
      this.blobs.add(view, refAt[i]! + 4);
    }
  }

  /** Reports a record, and finds the blobs that it refers to where the scan has stopped early. */
  private takeFaulty(bytes: Buffer, at: number, end: number, fault: number): void {
    const record = bytes.subarray(at + 32, end);
    const found = [fault];
    let unknown: RuleId | undefined;
    if (fault < firstOther) {
      const { refs, isAll } = recordBlobRefs(record);
      for (const { cid } of refs) {
        this.add(parseCid(cid).digest);
      }
      unknown = isAll ? undefined : "record/blobs-unknown";
    } else {
      // `fault` is the first of these, so they take its place.
      const others = this.otherFaults(record, 0, record.length);
      found.splice(0, 1, ...others);
    }
    if (this.faulty.size < this.maxFaulty) {
      const broken = [...found.map((one) => recordRules[one]), unknown].filter((rule) => rule !== undefined);
      this.faulty.set(cidFromDigest("dag-cbor", bytes.subarray(at, at + 32)), broken);
    }
  }

  /**
   * Looks at a block that may turn out to be a record of the tree.
   *
   * @param offset its place in the file
   * @returns flags for `takeEarly`, which has nothing to do if they are 0
   */
  look(bytes: Buffer, view: DataView, start: number, end: number, offset: number): number {
    const fault = this.scan(bytes, view, start, end);
    if (this.scanner.refCount === 0) {
      return fault;
    }
    if (fault === 0) {
      this.earlyBlobs.add(offset, this.notedBlobs(bytes));
    }
    return fault | hasRefs;
  }

  /** Takes in a record that came too early. @param offset place of its data in the file */
  takeEarly(readBack: ReadBack, offset: number, length: number, flags: number): void {
    if (flags === hasRefs) {
      for (const blob of this.earlyBlobs.of(offset)) {
        this.add(blob);
      }
    } else if (flags !== 0) {
      const { bytes, view, at } = readBack.block(offset - 36, length + 36, this.memory);
      this.take(bytes, view, at + 4, at + 36 + length);
    }
  }

  /** @returns 0, or the number of the first fault in `recordRules` */
  private scan(bytes: Uint8Array, view: DataView, start: number, end: number): number {
    const { scanner } = this;
    const fault = scanner.scan(bytes, view, start, end, this.maxDepth);
    if (fault !== 0) {
      scanner.refCount = 0;
      return fault;
    }
    if (scanner.hasType && scanner.oddBlobRefs === 0 && end - start <= maxRecordBytes) {
      return 0;
    }
    return this.otherFaults(bytes, start, end)[0] ?? 0;
  }

  /** What else is wrong with a record that the scanner has just found to be well encoded. */
  private otherFaults(bytes: Uint8Array, start: number, end: number): number[] {
    const { hasType, oddBlobRefs } = this.scanner;
    const isMap = bytes[start]! >> 5 === 5;
    const value = oddBlobRefs === 0 ? undefined : readLoose(bytes.subarray(start, end)).value;
    return [
      ...(isMap ? [] : [notAMap]),
      ...(end - start > maxRecordBytes ? [tooLarge] : []),
      ...(isMap && !hasType ? [noType] : []),
      ...(value !== undefined && hasBadBlobRef(value) ? [badBlobRef] : []),
    ];
  }

  /** The digests of the blobs that the last scan noted. */
  private notedBlobs(bytes: Buffer): Uint8Array {
    const { refCount, refKind, refAt, refLength } = this.scanner;
    const digests = new Uint8Array(32 * refCount);
    let used = 0;
    for (let i = 0; i < refCount; i++) {
      const at = refAt[i]!;
      if (refKind[i] !== LEGACY_REF) {
        digests.set(new Uint8Array(bytes.buffer, bytes.byteOffset + at + 4, 32), used);
        used += 32;
        continue;
      }
      const text = latin1(bytes, at, at + refLength[i]!);
      if (isCid(text)) {
        digests.set(parseCid(text).digest, used);
        used += 32;
      }
    }
    return used === digests.length ? digests : digests.slice(0, used);
  }

  private add(digests: Uint8Array): void {
    const view = new DataView(digests.buffer, digests.byteOffset, digests.byteLength);
    for (let at = 0; at < digests.length; at += 32) {
      this.blobs.add(view, at);
    }
  }
}
