/**
 * The strict reading of DAG-CBOR (DRISL) without building a value: is this exactly the one encoding of something that
 * atproto's data model allows? Every record of a repository goes through here, so nothing is allocated, and nothing
 * recurses. On the way it notes where blob refs stand: their encoding is unique, too. (Spec: Data Model.)
 */

import { readAnyCodecCid } from "./cid.ts";
import { isUtf8 } from "./utf8.ts";

/** What is wrong with an encoding; the order is that of the numbers that `scan` returns. */
export const cborFaults = [
  "none",
  "truncated",
  "trailing",
  "not-minimal",
  "indefinite",
  "reserved",
  "key-type",
  "key-order",
  "duplicate-key",
  "utf8",
  "tag",
  "link",
  "simple",
  "float",
  "integer-range",
  "depth",
] as const;

export type CborFault = (typeof cborFaults)[number];

const TRUNCATED = 1;
const TRAILING = 2;
const NOT_MINIMAL = 3;
const INDEFINITE = 4;
const RESERVED = 5;
const KEY_TYPE = 6;
const KEY_ORDER = 7;
const DUPLICATE_KEY = 8;
const UTF8 = 9;
const TAG = 10;
const LINK = 11;
const SIMPLE = 12;
const FLOAT = 13;
const INTEGER_RANGE = 14;
const DEPTH = 15;

export function isCborFault(value: unknown): value is CborFault {
  return cborFaults.some((fault) => fault === value);
}

/** One sentence for each fault. */
export const cborFaultText: Record<CborFault, string> = {
  none: "There is nothing wrong.",
  truncated: "The CBOR ends in the middle of a value.",
  trailing: "There are bytes behind the CBOR value.",
  "not-minimal": "A number or length is not written in its shortest form.",
  indefinite: "A length is indefinite.",
  reserved: "A CBOR head has a reserved form.",
  "key-type": "A map key is not a text.",
  "key-order": "The keys of a map are not in canonical order.",
  "duplicate-key": "A map has the same key twice.",
  utf8: "A text is not valid UTF-8.",
  tag: "There is a CBOR tag other than 42.",
  link: "A link is not a CID of the kind that AT Protocol uses.",
  simple: "There is a simple value other than false, true and null.",
  float: "There is a floating-point number.",
  "integer-range": "An integer does not fit into 64 bits.",
  depth: "Maps and lists are nested too deeply.",
};

/** Nesting that a stack is kept for. Scans may ask for less. */
const deepest = 1024;

/** Kinds of noted blob refs: where the CID stands as 36 bytes, and where it stands as text. */
const TYPED_REF = 0;
export const LEGACY_REF = 1;

/**
 * A scanner with its own stack; one is enough for any number of scans. After `scan`, `refCount` blob refs were noted:
 * of the i-th, `refKind[i]` says which kind it is and `refAt[i]` where its CID starts (`refLength[i]` bytes).
 */
export class CborScanner {
  refCount = 0;
  refKind: Uint8Array = new Uint8Array(16);
  refAt: Int32Array = new Int32Array(16);
  refLength: Int32Array = new Int32Array(16);
  /** Where the last scan stopped. */
  position = 0;
  /** Whether the value is a map whose `$type` is a text that is not empty. */
  hasType = false;
  /** Other than 0 where a map calls itself a blob and may be none as it has to be: that is worth a closer look. */
  oddBlobRefs = 0;
  private readonly left: Int32Array = new Int32Array(deepest + 1);
  private readonly keyAt: Int32Array = new Int32Array(deepest + 1);
  private readonly keyLength: Int32Array = new Int32Array(deepest + 1);

