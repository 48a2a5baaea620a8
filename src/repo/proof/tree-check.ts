/**
 * The tree, checked while its blocks arrive in any order. A block that a node leads to is expected. A block that comes
 * when nothing leads to it yet is early, and only its place in the file is remembered. An early node that something
 * leads to by now is wanted, and is read back. (tables.ts has these words in full.) Each node is checked against its
 * level and against the keys that enclose it, so that no walk in key order is needed: where every node is within its
 * bounds, all keys ascend.
 */
import { cidFromBytes, cidFromDigest, parseCid, type Cid } from "../../data/cid.ts";
import type { Slices } from "../../data/slices.ts";
import type { CommitExpectation } from "../commit.ts";
import { howToRaise, type RepoLimits } from "../limits.ts";
import { Collections, NodeReader, type NodeEntries } from "../mst.ts";
import { KeyBatch } from "../hashing/key-batch.ts";
import { examineNode, wrongLevel } from "../mst-examine.ts";
import { EarlyRecords } from "./early-records.ts";
import { settleLeftovers } from "./leftover-blocks.ts";
import { LevelReader } from "./level-reader.ts";
import { OtherCodecs } from "./other-codecs.ts";
import { Scratch, type ReadBack } from "./read-back.ts";
import { RecordCheck, unread } from "./record-check.ts";
import type { Findings } from "../report.ts";
import { RootCommit } from "./root-commit.ts";
import { DigestTable, ExpectedBlocks, StrayBlocks, hashDigest, type Place } from "../tables.ts";
import { WantedNodes } from "./wanted-nodes.ts";

/** So many blocks that came too early are the mark of a file in no order at all. */
const defaultManyEarly = 1 << 16;
/** Bytes of early nodes that one slice reads. Each node counts as its length and `nodeBytes` more, for the work. */
const sliceBytes = 4 << 20;
const nodeBytes = 512;

export interface TreeExpectation extends CommitExpectation {
  /** Missing blocks are counted, and are no findings. */
  allowPartial?: boolean;
}

export class TreeCheck {
  records = 0;
  strays = 0;
  duplicates = 0;
  /** Blocks that something in the tree leads to, and that did not come. */
  missing = 0;
  readonly root: RootCommit;
  readonly collections: Collections = new Collections();
  private topNode: Cid | undefined;
  private readonly expected = new ExpectedBlocks();
  private early = new StrayBlocks();
  /**
   * Early blocks that are no nodes, once the file is known to be in no order at all. Then nearly every node would be a
   * small read of its own, and most of what it leads to would have come already: the tree waits until all has come, and
   * is read level by level in the file's order.
   */
  private earlyRecords: EarlyRecords | undefined;
  private wanted = new WantedNodes();
  private readonly recordCheck: RecordCheck;
  private readonly keys: KeyBatch;
  private readonly reader: NodeReader;
  private readonly otherCodecs = new OtherCodecs();
  /** All blocks that came, where the file cannot be read again. */
  private readonly seen: DigestTable | undefined;
  private readonly nodeMemory = new Scratch();
  private overfull = false;
  /** Bytes of early nodes that this slice may still read. */
  private allowance = sliceBytes;
  private readonly readBack: ReadBack;
  private readonly allowPartial: boolean;
  private readonly manyEarly: number;
  private readonly limits: RepoLimits;
  private readonly findings: Findings;

  /**
   * @param manyEarly how many blocks that came too early make a file one in no order at all
   */
  constructor(
    expectation: TreeExpectation,
    readBack: ReadBack,
    limits: RepoLimits,
    findings: Findings,
    manyEarly: number = defaultManyEarly,
  ) {
    this.manyEarly = manyEarly;
    this.root = new RootCommit(expectation, findings);
    this.allowPartial = expectation.allowPartial ?? false;
    this.limits = limits;
    this.findings = findings;
    this.recordCheck = new RecordCheck(limits);
    this.keys = new KeyBatch((key, level, cid) => findings.add("mst/key-depth", wrongLevel(key, level, cid)));
    this.reader = new NodeReader(this.collections, limits.nodeEntries, this.keys);
    this.readBack = readBack;
    this.seen = readBack.file === undefined ? new DigestTable() : undefined;
  }

  get referencedBlobs(): number {
    return this.recordCheck.blobs.size;
  }

