/** The records of a repository, in the order of their keys, wherever their blocks stand in the file. */
import { blobRefField, mayHaveBlobRefs, recordBlobRefs, type RecordBlobRefs } from "../data/blob-refs.ts";
import { isCborCid, type Cid } from "../data/cid.ts";
import { atOnce, inTurns, itemsAtOnce, itemsInTurns, SliceCounter, type Slices, type Steps } from "../data/slices.ts";
import { BlockIndex } from "./block-index.ts";
import type { RepoSource } from "./source.ts";
import { Walk } from "./walk.ts";

/** A record, and where it stands. */
export interface RepoRecord {
  /** `collection/rkey` */
  path: string;
  collection: string;
  rkey: string;
  cid: Cid;
  /** The record exactly as it was signed. */
  bytes: Uint8Array;
}

/** What ends the reading early. */
export interface ReadOptions {
  signal?: AbortSignal;
}

/**
 * Goes through all records in ascending order of their keys. Each block is proved against its CID when it is read; the
 * signature and the shape of the tree are not judged (see `verifyRepo`). An index of the file is kept in memory, about
 * 60 bytes a block.
 *
 * @throws DecampError `damaged` when a block is missing or is not what its CID says; the signal's reason
 */
export function* readRecords(source: RepoSource, { signal }: ReadOptions = {}): Iterable<RepoRecord> {
  for (const record of itemsAtOnce(allRecords(source))) {
    signal?.throwIfAborted();
    yield record;
  }
}

/** The same, slice by slice: others have their turn meanwhile, and an abort is heard. */
export function recordsInTurns(source: RepoSource, { signal }: ReadOptions = {}): AsyncGenerator<RepoRecord> {
  return itemsInTurns(allRecords(source), signal);
}

function* allRecords(source: RepoSource): Steps<RepoRecord> {
  yield* recordsWith(yield* BlockIndex.slices(source), undefined);
}

/** @param wanted which records are read and handed over; all, if it is not given */
function* recordsWith(
  index: BlockIndex,
  wanted: ((view: DataView, at: number) => boolean) | undefined,
): Steps<RepoRecord> {
  const walk = new Walk(index, index.topNode());
  const counter = new SliceCounter();
  while (walk.state !== "end") {
    if (counter.isOver()) {
      yield undefined;
    }
    if (walk.state === "subtree") {
      walk.enter();
      continue;
    }
    if (wanted !== undefined && !walk.ask(wanted)) {
      walk.next();
      continue;
    }
    const path = walk.key;
    const slash = path.indexOf("/");
    if (walk.isOther) {
      yield* index.prepareOthers();
    }
    const bytes = walk.read();
    if (counter.isOver(bytes.length)) {
      yield undefined;
    }
    yield { path, collection: path.slice(0, slash), rkey: path.slice(slash + 1), cid: walk.cid, bytes };
    walk.next();
  }
}

/** A blob, and which records need it. */
export interface ReferencedBlob {
  mimeType: string;
  /** Bytes, as the first record that names it says; −1 if it does not say. */
  size: number;
  /** Paths, ascending. */
  records: string[];
}

/** How blobs are looked for. */
export interface BlobRefOptions extends ReadOptions {
  /** Told each record that cannot be read to its end, so that it is not known whether it needs blobs. */
  onUnknown?: (record: RepoRecord) => void;
}

/**
 * All blobs that records refer to, by CID, those of records that break the data model among them (see
 * `recordBlobRefs`). Only blocks on the way to records that can have refs are read and proved.
 *
 * @throws as `readRecords`
 */
export function readBlobRefs(source: RepoSource, { signal, onUnknown }: BlobRefOptions = {}): Map<Cid, ReferencedBlob> {
  signal?.throwIfAborted();
  return atOnce(blobRefSlices(source, onUnknown));
}

/** The same, slice by slice: others have their turn meanwhile, and an abort is heard. */
export async function blobRefsInTurns(
  source: RepoSource,
  { signal, onUnknown }: BlobRefOptions = {},
): Promise<Map<Cid, ReferencedBlob>> {
  return inTurns(blobRefSlices(source, onUnknown), signal);
}

function* blobRefSlices(source: RepoSource, onUnknown: BlobRefOptions["onUnknown"]): Slices<Map<Cid, ReferencedBlob>> {
  const blobs = new Map<Cid, ReferencedBlob>();
  // Where the field is not, reading and decoding can be spared; what is missing may have it.
  const index = yield* BlockIndex.slices(source, blobRefField);
  for (const record of recordsWith(index, (view, at) => index.mentions(view, at))) {
    if (record === undefined) {
      yield;
      continue;
    }
    const { path } = record;
    const { refs, isAll } = refsOf(record);
    for (const { cid, mimeType, size } of refs) {
      const known = blobs.get(cid);
      if (known === undefined) {
        blobs.set(cid, { mimeType, size, records: [path] });
      } else if (known.records.at(-1) !== path) {
        known.records.push(path);
      }
    }
    if (!isAll) {
      onUnknown?.(record);
    }
  }
  return blobs;
}

/** What is behind a link that is not dag-cbor is not CBOR, or not known to be. */
function refsOf({ cid, bytes }: RepoRecord): RecordBlobRefs {
  return isCborCid(cid) ? recordBlobRefs(bytes) : { refs: [], isAll: !mayHaveBlobRefs(bytes) };
}