  /**
   * Scans one value that has to fill `bytes` from `start` to `end` exactly.
   *
   * @param view a DataView over the same memory as `bytes`, from the same place
   * @param maxDepth how deep maps and lists may nest; a map of plain values has depth 1
   * @param anyCodec whether links may have another codec than those of atproto
   * @returns 0, or the index of the fault in `cborFaults`
   */
  scan(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    maxDepth: number,
    anyCodec: boolean = false,
  ): number {
    const { left, keyAt, keyLength } = this;
    this.refCount = 0;
    this.hasType = false;
    this.oddBlobRefs = 0;
    let at = start;
    let depth = 0;
    // Of the map or list that is being read: values still to come, where the last key started (0 if there is none yet,
    // -1 in a list), and its length. Those around it wait in the arrays.
    let more = 1;
    let previousKey = -1;
    let previousLength = 0;
    for (;;) {
      while (more === 0) {
        if (depth === 0) {
          this.position = at;
          return at === end ? 0 : TRAILING;
        }
        depth--;
        more = left[depth]!;
        previousKey = keyAt[depth]!;
        previousLength = keyLength[depth]!;
      }
      more--;

      if (previousKey !== -1) {
        if (at >= end) {
          return this.stop(at, TRUNCATED);
        }
        const head = bytes[at]!;
        if (head >> 5 !== 3) {
          return this.stop(at, KEY_TYPE);
        }
        let length = head & 31;
        at++;
        if (length === 24 && at < end && bytes[at]! >= 24) {
          length = bytes[at++]!;
        } else if (length >= 24) {
          at = this.readLength(bytes, at, end, length);
          if (at < 0) {
            return -at;
          }
          length = this.value;
        }
        if (length > end - at) {
          return this.stop(at, TRUNCATED);
        }
        if (previousKey !== 0) {
          if (length < previousLength) {
            return this.stop(at, KEY_ORDER);
          }
          if (length === previousLength) {
            let i = 0;
            while (i < length && bytes[previousKey + i] === bytes[at + i]) {
              i++;
            }
            if (i === length) {
              return this.stop(at, DUPLICATE_KEY);
            }
            if (bytes[previousKey + i]! > bytes[at + i]!) {
              return this.stop(at, KEY_ORDER);
            }
          }
        }
        if (length === 5 && bytes[at] === 0x24) {
          this.noteType(bytes, view, at, end, depth);
        }
        previousKey = at;
        previousLength = length;
        const keyEnd = at + length;
        while (at + 4 <= keyEnd && (view.getInt32(at, true) & 0x80808080) === 0) {
          at += 4;
        }
        let high = 0;
        for (let i = at; i < keyEnd; i++) {
          high |= bytes[i]!;
        }
        if (high >= 0x80 && !isUtf8(bytes, view, at, keyEnd)) {
          return this.stop(at, UTF8);
        }
        at = keyEnd;
      }

      if (at >= end) {
        return this.stop(at, TRUNCATED);
      }
      const head = bytes[at++]!;
      const major = head >> 5;
      let value = head & 31;
      if (major === 7) {
        if (value >= 20 && value <= 22) {
          continue;
        }
        return this.stop(at, value >= 25 && value <= 27 ? FLOAT : value === 31 ? INDEFINITE : SIMPLE);
      }
      if (value === 24 && at < end && bytes[at]! >= 24) {
        value = bytes[at++]!;
      } else if (value >= 24) {
        if (major <= 1 && value === 27) {
          const fault = this.scanLongInteger(view, at, end);
          if (fault !== 0) {
            return this.stop(at, fault);
          }
          at += 8;
          continue;
        }
        at = this.readLength(bytes, at, end, value);
        if (at < 0) {
          return -at;
        }
        value = this.value;
      }
      switch (major) {
        case 3: {
          if (value > end - at) {
            return this.stop(at, TRUNCATED);
          }
          const textEnd = at + value;
          // Nearly all text is ASCII: 16 bytes at a time, then 4.
          while (
            at + 16 <= textEnd &&
            ((view.getInt32(at, true) |
              view.getInt32(at + 4, true) |
              view.getInt32(at + 8, true) |
              view.getInt32(at + 12, true)) &
              0x80808080) ===
              0
          ) {
            at += 16;
          }
          while (at + 4 <= textEnd && (view.getInt32(at, true) & 0x80808080) === 0) {
            at += 4;
          }
          if (at < textEnd && !isUtf8(bytes, view, at, textEnd)) {
            return this.stop(at, UTF8);
          }
          at = textEnd;
          break;
        }
        case 2: {
          if (value > end - at) {
            return this.stop(at, TRUNCATED);
          }
          at += value;
          break;
        }
        case 4:
        case 5: {
          // Every value takes a byte at least: a count beyond that is a lie, however large it is.
          if (value > end - at) {
            return this.stop(at, TRUNCATED);
          }
          if (depth >= maxDepth || depth >= deepest) {
            return this.stop(at, DEPTH);
          }
          left[depth] = more;
          keyAt[depth] = previousKey;
          keyLength[depth] = previousLength;
          depth++;
          more = value;
          previousKey = major === 5 ? 0 : -1;
          if (value === 2 && major === 5) {
            this.noteLegacyRef(bytes, at, end);
          }
          break;
        }
        case 6: {
          if (value !== 42) {
            return this.stop(at, TAG);
          }
          // 58 25 | 00 | 01 (71|55) 12 20 | digest
          if (
            end - at < 39 ||
            view.getUint16(at) !== 0x5825 ||
            bytes[at + 2] !== 0 ||
            (view.getInt32(at + 3) !== 0x01711220 && view.getInt32(at + 3) !== 0x01551220)
          ) {
            const length = anyCodec ? otherLinkLength(bytes, at, end) : 0;
            if (length === 0) {
              return this.stop(at, LINK);
            }
            at += length;
            break;
          }
          at += 39;
          if (bytes[at - 46] === 0xa4) {
            this.noteTypedRef(bytes, view, start, at, end);
          }
          break;
        }
        default:
          break;
      }
    }
  }

  private value = 0;