  /** Whether everything that the commit leads to has come, as far as that is known before the end. */
  get isComplete(): boolean {
    const { root, expected, wanted, earlyRecords, otherCodecs } = this;
    return (
      root.isRead &&
      expected.table.size === 0 &&
      wanted.count === 0 &&
      earlyRecords === undefined &&
      !otherCodecs.areLinked
    );
  }

  header(root: Cid): void {
    this.root.name(root);
  }

  rawBlock(cid: Cid): void {
    if (this.otherCodecs.has(cid)) {
      this.duplicates++;
    } else if (this.checkIndex()) {
      this.otherCodecs.addBlock(cid);
    }
  }

  block(bytes: Buffer, view: DataView, at: number, end: number, offset: number, hashed: number): void {
    if (this.overfull) {
      return;
    }
    const { expected, seen } = this;
    if (seen !== undefined) {
      if (seen.find(view, at) >= 0) {
        this.duplicates++;
        return;
      }
      seen.insert(view, at);
    }
    if (this.root.isAwaited(bytes, view, at)) {
      this.readCommit(bytes.subarray(at + 32, end));
      this.readWantedNodes();
      return;
    }
    const id = expected.table.find(view, at, hashed);
    if (id < 0) {
      this.keepForLater(bytes, view, at, end, offset, hashed);
      return;
    }
    const isRecord = expected.isRecord(id);
    const place = expected.place(id);
    expected.takeFound(id);
    if (isRecord) {
      this.recordCheck.take(bytes, view, at, end);
    }
    if (place !== undefined) {
      if (this.earlyRecords !== undefined) {
        this.wanted.push(offset, end - at - 32, place.level, place.lower, place.upper);
        return;
      }
      this.readNode(bytes, view, at + 32, end, place);
      this.readWantedNodes();
    }
  }

  /** Settles what is left when all blocks have come. @param framedBytes up to where the file is well framed */
  *end(framedBytes: number): Slices<void> {
    this.root.end();
    yield* this.readAllWantedNodes();
    yield* this.readWaitingTree();
    this.keys.flush();
    const { expected, early, seen, findings, limits, allowPartial } = this;
    const { faulty } = this.recordCheck;
    const source = this.readBack.file;
    const leftovers = yield* settleLeftovers(
      { expected, early, faulty, seen, source, framedBytes, allowPartial },
      limits,
      findings,
    );
    const others = this.otherCodecs.settle();
    others.foreign.forEach((cid) => findings.add("car/cid", { cid }));
    this.strays += leftovers.strays + others.strays;
    this.duplicates += leftovers.duplicates;
    this.missing = leftovers.missing + others.missing.length;
    if (!allowPartial) {
      others.missing.forEach((link) => findings.add("mst/missing-record", link));
    }
    if (this.missing > 0 && !allowPartial) {
      const blocks = this.missing === 1 ? "1 block is" : `${this.missing} blocks are`;
      const message = `${blocks} missing: the file was cut short, or it is a diff that was made with since.`;
      findings.add("repo/incomplete", { message });
    }
  }

  private readCommit(bytes: Uint8Array): void {
    this.topNode = this.root.read(bytes);
    if (this.topNode !== undefined) {
      const { digest } = parseCid(this.topNode);
      this.awaitNode(viewOf(digest), 0, -1, undefined, undefined);
    }
  }

  private keepForLater(bytes: Buffer, view: DataView, at: number, end: number, offset: number, hashed: number): void {
    const { early, earlyRecords } = this;
    const { held } = this.readBack;
    const start = at + 32;
    const looksLikeNode = end - start >= 8 && view.getUint16(start) === 0xa261 && bytes[start + 2] === 0x65;
    if (earlyRecords !== undefined && !looksLikeNode) {
      if (this.checkIndex()) {
        const flags = this.recordCheck.look(bytes, view, start, end, offset);
        earlyRecords.add(view, at, hashed, offset, end - start, flags);
      }
      return;
    }
    if (early.table.find(view, at, hashed) >= 0) {
      this.duplicates++;
      return;
    }
    if (!this.checkIndex()) {
      return;
    }
    const flags = looksLikeNode ? unread : this.recordCheck.look(bytes, view, start, end, offset);
    early.insert(view, at, offset, end - start, flags);
    // A node, even a malformed one, is a short map with keys of one letter.
    if (held !== undefined && (flags !== 0 || (bytes[start]! >> 3 === 0xa0 >> 3 && bytes[start + 1] === 0x61))) {
      if (held.hold(offset - 36, bytes.subarray(at - 4, end)) > this.limits.heldBytes) {
        const message = `Blocks come so early that ${this.limits.heldBytes} bytes do not hold them.`;
        this.findings.add("limit/held-bytes", { message: `${message} ${howToRaise("heldBytes")}` });
        this.overfull = true;
      }
    } else if (held === undefined && earlyRecords === undefined && early.table.size >= this.manyEarly) {
      this.waitForTheEnd();
    }
  }

