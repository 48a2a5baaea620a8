/**
 * DAG-CBOR as atproto uses it (DRISL): one encoding for each value, strict in both directions. What this decodes, it
 * encodes to the same bytes. (Spec: Data Model, "Data Formats".)
 */
import { DecampError } from "../errors.ts";
import { CidLink, anyCodecCidToBytes, readAnyCodecCid } from "./cid.ts";
import { CborScanner, cborFaults, cborFaultText } from "./cbor-scan.ts";

/**
 * A value of the data model. Integers are numbers up to ±(2^53 − 1) and bigints beyond. Maps are objects without a
 * prototype, so that a key such as `__proto__` is a key like any other.
 */
export type CborValue = null | boolean | number | bigint | string | Uint8Array | CidLink | CborValue[] | CborMap;

/** A map of the data model; its keys are texts. */
export interface CborMap {
  [key: string]: CborValue;
}

/** Whether a decoded value is a map, and not a list, bytes, a link or null. */
export function isCborMap(value: CborValue | undefined): value is CborMap {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof CidLink)
  );
}

/** Nesting that is decoded unless less is asked for. */
const deepest = 512;

const scanner = new CborScanner();
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes one value. Byte strings of the result are copies.
 *
 * @param maxDepth how deep maps and lists may nest; at most 512
 * @param anyCodec whether links may have another codec than those of atproto; their CIDs are no `Cid`s as elsewhere
 *   then
 * @throws DecampError `damaged`, with data `fault` from `cborFaults`, unless the bytes are the canonical encoding of
 *   one value of the data model, and nothing else
 */
export function decodeCbor(bytes: Uint8Array, maxDepth: number = deepest, anyCodec: boolean = false): CborValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fault = cborFaults[scanner.scan(bytes, view, 0, bytes.length, Math.min(maxDepth, deepest), anyCodec)] ?? "none";
  if (fault !== "none") {
    const offset = scanner.position;
    throw new DecampError(
      "damaged",
      `This is not DAG-CBOR as AT Protocol has it: ${cborFaultText[fault]} (Byte ${offset}.)`,
      {
        data: { fault, offset },
      },
    );
  }
  return new Reader(bytes, view).read();
}

/** Reads what was scanned before: everything is in bounds, canonical, and not nested deeper than `deepest`. */
class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(bytes: Uint8Array, view: DataView) {
    this.bytes = bytes;
    this.view = view;
  }

  read(): CborValue {
    const head = this.bytes[this.at++] ?? 0;
    const info = head & 31;
    switch (head >> 5) {
      case 0:
        return this.argument(info);
      case 1: {
        const value = this.argument(info);
        return typeof value === "number" && value < Number.MAX_SAFE_INTEGER ? -1 - value : -1n - BigInt(value);
      }
      case 2:
        return this.take(info).slice();
      case 3:
        return utf8.decode(this.take(info));
      case 4: {
        const list: CborValue[] = [];
        for (let left = Number(this.argument(info)); left > 0; left--) {
          list.push(this.read());
        }
        return list;
      }
      case 5: {
        const map: CborMap = { __proto__: null };
        for (let left = Number(this.argument(info)); left > 0; left--) {
          const key = utf8.decode(this.take((this.bytes[this.at++] ?? 0) & 31));
          map[key] = this.read();
        }
        return map;
      }
      case 6: {
        // 2a | 58 (length) | 00 | CID
        const from = this.at + 4;
        const found = readAnyCodecCid(this.bytes, from);
        if (found === undefined) {
          throw new TypeError("the scanner lets only CIDs through");
        }
        this.at = from + found.length;
        return new CidLink(found.cid);
      }
      default:
        return info === 22 ? null : info === 21;
    }
  }

  private take(info: number): Uint8Array {
    const length = Number(this.argument(info));
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  private argument(info: number): number | bigint {
    if (info < 24) {
      return info;
    }
    const from = this.at;
    this.at += 1 << (info - 24);
    switch (info) {
      case 24:
        return this.view.getUint8(from);
      case 25:
        return this.view.getUint16(from);
      case 26:
        return this.view.getUint32(from);
      default: {
        const value = this.view.getBigUint64(from);
        return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
      }
    }
  }
}

