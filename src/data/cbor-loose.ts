/**
 * CBOR that breaks the data model, read for what can be read of it. Servers keep such records: the reference server
 * takes floats, undefined, keys in any order and text that is not UTF-8, and counts the blobs that they refer to.
 * Nothing here is ever encoded again: what counts is the bytes as they were signed. The strict reading is `cbor.ts`.
 */
import { CidLink, cidFromBytes, isCidBytes } from "./cid.ts";
import type { CborValue } from "./cbor.ts";

/** A floating-point number, of whatever width. */
export class CborFloat {
  readonly number: number;

  constructor(number: number) {
    this.number = number;
  }
}

/** A simple value other than false, true and null; 23 is undefined. */
export class CborSimple {
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}

/** A text that is not valid UTF-8. */
export class CborBadText {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A tag that is no link of AT Protocol. */
export class CborTag {
  readonly tag: number | bigint;
  readonly value: LooseValue;

  constructor(tag: number | bigint, value: LooseValue) {
    this.tag = tag;
    this.value = value;
  }
}

/** A map that is no object: a key stands in it twice, or is no text. */
export class CborEntries {
  readonly entries: readonly (readonly [LooseValue, LooseValue])[];

  constructor(entries: readonly (readonly [LooseValue, LooseValue])[]) {
    this.entries = entries;
  }
}

export type LooseValue =
  CborValue | CborFloat | CborSimple | CborBadText | CborTag | CborEntries | LooseValue[] | LooseMap;

export interface LooseMap {
  [key: string]: LooseValue;
}

/** Whether a value is a map with texts as keys, each once. */
export function isLooseMap(value: LooseValue | undefined): value is LooseMap {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof CidLink) &&
    !isMark(value)
  );
}

/** Whether a value has no place in the data model by itself. */
export function isMark(value: object): value is CborFloat | CborSimple | CborBadText | CborTag | CborEntries {
  return (
    value instanceof CborFloat ||
    value instanceof CborSimple ||
    value instanceof CborBadText ||
    value instanceof CborTag ||
    value instanceof CborEntries
  );
}

/** More values than a record of a megabyte can hold are not read: they take memory. */
const mostValues = 1 << 20;

export interface LooseReading {
  /** As far as it could be read; undefined if that is not even its first byte. */
  readonly value: LooseValue | undefined;
  /** Whether all of the value was read. If not, maps and lists end where the reading ended. */
  readonly isWhole: boolean;
  /** Where the reading ended. */
  readonly end: number;
  /** How deep maps, lists and tags nest. */
  readonly depth: number;
}

/**
 * Reads one value from the start of `bytes`, whatever its form. It never throws, does not recurse, and takes memory and
 * time that go with the length.
 */
export function readLoose(bytes: Uint8Array): LooseReading {
  return new LooseReader(bytes).read();
}

/** A map, list or tag that is being read. */
interface Open {
  readonly kind: "list" | "map" | "tag";
  /** Of a map, keys and values in turn. */
  readonly items: LooseValue[];
  /** Items still to come; infinite where the end is marked. */
  left: number;
  readonly tag: number | bigint;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const indefinite = Infinity;
const cut = Symbol("cut");
const opened = Symbol("opened");
const ended = Symbol("ended");

class LooseReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;
  private values = 0;
  private deepest = 0;
  private readonly open: Open[] = [];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(): LooseReading {
    for (;;) {
      const item = this.item();
      if (item === cut) {
        return this.broken();
      }
      if (item === opened) {
        continue;
      }
      let value: LooseValue;
      if (item === ended) {
        const last = this.open.at(-1);
        if (last?.left !== indefinite || (last.kind === "map" && last.items.length % 2 === 1)) {
          return this.broken();
        }
        value = close(this.open.pop()!);
      } else {
        value = item;
      }
      for (;;) {
        const around = this.open.at(-1);
        if (around === undefined) {
          return { value, isWhole: true, end: this.at, depth: this.deepest };
        }
        around.items.push(value);
        around.left--;
        if (around.left > 0) {
          break;
        }
        value = close(this.open.pop()!);
      }
    }
  }

  /** What there is when nothing more can be read: what is open ends here. */
  private broken(): LooseReading {
    let value: LooseValue | undefined;
    for (let last = this.open.pop(); last !== undefined; last = this.open.pop()) {
      if (value !== undefined) {
        last.items.push(value);
      }
      if (last.kind === "map" && last.items.length % 2 === 1) {
        // A key without its value.
        last.items.pop();
      }
      value = last.kind === "tag" && last.items.length === 0 ? undefined : close(last);
    }
    return { value, isWhole: false, end: this.at, depth: this.deepest };
  }

