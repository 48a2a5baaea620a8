/** Blob references inside of records, typed and legacy. (Spec: Data Model, "Blob Type".) */
import type { CborValue } from "./cbor.ts";
import {
  CborBadText,
  CborEntries,
  CborFloat,
  CborTag,
  isLooseMap,
  readLoose,
  type LooseMap,
  type LooseValue,
} from "./cbor-loose.ts";
import { CidLink, isCid, parseCid, type Cid } from "./cid.ts";

export interface BlobRef {
  cid: Cid;
  mimeType: string;
  /** Bytes, as the record says; not to be trusted. −1 for a legacy ref, which does not say it. */
  size: number;
  legacy: boolean;
}

/**
 * All blob refs in a value, in the order in which they stand there, repeated ones too.
 *
 * A typed ref is a map of exactly `$type: "blob"`, `ref`, `mimeType` and `size`; a legacy ref is a map of exactly `cid`
 * and `mimeType`. Like the reference server, which decides by the same rule which blobs it expects, this also counts a
 * typed ref whose CID is not of codec raw, and one with a negative size, or with a size that is a floating-point
 * number.
 */
export function findBlobRefs(value: CborValue | LooseValue): BlobRef[] {
  const found: BlobRef[] = [];
  for (const map of mapsIn(value)) {
    const ref = typedRef(map) ?? legacyRef(map);
    if (ref !== undefined) {
      found.push(ref);
    }
  }
  return found;
}

/** What could be found out about the blob refs of a record. */
export interface RecordBlobRefs {
  readonly refs: readonly BlobRef[];
  /** False if a part of it cannot be read, and there may be refs in that. */
  readonly isAll: boolean;
}

/** Both kinds of refs have this field. */
export const blobRefField = "mimeType";

/**
 * The blob refs of a record, whether it keeps to the data model or not. Whoever asks which blobs a record needs asks
 * here, or where these are counted (see `RecordCheck`).
 *
 * @param bytes the record as it was signed
 */
export function recordBlobRefs(bytes: Uint8Array): RecordBlobRefs {
  if (!mayHaveBlobRefs(bytes)) {
    return { refs: [], isAll: true };
  }
  const { value, isWhole, end } = readLoose(bytes);
  // A ref that is cut in two has its halves on both sides of the cut.
  const isAll = isWhole && !mayHaveBlobRefs(bytes.subarray(end));
  return { refs: value === undefined ? [] : findBlobRefs(value), isAll };
}

/** Whether the name of the field stands in these bytes in one piece: where it does not, there are no blob refs. */
export function mayHaveBlobRefs(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(blobRefField);
}

/** Whether there is a map that calls itself a blob, and is none as it has to be. */
export function hasBadBlobRef(value: CborValue | LooseValue): boolean {
  for (const map of mapsIn(value)) {
    if (map["$type"] === "blob") {
      const ref = typedRef(map);
      if (ref === undefined || typeof map["size"] === "object" || ref.size < 0 || parseCid(ref.cid).codec !== "raw") {
        return true;
      }
    }
  }
  return false;
}

/** All maps in a value, in their order. What is inside of a blob ref is not looked at. */
function* mapsIn(value: CborValue | LooseValue): Generator<LooseMap> {
  const open: LooseValue[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const inner = innerValues(next);
    const map = isLooseMap(next) ? next : next instanceof CborEntries ? lastOfEach(next) : undefined;
    if (map !== undefined) {
      yield map;
    }
    if (map === undefined || (typedRef(map) ?? legacyRef(map)) === undefined) {
      for (let i = inner.length - 1; i >= 0; i--) {
        open.push(inner[i]!);
      }
    }
  }
}

function innerValues(value: LooseValue): LooseValue[] {
  if (Array.isArray(value)) {
    return value;
  }
  if (value instanceof CborEntries) {
    return value.entries.flat();
  }
  if (value instanceof CborTag) {
    return [value.value];
  }
  return isLooseMap(value) ? Object.values(value) : [];
}

/** A map in which a key stands twice as those read it who take the last one. */
function lastOfEach({ entries }: CborEntries): LooseMap {
  return Object.fromEntries(
    entries.map(([key, value], i) => [typeof key === "string" ? key : `\0${i}`, value] as const),
  );
}

function typedRef(map: LooseMap): BlobRef | undefined {
  const { $type, ref, mimeType, size } = map as Record<string, LooseValue | undefined>;
  return $type === "blob" &&
    ref instanceof CidLink &&
    (typeof mimeType === "string" || mimeType instanceof CborBadText) &&
    (typeof size === "number" || typeof size === "bigint" || size instanceof CborFloat) &&
    Object.keys(map).length === 4
    ? { cid: ref.cid, mimeType: textOf(mimeType), size: sizeOf(size), legacy: false }
    : undefined;
}

function legacyRef(map: LooseMap): BlobRef | undefined {
  const { cid, mimeType } = map as Record<string, LooseValue | undefined>;
  return typeof cid === "string" &&
    (typeof mimeType === "string" || mimeType instanceof CborBadText) &&
    Object.keys(map).length === 2 &&
    isCid(cid)
    ? { cid, mimeType: textOf(mimeType), size: -1, legacy: true }
    : undefined;
}

function textOf(text: string | CborBadText): string {
  return typeof text === "string" ? text : Buffer.from(text.bytes).toString("utf8");
}

function sizeOf(size: number | bigint | CborFloat): number {
  const number = size instanceof CborFloat ? size.number : Number(size);
  return Number.isFinite(number) ? number : -1;
}