/**
 * The canonical encoding of a value. Properties whose value is undefined are an error, not left out.
 *
 * @throws TypeError if the value has no encoding: floats, undefined, lone surrogates, integers beyond 64 bits,
 *   functions
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = new Writer();
  writer.write(value);
  return writer.finish();
}

const smallest = -(2n ** 63n);
const largest = 2n ** 63n - 1n;

class Writer {
  private buffer: Buffer = Buffer.allocUnsafe(256);
  private length = 0;

  finish(): Uint8Array {
    return new Uint8Array(this.buffer.subarray(0, this.length));
  }

  write(value: CborValue): void {
    switch (typeof value) {
      case "boolean":
        this.byte(value ? 0xf5 : 0xf4);
        return;
      case "number":
        if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
          throw new TypeError(`There is no encoding for the number ${value}.`);
        }
        this.head(value < 0 ? 1 : 0, value < 0 ? -1 - value : value);
        return;
      case "bigint":
        if (value < smallest || value > largest) {
          throw new TypeError(`There is no encoding for an integer beyond 64 bits.`);
        }
        this.head(value < 0n ? 1 : 0, value < 0n ? -1n - value : value);
        return;
      case "string":
        this.text(value);
        return;
      case "object":
        this.object(value);
        return;
      default:
        throw new TypeError(`There is no encoding for ${typeof value}.`);
    }
  }

  private object(value: null | Uint8Array | CidLink | CborValue[] | CborMap): void {
    if (value === null) {
      this.byte(0xf6);
    } else if (value instanceof Uint8Array) {
      this.head(2, value.length);
      this.append(value);
    } else if (value instanceof CidLink) {
      const cid = anyCodecCidToBytes(value.cid);
      this.append(linkHead);
      this.head(2, cid.length + 1);
      this.byte(0x00);
      this.append(cid);
    } else if (Array.isArray(value)) {
      this.head(4, value.length);
      for (const item of value) {
        this.write(item);
      }
    } else {
      const entries = Object.keys(value).map((key) => ({ key, bytes: utf8Bytes(key) }));
      entries.sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes));
      this.head(5, entries.length);
      for (const { key, bytes } of entries) {
        this.head(3, bytes.length);
        this.append(bytes);
        this.write(value[key]!);
      }
    }
  }

  private text(text: string): void {
    const bytes = utf8Bytes(text);
    this.head(3, bytes.length);
    this.append(bytes);
  }

  private head(major: number, argument: number | bigint): void {
    this.reserve(9);
    const type = major << 5;
    if (argument < 24) {
      this.buffer[this.length++] = type | Number(argument);
    } else if (argument < 0x100) {
      this.buffer[this.length++] = type | 24;
      this.buffer[this.length++] = Number(argument);
    } else if (argument < 0x10000) {
      this.buffer[this.length++] = type | 25;
      this.length = this.buffer.writeUInt16BE(Number(argument), this.length);
    } else if (argument < 0x100000000) {
      this.buffer[this.length++] = type | 26;
      this.length = this.buffer.writeUInt32BE(Number(argument), this.length);
    } else {
      this.buffer[this.length++] = type | 27;
      this.length = this.buffer.writeBigUInt64BE(BigInt(argument), this.length);
    }
  }

  private byte(byte: number): void {
    this.reserve(1);
    this.buffer[this.length++] = byte;
  }

  private append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  private reserve(more: number): void {
    if (this.length + more > this.buffer.length) {
      const larger = Buffer.allocUnsafe(2 * this.buffer.length + more);
      larger.set(this.buffer.subarray(0, this.length));
      this.buffer = larger;
    }
  }
}

const linkHead = Uint8Array.of(0xd8, 0x2a);

function utf8Bytes(text: string): Buffer {
  if (!text.isWellFormed()) {
    throw new TypeError("There is no encoding for a text with half a surrogate pair.");
  }
  return Buffer.from(text, "utf8");
}
