/** Where each block of a CAR file is, for reading them in another order than that of the file. */
import { hash } from "node:crypto";
import { latin1 } from "../data/latin1.ts";
import { anyCodecCidToBytes, cidFromDigest, cidToBytes, readAnyCodecCid, type Cid } from "../data/cid.ts";
import { DecampError } from "../errors.ts";
import { atOnce, SliceCounter, type Slices } from "../data/slices.ts";
import { cborCidHead, framedBlocks, parseCarHeader, readVarint } from "./car.ts";
import { foreignFormat } from "./foreign-format.ts";
import { defaultLimits } from "./limits.ts";
import { decodeCbor, isCborMap } from "../data/cbor.ts";
import { CidLink } from "../data/cid.ts";
import { StrayBlocks } from "./tables.ts";
import { rules } from "./rules.ts";
import type { RepoSource } from "./source.ts";

export class BlockIndex {
  /** CID of the commit, from the header. */
  readonly root: Cid;
  private readonly source: RepoSource;
  private readonly blocks = new StrayBlocks();
  /** Blocks of other codecs, once one is asked for. */
  private others: Map<Cid, { readonly offset: number; readonly length: number }> | undefined;

  private constructor(source: RepoSource) {
    this.source = source;
    this.root = readRoot(source);
  }

  /**
   * Reads the frame of the whole file.
   *
   * @param text blocks with these bytes in them are noted, for `mentions`
   * @throws DecampError `damaged` if it is no CAR file with a root
   */
  static of(source: RepoSource, text?: string): BlockIndex {
    return atOnce(BlockIndex.slices(source, text));
  }

  /** The same as work in slices. */
  static *slices(source: RepoSource, text?: string): Slices<BlockIndex> {
    const index = new BlockIndex(source);
    yield* index.fill(text);
    return index;
  }

  private *fill(text: string | undefined): Slices<void> {
    const counter = new SliceCounter();
    for (const { bytes, view, start, end, offset } of framedBlocks(this.source)) {
      if (counter.isOver(end - start)) {
        yield;
      }
      if (view.getInt32(start - 36) === cborCidHead && this.blocks.table.find(view, start - 32) < 0) {
        const isNoted = text !== undefined && Buffer.from(bytes.buffer, start, end - start).includes(text);
        this.blocks.insert(view, start - 32, offset, end - start, isNoted ? 1 : 0);
      }
    }
  }

  /** Whether the block, unproved, has the text in it that the index was made with. A block that is missing has. */
  mentions(view: DataView, at: number): boolean {
    const id = this.blocks.table.find(view, at);
    return id < 0 || this.blocks.flags(id) === 1;
  }

  /** All ids of `locate` are below this. */
  get idLimit(): number {
    return this.blocks.table.idLimit;
  }

  /** A small number that stands for the block, or −1 if it is not in the file. */
  locate(view: DataView, at: number): number {
    return this.blocks.table.find(view, at);
  }

  /**
   * Reads a block and proves it.
   *
   * @param at where its digest starts in `view`
   * @throws DecampError `damaged` if it is not there, or its content is not what its CID says
   */
  read(view: DataView, at: number): Buffer {
    const bytes = this.find(view, at);
    if (bytes === undefined) {
      throw notThere(cidFromDigest("dag-cbor", new Uint8Array(view.buffer, view.byteOffset + at, 32)));
    }
    return bytes;
  }

  /** Like `read`, for a block that is not of codec dag-cbor. */
  readOther(cid: Cid): Buffer {
    const bytes = this.findOther(cid);
    if (bytes === undefined) {
      throw notThere(cid);
    }
    return bytes;
  }

  /** Like `read`; undefined if the block is not there. */
  find(view: DataView, at: number): Buffer | undefined {
    const id = this.blocks.table.find(view, at);
    if (id < 0) {
      return undefined;
    }
    const wanted = Buffer.from(view.buffer, view.byteOffset + at, 32);
    return this.prove(this.blocks.offset(id), this.blocks.length(id), wanted, () => cidFromDigest("dag-cbor", wanted));
  }

  /**
   * Like `find`, for a block that is not of codec dag-cbor. The first call goes through the whole file.
   *
   * @throws DecampError `damaged` if its content is not what its CID says
   */
  findOther(cid: Cid): Buffer | undefined {
    this.others ??= atOnce(this.indexOthers());
    const found = this.others.get(cid);
    const wanted = Buffer.from(anyCodecCidToBytes(cid)).subarray(-32);
    return found === undefined ? undefined : this.prove(found.offset, found.length, wanted, () => cid);
  }

  /** Goes through the file for `findOther` in slices, unless that was done. */
  *prepareOthers(): Slices<void> {
    this.others ??= yield* this.indexOthers();
  }

  private *indexOthers(): Slices<Map<Cid, { readonly offset: number; readonly length: number }>> {
    const others = new Map<Cid, { readonly offset: number; readonly length: number }>();
    const counter = new SliceCounter();
    for (const { bytes, view, start, end, offset } of framedBlocks(this.source)) {
      if (counter.isOver(end - start)) {
        yield;
      }
      const section = bytes.subarray(start - 36, end);
      const found = view.getInt32(start - 36) === cborCidHead ? undefined : readAnyCodecCid(section, 0);
      if (found !== undefined && !others.has(found.cid)) {
        const more = found.length - 36;
        others.set(found.cid, { offset: offset + more, length: end - start - more });
      }
    }
    return others;
  }

  private prove(offset: number, length: number, digest: Buffer, cidOf: () => Cid): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    const read = this.source.read(offset, length, bytes);
    if (read.buffer !== bytes.buffer) {
      bytes.set(read);
    }
    if (read.length !== length || hash("sha256", bytes, "binary") !== latin1(digest, 0, 32)) {
      const cid = cidOf();
      throw new DecampError("damaged", `The content of the block ${cid} is not what its CID says.`, { data: { cid } });
    }
    return bytes;
  }

  /** The commit's block; it is not judged. @throws DecampError `damaged` */
  commitBlock(): Buffer {
    const digest = cidToBytes(this.root).slice(4);
    return this.read(new DataView(digest.buffer), 0);
  }

  /** The top node of the tree, by the commit; the commit is not judged. @throws DecampError `damaged` */
  topNode(): Cid {
    const commit = decodeCbor(this.commitBlock(), 8);
    const data = isCborMap(commit) ? commit["data"] : undefined;
    if (!(data instanceof CidLink)) {
      throw new DecampError("damaged", rules["commit/data"].sentence, { data: { rule: "commit/data" } });
    }
    return data.cid;
  }
}

function notThere(cid: Cid): DecampError {
  return new DecampError("damaged", `The block ${cid} is not in the file.`, { data: { cid } });
}

/** CID of the commit that a CAR file names. @throws DecampError `damaged` if it is no CAR file with a root */
export function readRoot(source: RepoSource): Cid {
  const head = Buffer.from(source.read(0, 4096));
  const size = readVarint(head, 0, head.length);
  const foreign = foreignFormat(head);
  if (foreign !== undefined) {
    throw new DecampError("damaged", foreign.message, { data: { rule: foreign.rule } });
  }
  let header: ReturnType<typeof parseCarHeader> = head.length === 0 ? "car/empty" : "car/header";
  if (header === "car/header" && typeof size === "object" && size.value <= defaultLimits.headerBytes) {
    header = parseCarHeader(Buffer.from(source.read(size.length, size.value)));
  }
  if (typeof header === "string") {
    throw new DecampError("damaged", rules[header].sentence, { data: { rule: header } });
  }
  return header.root;
}
