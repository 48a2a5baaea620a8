/**
 * CIDs as atproto blesses them: version 1, codec dag-cbor (records, nodes, commits) or raw (blobs), SHA-256, written in
 * lower-case base32. Nothing else is accepted here. (Spec: Data Model, "Link and CID Formats".)
 */
import { hash } from "node:crypto";
import { DecampError } from "../errors.ts";

/** A CID in its canonical text form, `bafy…` or `bafk…`, 59 characters. */
export type Cid = string;

export type CidCodec = "dag-cbor" | "raw";

export interface ParsedCid {
  codec: CidCodec;
  /** The SHA-256 digest, 32 bytes. */
  digest: Uint8Array;
}

/** The decoded value of CBOR tag 42: a link to something else by its CID. */
export class CidLink {
  readonly cid: Cid;

  constructor(cid: Cid) {
    this.cid = cid;
  }
}

/** Bytes of a binary CID: version, codec, hash function, digest length, digest. */
const cidLength = 36;

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
const characters: readonly string[] = alphabet.split("");
const codecBytes: Record<CidCodec, number> = { "dag-cbor": 0x71, raw: 0x55 };

/** Lower-case base32 without padding (RFC 4648). */
export function encodeBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += characters[(held >>> bits) & 31] ?? "";
    }
    held &= 0xff;
  }
  return bits === 0 ? text : text + (characters[(held << (5 - bits)) & 31] ?? "");
}

/** The bytes of lower-case base32 without padding, or undefined if it is not that, or if bits are left over. */
function decodeBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    const value = alphabet.indexOf(character);
    if (value < 0) {
      return undefined;
    }
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >>> bits) & 0xff;
    }
  }
  return bits < 5 && (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

function decodeCid(text: string): Uint8Array | undefined {
  if (text.length !== 59 || !text.startsWith("b")) {
    return undefined;
  }
  const bytes = decodeBase32(text.slice(1));
  return bytes !== undefined && isCidBytes(bytes) ? bytes : undefined;
}

/** Whether these are the 36 bytes of a CID that atproto knows. */
export function isCidBytes(bytes: Uint8Array): boolean {
  return (
    bytes.length === cidLength &&
    bytes[0] === 1 &&
    (bytes[1] === 0x71 || bytes[1] === 0x55) &&
    bytes[2] === 0x12 &&
    bytes[3] === 0x20
  );
}

/**
 * The text form: "b", and the 36 bytes in lower-case base32, which fill all but two bits of 58 letters. The first bytes
 * are the same in all but the codec; of the two bits that are left the last letter has none.
 */
const cidText = /^baf(?:krei|yrei)[a-h][a-z2-7]{50}[aeimquy4]$/;

/** Whether `text` is a CID that atproto knows, in its one text form. It is asked of very many. */
export function isCid(text: string): boolean {
  return cidText.test(text);
}

/** @throws DecampError `damaged` if `text` is not a CID that atproto knows, in its one text form */
export function parseCid(text: string): ParsedCid {
  const bytes = cidToBytes(text);
  return { codec: bytes[1] === 0x71 ? "dag-cbor" : "raw", digest: bytes.subarray(4) };
}

/** The 36 bytes of a CID. @throws DecampError `damaged` as parseCid does */
export function cidToBytes(cid: Cid): Uint8Array {
  const bytes = decodeCid(cid);
  if (bytes === undefined) {
    throw new DecampError("damaged", `This is not a CID of the kind that AT Protocol uses: ${JSON.stringify(cid)}.`);
  }
  return bytes;
}

/** The text form of a binary CID. @throws DecampError `damaged` unless it is one of the 36-byte CIDs of atproto */
export function cidFromBytes(bytes: Uint8Array): Cid {
  if (!isCidBytes(bytes)) {
    throw new DecampError("damaged", "These bytes are not a CID of the kind that AT Protocol uses.");
  }
  return "b" + encodeBase32(bytes);
}

/** @param digest a SHA-256 digest, 32 bytes */
export function cidFromDigest(codec: CidCodec, digest: Uint8Array): Cid {
  const bytes = new Uint8Array(cidLength);
  bytes.set([1, codecBytes[codec], 0x12, 0x20]);
  bytes.set(digest, 4);
  return "b" + encodeBase32(bytes);
}

/** Whether a CID can be that of a record, node or commit: codec dag-cbor. */
export function isCborCid(cid: Cid): boolean {
  return cid.startsWith("bafyrei") && isCid(cid);
}

/** A CID of version 1 and SHA-256 whose codec may be none that atproto knows, such as dag-json. */
export interface AnyCodecCid {
  /** In lower-case base32. */
  readonly cid: Cid;
  /** How many bytes the binary form takes. */
  readonly length: number;
}

/** Reads such a CID from `start`; undefined if there is none. */
export function readAnyCodecCid(bytes: Uint8Array, start: number): AnyCodecCid | undefined {
  let at = start + 1;
  // A codec takes four bytes at most, in its shortest form.
  while (at < start + 4 && (bytes[at] ?? 0) >= 0x80) {
    at++;
  }
  const last = bytes[at] ?? 0x80;
  if (bytes[start] !== 1 || last >= 0x80 || (last === 0 && at > start + 1)) {
    return undefined;
  }
  const end = at + 35;
  return bytes[at + 1] === 0x12 && bytes[at + 2] === 0x20 && bytes.length >= end
    ? { cid: "b" + encodeBase32(bytes.subarray(start, end)), length: end - start }
    : undefined;
}

/** The bytes of a CID as `readAnyCodecCid` gives it. @throws DecampError `damaged` */
export function anyCodecCidToBytes(cid: Cid): Uint8Array {
  const bytes = cid.startsWith("b") ? decodeBase32(cid.slice(1)) : undefined;
  return bytes !== undefined && readAnyCodecCid(bytes, 0)?.cid === cid ? bytes : cidToBytes(cid);
}

/** The CID of these bytes. */
export function cidFor(codec: CidCodec, bytes: Uint8Array): Cid {
  return cidFromDigest(codec, hash("sha256", bytes, "buffer"));
}
