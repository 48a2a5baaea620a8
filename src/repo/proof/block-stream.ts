/**
 * The bytes of a CAR as they come, cut into blocks, and each block proved against its CID. A window of the file is all
 * that is in memory; a block is handed over where it lies in it.
 */
import { hash } from "node:crypto";
import { isDigest } from "../../data/latin1.ts";
import { BlockBatch } from "../hashing/block-batch.ts";
import { cborCidHead, parseCarHeader, rawCidHead, readVarint, type CarHeader } from "../car.ts";
import { foreignFormat, tellingBytes } from "../foreign-format.ts";
import { howToRaise, type RepoLimits } from "../limits.ts";
import type { Findings } from "../report.ts";
import type { RuleId } from "../rules.ts";
import { hashDigest } from "../tables.ts";
import type { Window } from "./window.ts";
import { cidFromBytes, readAnyCodecCid, type Cid } from "../../data/cid.ts";

/** Who gets the blocks. The bytes are only there during the call. */
export interface BlockReceiver {
  /** @param root the block that has to be the commit */
  header(root: Cid): void;
  /**
   * A block under a CID of codec dag-cbor; its content is proved.
   *
   * @param at where the digest of the CID starts in `bytes`; the data follows it
   * @param end where the data ends
   * @param offset where the data starts in the file
   * @param hashed `hashDigest` of the digest
   */
  block(bytes: Buffer, view: DataView, at: number, end: number, offset: number, hashed: number): void;
  /** A proved block under a CID of another codec. */
  rawBlock(cid: Cid, offset: number): void;
}

/** A small repository has a small window and no batch: a batch pays from some thousand blocks on. */
const fullWindow = 1 << 18;
const defaultSmallBytes = 1 << 20;

export class BlockStream {
  /** Sections that were read so far, good or bad. */
  blocks = 0;
  /** Up to where the file is well framed. */
  framedBytes = 0;
  private isLarge = false;
  /** Proves blocks together, if the window is its memory. */
  private batch: BlockBatch | undefined;
  /** Up to where the window is read. */
  private at = 0;
  private state: "header" | "blocks" | "stopped" = "header";
  private readonly window: Window;
  private readonly receiver: BlockReceiver;
  private readonly limits: RepoLimits;
  private readonly findings: Findings;
  private readonly smallBytes: number;

  /** @param smallBytes up to how many bytes a repository is a small one */
  constructor(
    window: Window,
    receiver: BlockReceiver,
    limits: RepoLimits,
    findings: Findings,
    smallBytes: number = defaultSmallBytes,
  ) {
    this.window = window;
    this.smallBytes = smallBytes;
    this.receiver = receiver;
    this.limits = limits;
    this.findings = findings;
  }

  /** Whether nothing further is read, because it cannot be told where the next block starts. */
  get stopped(): boolean {
    return this.state === "stopped";
  }

  /** Bytes that were written so far. */
  get bytes(): number {
    return this.window.total;
  }

  write(chunk: Uint8Array): void {
    let from = 0;
    while (from < chunk.length) {
      const room = this.room();
      const count = Math.min(room.length, chunk.length - from);
      room.set(count === chunk.length ? chunk : chunk.subarray(from, from + count));
      this.wrote(count);
      from += count;
    }
  }

  /** Memory that the next bytes may be written to; `wrote` tells how many there were. */
  room(): Uint8Array {
    const { window } = this;
    const read = this.state === "stopped" ? window.filled : this.at;
    if (read > 0) {
      window.drop(read);
      this.at = 0;
    }
    if (!this.isLarge && window.total >= this.smallBytes) {
      this.isLarge = true;
      if (window.bytes.length <= fullWindow) {
        this.batch = BlockBatch.make(fullWindow);
        window.moveTo(this.batch?.bytes ?? Buffer.allocUnsafeSlow(fullWindow));
      }
    }
    return window.room();
  }

  wrote(count: number): void {
    this.window.wrote(count);
    if (this.state === "header") {
      this.readHeader(false);
    }
    if (this.state === "blocks") {
      this.readBlocks();
    }
  }

  end(): void {
    if (this.bytes === 0) {
      this.stop("car/empty");
    } else if (this.state === "header") {
      this.readHeader(true);
    }
    if (this.state !== "stopped" && this.at < this.window.filled) {
      this.stop("car/truncated");
    }
  }

  private stop(rule: RuleId, message?: string): void {
    this.findings.add(rule, message === undefined ? {} : { message });
    this.state = "stopped";
  }

  private readHeader(ended: boolean): void {
    const { bytes, filled } = this.window;
    if (!ended && filled < tellingBytes) {
      return;
    }
    const foreign = foreignFormat(bytes.subarray(0, filled));
    if (foreign !== undefined) {
      this.stop(foreign.rule, foreign.message);
      return;
    }
    const size = readVarint(bytes, 0, filled);
    if (size === "more") {
      return;
    }
    if (size === "invalid" || size.value === 0) {
      this.stop("car/header");
      return;
    }
    const { headerBytes } = this.limits;
    if (size.value > headerBytes) {
      // A number this large is hardly the length of a header, unless a map of two (0xa2) follows.
      const isHeader = bytes[size.length] === 0xa2;
      const message = `The header has ${size.value} bytes; the limit is ${headerBytes}. ${howToRaise("headerBytes")}`;
      this.stop(isHeader ? "limit/header-bytes" : "car/header", isHeader ? message : undefined);
      return;
    }
    const end = size.length + size.value;
    if (end > filled) {
      if (filled > size.length && bytes[size.length] !== 0xa2) {
        this.stop("car/header");
      } else {
        this.makeRoom(end);
      }
      return;
    }
    const header = parseCarHeader(bytes.subarray(size.length, end));
    if (typeof header === "string") {
      this.stop(header);
      return;
    }
    if (header.others.length > 0) {
      this.findings.add("car/roots", { message: describeRoots(header) });
    }
    this.receiver.header(header.root);
    this.at = end;
    this.framedBytes = end;
    this.state = "blocks";
  }