  private stop(at: number, fault: number): number {
    this.position = at;
    return fault;
  }

  /** Reads the argument of a head into `this.value`; returns where it ends, or minus the fault. */
  private readLength(bytes: Uint8Array, at: number, end: number, info: number): number {
    if (info > 27) {
      return -this.stop(at, info === 31 ? INDEFINITE : RESERVED);
    }
    const size = 1 << (info - 24);
    if (end - at < size) {
      return -this.stop(at, TRUNCATED);
    }
    let value = 0;
    for (let i = 0; i < size; i++) {
      value = value * 256 + bytes[at + i]!;
    }
    if (value < (size === 1 ? 24 : 2 ** (4 * size))) {
      return -this.stop(at, NOT_MINIMAL);
    }
    this.value = value;
    return at + size;
  }

  private scanLongInteger(view: DataView, at: number, end: number): number {
    if (end - at < 8) {
      return TRUNCATED;
    }
    const high = view.getUint32(at);
    return high === 0 ? NOT_MINIMAL : high >= 0x80000000 ? INTEGER_RANGE : 0;
  }

  private note(kind: number, at: number, length: number): void {
    const index = this.refCount++;
    if (index === this.refAt.length) {
      this.refKind = grow(this.refKind, new Uint8Array(index * 2));
      this.refAt = grow(this.refAt, new Int32Array(index * 2));
      this.refLength = grow(this.refLength, new Int32Array(index * 2));
    }
    this.refKind[index] = kind;
    this.refAt[index] = at;
    this.refLength[index] = length;
  }

  /** A key of five bytes that starts with `$`, of a map at this depth. */
  private noteType(bytes: Uint8Array, view: DataView, at: number, end: number, depth: number): void {
    if (end - at < 6 || view.getInt32(at) !== 0x24747970 || bytes[at + 4] !== 0x65) {
      return;
    }
    const head = bytes[at + 5]!;
    if (depth === 1) {
      this.hasType = head > 0x60 && head <= 0x7b;
    }
    if (head === 0x64 && end - at >= 10 && view.getInt32(at + 6) === 0x626c6f62) {
      // Taken back for each ref that was noted: its link stands before its type.
      this.oddBlobRefs++;
    }
  }

  /** `{ref: link, size: int, $type: "blob", mimeType: text}`, seen from the end of the link. */
  private noteTypedRef(bytes: Uint8Array, view: DataView, start: number, linkEnd: number, end: number): void {
    if (linkEnd - 46 < start || view.getInt32(linkEnd - 45) !== 0x63726566 || end - linkEnd < 6) {
      return;
    }
    let at = linkEnd;
    if (bytes[at] !== 0x64 || view.getInt32(at + 1) !== 0x73697a65) {
      return;
    }
    const head = bytes[at + 5]!;
    const info = head & 31;
    if (head >> 5 > 1 || info > 27) {
      return;
    }
    at += 6 + (info < 24 ? 0 : 1 << (info - 24));
    if (end - at <= typeThenMime.length) {
      return;
    }
    if (matches(bytes, at, typeThenMime) && bytes[at + typeThenMime.length]! >> 5 === 3) {
      this.note(TYPED_REF, linkEnd - 36, 36);
      if (head >> 5 === 0 && bytes[linkEnd - 35] === 0x55) {
        this.oddBlobRefs--;
      }
    }
  }

  /** `{cid: text, mimeType: text}`, seen from behind its head. */
  private noteLegacyRef(bytes: Uint8Array, start: number, end: number): void {
    if (end - start < 16 || !matches(bytes, start, cidKey)) {
      return;
    }
    let at = start + cidKey.length;
    const head = bytes[at++]!;
    let length = head & 31;
    if (head >> 5 !== 3 || length > 24) {
      return;
    }
    if (length === 24) {
      length = bytes[at++]!;
    }
    const next = at + length;
    if (next + mimeKey.length < end && matches(bytes, next, mimeKey) && bytes[next + mimeKey.length]! >> 5 === 3) {
      this.note(LEGACY_REF, at, length);
    }
  }
}

const typeThenMime = Buffer.from("\x65$type\x64blob\x68mimeType", "latin1");
const cidKey = Buffer.from("\x63cid", "latin1");
const mimeKey = Buffer.from("\x68mimeType", "latin1");

function matches(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) {
    if (bytes[at + i] !== wanted[i]) {
      return false;
    }
  }
  return true;
}

/** Length of a link of another codec that stands behind its tag; 0 if there is none. */
function otherLinkLength(bytes: Uint8Array, at: number, end: number): number {
  const length = bytes[at + 1] ?? 0;
  const isFramed = bytes[at] === 0x58 && bytes[at + 2] === 0 && at + 2 + length <= end;
  return isFramed && readAnyCodecCid(bytes, at + 3)?.length === length - 1 ? length + 2 : 0;
}

function grow<T extends Uint8Array | Int32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
