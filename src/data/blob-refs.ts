/** Blob references inside of records, typed and legacy. (Spec: Data Model, "Blob Type".) */
import { CidLink, isCid, type Cid } from "./cid.ts";
import { isCborMap, type CborMap, type CborValue } from "./cbor.ts";

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
 * typed ref whose CID is not of codec raw, and one with a negative size.
 */
export function findBlobRefs(value: CborValue): BlobRef[] {
  const found: BlobRef[] = [];
  const open: CborValue[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const ref = isCborMap(next) ? (typedRef(next) ?? legacyRef(next)) : undefined;
    if (ref !== undefined) {
      found.push(ref);
    } else if (Array.isArray(next) || isCborMap(next)) {
      for (const inner of Object.values(next).toReversed()) {
        open.push(inner);
      }
    }
  }
  return found;
}

function typedRef(map: CborMap): BlobRef | undefined {
  const { $type, ref, mimeType, size } = map as Record<string, CborValue | undefined>;
  return $type === "blob" &&
    ref instanceof CidLink &&
    typeof mimeType === "string" &&
    (typeof size === "number" || typeof size === "bigint") &&
    Object.keys(map).length === 4
    ? { cid: ref.cid, mimeType, size: Number(size), legacy: false }
    : undefined;
}

function legacyRef(map: CborMap): BlobRef | undefined {
  const { cid, mimeType } = map as Record<string, CborValue | undefined>;
  return typeof cid === "string" && typeof mimeType === "string" && Object.keys(map).length === 2 && isCid(cid)
    ? { cid, mimeType, size: -1, legacy: true }
    : undefined;
}