  private readBlocks(): void {
    const { batch } = this;
    const { bytes: window, view, filled, base } = this.window;
    let at = this.at;
    while (at < filled) {
      let start: number;
      let length = window[at]!;
      if (length < 0x80) {
        start = at + 1;
      } else if (at + 1 < filled && window[at + 1]! < 0x80 && window[at + 1]! > 0) {
        length = (length & 0x7f) | (window[at + 1]! << 7);
        start = at + 2;
      } else {
        const size = readVarint(window, at, filled);
        if (size === "more") {
          break;
        }
        if (size === "invalid") {
          this.flush();
          this.stop("car/varint");
          break;
        }
        length = size.value;
        start = at + size.length;
      }
      if (length === 0) {
        this.flush();
        this.stop("car/empty-section");
        break;
      }
      const end = start + length;
      if (end > filled) {
        this.flush();
        if (length - 36 > this.limits.blockBytes) {
          this.stopAtLimit(length - 36);
        } else {
          this.makeRoom(end - at);
        }
        break;
      }
      this.blocks++;
      at = end;
      if (length < 36 || view.getInt32(start) !== cborCidHead) {
        this.flush();
        this.otherBlock(start, end, base);
        continue;
      }
      if (length - 36 > this.limits.blockBytes) {
        this.flush();
        this.stopAtLimit(length - 36);
        break;
      }
      if (batch === undefined) {
        this.proveBlock(start, end);
      } else if (batch.add(start, end)) {
        this.flush();
      }
    }
    this.flush();
    this.at = at;
    this.framedBytes = base + at;
  }

  /** Proves the blocks that wait for it, and hands them over. */
  private flush(): void {
    const { batch, receiver } = this;
    const { bytes: window, view, base } = this.window;
    if (batch === undefined || batch.count === 0) {
      return;
    }
    batch.run();
    const { count, starts, ends } = batch;
    for (let i = 0; i < count; i++) {
      const start = starts[i]!;
      if (batch.isProved(i)) {
        receiver.block(window, view, start + 4, ends[i]!, base + start + 36, batch.hashed(i));
      } else {
        this.proveBlock(start, ends[i]!);
      }
    }
    batch.clear();
  }

  private proveBlock(start: number, end: number): void {
    const { receiver } = this;
    const { bytes: window, view, base } = this.window;
    const digest = hash(
      "sha256",
      new Uint8Array(window.buffer, window.byteOffset + start + 36, end - start - 36),
      "binary",
    );
    if (isDigest(view, start + 4, digest)) {
      receiver.block(window, view, start + 4, end, base + start + 36, hashDigest(view, start + 4));
    } else {
      this.findings.add("car/hash", { cid: cidFromBytes(window.subarray(start, start + 36)) });
    }
  }

  /** A section whose CID is not that of a record, node or commit. */
  private otherBlock(start: number, end: number, base: number): void {
    const { bytes: window, view } = this.window;
    const found = readAnyCodecCid(window.subarray(start, end), 0);
    const from = start + (found?.length ?? 0);
    if (found !== undefined && isDigest(view, from - 32, hash("sha256", window.subarray(from, end), "binary"))) {
      // Whether it has a place here shows when all links are known.
      this.receiver.rawBlock(found.cid, base + from);
    } else if (found !== undefined && view.getInt32(start) === rawCidHead) {
      this.findings.add("car/hash", { cid: found.cid });
    } else {
      this.findings.add("car/cid", { message: describeCid(window.subarray(start, Math.min(end, start + 36))) });
    }
  }

  private stopAtLimit(length: number): void {
    const { blockBytes } = this.limits;
    const message = `A block has ${length} bytes; the limit is ${blockBytes}. ${howToRaise("blockBytes")}`;
    this.stop("limit/block-bytes", message);
  }

  /** Sees to it that `size` bytes fit into the window. */
  private makeRoom(size: number): void {
    if (size > this.window.bytes.length) {
      // The window of a batch cannot grow: from here on, each block is proved alone.
      this.batch = undefined;
      this.window.moveTo(Buffer.allocUnsafeSlow(size <= fullWindow ? fullWindow : size + fullWindow));
    }
  }
}

/** So many roots are named. */
const namedRoots = 5;

function describeRoots({ root, others }: CarHeader): string {
  const more = others.length > namedRoots ? ` and ${others.length - namedRoots} more` : "";
  const named = `${others.slice(0, namedRoots).join(", ")}${more}`;
  return `The header names ${others.length + 1} roots. The first is taken for the commit, ${root}; beside it: ${named}.`;
}

function describeCid(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 4)).toString("hex");
  const kind = start.startsWith("1220")
    ? "an old CID of version 0"
    : /^01..00/.test(start)
      ? "an identity CID, which holds its data instead of a hash"
      : `something else, which starts with the bytes ${start}`;
  return `A section does not start with a CID of the kind that AT Protocol uses, but with ${kind}.`;
}
