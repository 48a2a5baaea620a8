/** The frame of a CAR file, version 1: header, then sections of length, CID, data. (Spec: Repository, "CAR File".) */
import { isDecampError } from "../errors.ts";
import { CidLink, isCborCid, type Cid } from "../data/cid.ts";
import { decodeCbor, isCborMap, type CborValue } from "../data/cbor.ts";
import type { RuleId } from "./rules.ts";
import type { RepoSource } from "./source.ts";

/** A varint that was read: its value, or why there is none. `more`: the bytes end too early to tell. */
export type Varint = { value: number; length: number } | "more" | "invalid";

/** Reads an unsigned LEB128 number in its shortest form, of at most 9 bytes and at most 2^53 − 1. */
export function readVarint(bytes: Uint8Array, start: number, end: number): Varint {
  let value = 0;
  let factor = 1;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) {
      return (byte === 0 && at > start) || value > Number.MAX_SAFE_INTEGER
        ? "invalid"
        : { value, length: at - start + 1 };
    }
    if (at - start === 8) {
      return "invalid";
    }
    factor *= 128;
  }
  return "more";
}

/** The header of a CAR file. */
export interface CarHeader {
  /** The root that counts: the first. */
  root: Cid;
  /** Roots beside it; their codecs may be any. */
  others: Cid[];
}

/** Reads the header of a CAR, without the length before it. @returns the header, or the rule that it breaks */
export function parseCarHeader(bytes: Uint8Array): CarHeader | RuleId {
  let value: CborValue;
  try {
    value = decodeCbor(bytes, 8, true);
  } catch (error) {
    if (isDecampError(error, "damaged") && error.data["fault"] === "link") {
      return hasOldCid(bytes) ? "car/ipfs" : "car/root-link";
    }
    return "car/header";
  }
  if (!isCborMap(value) || typeof value["version"] !== "number") {
    return "car/header";
  }
  if (value["version"] !== 1) {
    return value["version"] === 2 ? "car/version-2" : "car/version";
  }
  const { roots } = value;
  if (!Array.isArray(roots) || Object.keys(value).length !== 2) {
    return "car/header";
  }
  const [root, ...others] = roots.map((each) => (each instanceof CidLink ? each.cid : undefined));
  if (roots.length === 0) {
    return "car/no-root";
  }
  if (root === undefined || !isCborCid(root) || others.includes(undefined)) {
    return root?.startsWith(dagPb) === true ? "car/ipfs" : "car/root-link";
  }
  return { root, others: others.filter((cid) => cid !== undefined) };
}

/** How CIDs of codec dag-pb start, that of files and folders in IPFS. */
const dagPb = "bafybei";

/** Whether there is a link with a CID of version 0 in these bytes: those are of codec dag-pb, always. */
function hasOldCid(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(oldCidHead);
}

/** A link of 35 bytes: zero, SHA-256, 32 bytes. */
const oldCidHead = Buffer.from("d82a5823001220", "hex");

/** First four bytes of a CID of a record, node or commit, as one number: version 1, dag-cbor, SHA-256, 32 bytes. */
export const cborCidHead = 0x01711220;
/** The same for codec raw. */
export const rawCidHead = 0x01551220;

/** So much is read at once: most repositories are smaller than the first window (bytes). */
const firstWindow = 1 << 16;
const furtherWindow = 1 << 20;

/** A block of a CAR: the data is `bytes` from `start` to `end`, its CID are the 36 bytes before. */
export interface FramedBlock {
  bytes: Uint8Array;
  view: DataView;
  start: number;
  end: number;
  /** Where the data starts in the file. */
  offset: number;
}

/**
 * Goes through the sections of a CAR that was found well framed before, and hands over each block with a 36-byte CID.
 * It neither hashes nor judges; it ends where the frame ends. The object that is handed over is used again.
 *
 * @param end where to stop, in bytes from the start of the file
 */
export function* framedBlocks(source: RepoSource, end: number = Infinity): Iterable<FramedBlock> {
  let window = new Uint8Array(firstWindow);
  let view = new DataView(window.buffer);
  const block: FramedBlock = { bytes: window, view, start: 0, end: 0, offset: 0 };
  let base = 0;
  let at = 0;
  let filled = 0;
  let ended = false;
  let inHeader = true;
  for (;;) {
    const size = readVarint(window, at, filled);
    if (size === "invalid") {
      return;
    }
    const next = size === "more" ? Infinity : at + size.length + size.value;
    if (size === "more" || next > filled) {
      if (ended || base + filled >= end) {
        return;
      }
      const isLarge = filled === window.length;
      window.copyWithin(0, at, filled);
      filled -= at;
      base += at;
      at = 0;
      const wanted = Math.max(size === "more" ? 0 : size.value + 10, isLarge ? furtherWindow : 0);
      if (wanted > window.length) {
        const larger = new Uint8Array(wanted);
        larger.set(window.subarray(0, filled));
        window = larger;
        view = new DataView(window.buffer);
        block.bytes = window;
        block.view = view;
      }
      const room = window.subarray(filled, Math.min(window.length, filled + end - base));
      const read = source.read(base + filled, room.length, room);
      if (read.buffer !== room.buffer) {
        room.set(read);
      }
      filled += read.length;
      ended = read.length === 0;
      continue;
    }
    if (size.value === 0) {
      return;
    }
    if (!inHeader && size.value >= 36) {
      block.start = at + size.length + 36;
      block.end = next;
      block.offset = base + block.start;
      yield block;
    }
    inHeader = false;
    at = next;
  }
}