  private item(): LooseValue | typeof cut | typeof opened | typeof ended {
    const start = this.at;
    const head = this.bytes[start];
    if (head === undefined || ++this.values > mostValues) {
      return cut;
    }
    this.at++;
    const major = head >> 5;
    const info = head & 31;
    if (major === 7) {
      return this.simple(info);
    }
    const argument = info === 31 ? indefinite : this.argument(info);
    if (argument === undefined || (argument === indefinite && (major < 2 || major === 6))) {
      this.at = start;
      return cut;
    }
    switch (major) {
      case 0:
        return argument;
      case 1:
        return typeof argument === "number" && argument < Number.MAX_SAFE_INTEGER
          ? -1 - argument
          : -1n - BigInt(argument);
      case 2:
      case 3: {
        const content = argument === indefinite ? this.pieces(major) : this.take(argument);
        if (content === undefined) {
          this.at = start;
          return cut;
        }
        return major === 2 ? content.slice() : text(content);
      }
      default:
        return this.container(major, argument);
    }
  }

  private container(major: number, argument: number | bigint): LooseValue | typeof cut | typeof opened {
    if (major === 6) {
      const link = argument === 42 ? this.link() : undefined;
      if (link !== undefined) {
        return link;
      }
      this.open.push({ kind: "tag", items: [], left: 1, tag: argument });
    } else if (argument === 0) {
      return major === 4 ? [] : emptyMap();
    } else {
      const kind = major === 4 ? "list" : "map";
      this.open.push({ kind, items: [], left: Number(argument) * (kind === "map" ? 2 : 1), tag: 0 });
    }
    this.deepest = Math.max(this.deepest, this.open.length);
    return opened;
  }

  /** The link that stands here, if it is one of AT Protocol. */
  private link(): CidLink | undefined {
    const { bytes, at } = this;
    if (bytes[at] !== 0x58 || bytes[at + 1] !== 0x25 || bytes[at + 2] !== 0) {
      return undefined;
    }
    const cid = bytes.subarray(at + 3, at + 39);
    if (!isCidBytes(cid)) {
      return undefined;
    }
    this.at += 39;
    return new CidLink(cidFromBytes(cid));
  }

  private simple(info: number): LooseValue | typeof cut | typeof ended {
    const { view, at } = this;
    const left = this.bytes.length - at;
    if (info === 31) {
      return ended;
    }
    const size = info < 24 ? 0 : 1 << (info - 24);
    if (info > 27 || left < size) {
      this.at--;
      return cut;
    }
    this.at += size;
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 24:
        return new CborSimple(view.getUint8(at));
      case 25:
        return new CborFloat(half(view.getUint16(at)));
      case 26:
        return new CborFloat(view.getFloat32(at));
      case 27:
        return new CborFloat(view.getFloat64(at));
      default:
        return new CborSimple(info);
    }
  }

  /** The number in a head; undefined if there is none. */
  private argument(info: number): number | bigint | undefined {
    if (info < 24) {
      return info;
    }
    const { view, at } = this;
    const size = 1 << (info - 24);
    if (info > 27 || this.bytes.length - at < size) {
      return undefined;
    }
    this.at += size;
    switch (info) {
      case 24:
        return view.getUint8(at);
      case 25:
        return view.getUint16(at);
      case 26:
        return view.getUint32(at);
      default: {
        const value = view.getBigUint64(at);
        return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
      }
    }
  }

  private take(length: number | bigint): Uint8Array | undefined {
    const { bytes, at } = this;
    if (length > bytes.length - at) {
      return undefined;
    }
    this.at += Number(length);
    return bytes.subarray(at, this.at);
  }

  /** Bytes or a text that come in pieces. */
  private pieces(major: number): Uint8Array | undefined {
    const found: Uint8Array[] = [];
    for (;;) {
      const head = this.bytes[this.at++];
      if (head === 0xff) {
        return Buffer.concat(found);
      }
      const length = head === undefined || head >> 5 !== major ? undefined : this.argument(head & 31);
      const piece = length === undefined ? undefined : this.take(length);
      if (piece === undefined || ++this.values > mostValues) {
        return undefined;
      }
      found.push(piece);
    }
  }
}

function close({ kind, items, tag }: Open): LooseValue {
  if (kind === "list") {
    return items;
  }
  if (kind === "tag") {
    return new CborTag(tag, items[0] ?? null);
  }
  const map = emptyMap();
  for (let i = 0; i < items.length; i += 2) {
    const key = items[i]!;
    if (typeof key !== "string" || key in map) {
      const entries: [LooseValue, LooseValue][] = [];
      for (let j = 0; j < items.length; j += 2) {
        entries.push([items[j]!, items[j + 1]!]);
      }
      return new CborEntries(entries);
    }
    map[key] = items[i + 1]!;
  }
  return map;
}

function emptyMap(): LooseMap {
  const map: LooseMap = { __proto__: null };
  return map;
}

function text(bytes: Uint8Array): string | CborBadText {
  try {
    return utf8.decode(bytes);
  } catch {
    return new CborBadText(bytes.slice());
  }
}

/** A number of 16 bits: sign, 5 bits of exponent, 10 of fraction. (RFC 8949, appendix D.) */
function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction === 0
          ? Infinity
          : Number.NaN
        : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >= 0x8000 ? -size : size;
}