  /** From now on nodes are read when all blocks have come, and early records are kept apart. */
  private waitForTheEnd(): void {
    const all = this.early;
    const nodes = new StrayBlocks();
    const records = new EarlyRecords(this);
    for (const id of all.table.ids()) {
      const digest = viewOf(all.table.digest(id));
      if (all.flags(id) === unread) {
        nodes.add(digest, 0, all.offset(id), all.length(id), unread);
      } else {
        records.add(digest, 0, hashDigest(digest, 0), all.offset(id), all.length(id), all.flags(id));
      }
    }
    this.early = nodes;
    this.earlyRecords = records;
  }

  recordFound(offset: number, length: number, flags: number): void {
    // Flags of 0: a good record without blobs, as most are. Nothing is left to do.
    if (flags !== 0) {
      this.recordCheck.takeEarly(this.readBack, offset, length, flags);
    }
  }

  recordUnknown(view: DataView, at: number): void {
    this.awaitRecord(view, at);
  }

  /** Whether the index may grow by an entry. */
  private checkIndex(): boolean {
    const { expected, early, earlyRecords, otherCodecs, seen } = this;
    const { indexEntries } = this.limits;
    const blocks = early.table.size + (earlyRecords?.size ?? 0) + otherCodecs.size + (seen?.size ?? 0);
    if (expected.table.size + blocks < indexEntries) {
      return true;
    }
    if (!this.overfull) {
      const message = `More than ${indexEntries} blocks would have to be remembered. ${howToRaise("indexEntries")}`;
      this.findings.add("limit/index-entries", { message });
      this.overfull = true;
    }
    return false;
  }

  /** More bytes were written: some more of what came too early can be read. */
  readOn(): void {
    this.allowance = sliceBytes;
    this.readWantedNodes();
  }

  private *readAllWantedNodes(): Slices<void> {
    while (this.wanted.count > 0 && this.earlyRecords === undefined) {
      this.readOn();
      yield;
    }
  }

  /** Reads nodes that came too early, and what they lead to, as many as are good for one slice. */
  private readWantedNodes(): void {
    const { wanted, readBack } = this;
    while (wanted.count > 0 && this.earlyRecords === undefined && this.allowance > 0) {
      const { offset, length, place } = wanted.pop();
      this.allowance -= length + nodeBytes;
      const { bytes, view, at } = readBack.block(offset - 36, length + 36, this.nodeMemory);
      this.readNode(bytes, view, at + 36, at + 36 + length, place);
    }
  }

  /** Reads the tree, if it waited for all blocks to have come. */
  private *readWaitingTree(): Slices<void> {
    const { early, expected, earlyRecords } = this;
    if (earlyRecords === undefined) {
      return;
    }
    yield* this.readLevels(earlyRecords);
    yield* earlyRecords.drain((digest, offset, length, flags) => early.add(digest, 0, offset, length, flags));
    this.duplicates += earlyRecords.duplicates;
    this.earlyRecords = undefined;
    // Nodes that do not look like nodes were kept among the records.
    for (const { id, digest, place } of Array.from(expected.nodes())) {
      const view = viewOf(digest);
      const found = early.table.find(view, 0);
      if (found >= 0) {
        const offset = early.offset(found);
        const length = early.length(found);
        this.wanted.push(offset, length, place.level, place.lower, place.upper);
        if (expected.isRecord(id)) {
          this.recordFound(offset, length, early.flags(found));
        }
        early.table.removeFound();
        expected.table.find(view, 0);
        expected.takeFound(id);
      }
    }
    yield* this.readAllWantedNodes();
  }

  private *readLevels(earlyRecords: EarlyRecords): Slices<void> {
    const reader = new LevelReader(this.readBack);
    while (this.wanted.count > 0) {
      const level = this.wanted;
      this.wanted = new WantedNodes();
      const reading = reader.read(level, (bytes, view, start, end, place) =>
        this.readNode(bytes, view, start, end, place),
      );
      while (reading.next().done !== true) {
        if (earlyRecords.isDue) {
          yield* earlyRecords.compare();
        }
        yield;
      }
    }
  }

  /** Checks a node at its place, and awaits what it leads to. Its CID stands before it. */
  private readNode(bytes: Buffer, view: DataView, start: number, end: number, place: Place): void {
    const { reader } = this;
    const { level, lower, upper } = place;
    if (reader.read(bytes, view, start, end, level, lower, upper, false)) {
      this.follow(reader, place);
      return;
    }
    const cid = cidFromBytes(bytes.subarray(start - 36, start));
    const isRoot = cid === this.topNode;
    const data = bytes.subarray(start, end);
    const node = examineNode(data, cid, place, isRoot, this.collections, this.limits, this.findings);
    if (node !== undefined) {
      for (const { key, cid: record } of node.looseRecords) {
        this.otherCodecs.addLink(record, key);
      }
      this.follow(node, place);
    }
  }

  private follow(node: NodeEntries, place: Place): void {
    const { view, count, level, valueAt, childAt, keys, collections } = node;
    const { lower, upper } = place;
    this.records += count;
    const below = level >= 0 ? level - 1 : place.level - 1;
    const { earlyRecords } = this;
    if (node.leftAt !== 0) {
      this.awaitNode(view, node.leftAt, below, lower, count > 0 ? keys[0] : upper);
    }
    for (let i = 0; i < count; i++) {
      const collection = collections[i];
      if (collection !== undefined) {
        collection.count++;
      }
      const value = valueAt[i]!;
      if (value !== 0) {
        if (earlyRecords === undefined) {
          this.awaitRecord(view, value);
        } else {
          earlyRecords.want(view, value);
        }
      }
      const child = childAt[i]!;
      if (child !== 0) {
        this.awaitNode(view, child, below, keys[i], i + 1 < count ? keys[i + 1] : upper);
      }
    }
  }

  private awaitNode(
    view: DataView,
    at: number,
    level: number,
    lower: string | undefined,
    upper: string | undefined,
  ): void {
    const { early, expected } = this;
    const hashed = hashDigest(view, at);
    if (!early.table.isAbsent(hashed)) {
      const id = early.table.find(view, at, hashed);
      if (id >= 0) {
        if (this.readBack.has(early.offset(id) - 36)) {
          this.wanted.push(early.offset(id), early.length(id), level, lower, upper);
        } else {
          this.findings.add("mst/node-type", { cid: cidFromDigest("dag-cbor", digestAt(view, at)) });
        }
        early.table.removeFound();
        return;
      }
    }
    const id = expected.table.find(view, at, hashed);
    if (id < 0 && !this.checkIndex()) {
      return;
    }
    const isNew = id < 0;
    if (!expected.expectNode(isNew ? expected.table.insert(view, at) : id, isNew, { level, lower, upper })) {
      this.findings.add("mst/shared-node", { cid: cidFromDigest("dag-cbor", digestAt(view, at)) });
    }
  }

  private awaitRecord(view: DataView, at: number): void {
    const { early, expected } = this;
    const hashed = hashDigest(view, at);
    if (!early.table.isAbsent(hashed)) {
      const id = early.table.find(view, at, hashed);
      if (id >= 0) {
        const flags = early.flags(id);
        // Flags of 0: a good record without blobs, as most are. Nothing is left to do.
        const offset = flags === 0 ? 0 : early.offset(id);
        const length = flags === 0 ? 0 : early.length(id);
        early.table.removeFound();
        if (flags !== 0) {
          this.recordCheck.takeEarly(this.readBack, offset, length, flags);
        }
        return;
      }
    }
    const id = expected.table.find(view, at, hashed);
    if (id >= 0) {
      expected.expectRecord(id, false);
    } else if (this.checkIndex()) {
      expected.expectRecord(expected.table.insert(view, at), true);
    }
  }
}

function viewOf(digest: Uint8Array): DataView {
  return new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
}

function digestAt(view: DataView, at: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, 32);
}
