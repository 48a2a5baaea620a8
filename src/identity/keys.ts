/**
 * Public keys as text, and signatures against them (spec: Cryptography, and DID for the legacy form). Two curves,
 * k256 and p256. The arithmetic is OpenSSL's; what it does not ask for (compact form, low S) is asked for here.
 * Nothing here makes or holds a private key: that is private-key.ts.
 */
import { createPublicKey, ECDH, verify, type KeyObject } from "node:crypto";
import { decodeBase58, encodeBase58 } from "../data/base58.ts";
import { DecampError } from "../errors.ts";
import { shownKey } from "./key-guard.ts";

/** The curves of the keys of AT Protocol (spec: Cryptography). */
export type Curve = "k256" | "p256";

/** A public key. */
export interface PublicKey {
  readonly curve: Curve;
  /** The compressed point, 33 bytes. */
  readonly point: Uint8Array;
  /** The same key as `did:key:z…`. */
  readonly didKey: string;
}

export interface CurveFacts {
  /** OpenSSL's name. */
  readonly name: string;
  /** The multicodec of the public key, as varint bytes. */
  readonly codec: readonly [number, number];
  /** The SubjectPublicKeyInfo up to the compressed point. */
  readonly spki: Uint8Array;
  /** The order of the group. */
  readonly order: bigint;
}

export const curves: Readonly<Record<Curve, CurveFacts>> = {
  k256: {
    name: "secp256k1",
    codec: [0xe7, 0x01],
    spki: Buffer.from("3036301006072a8648ce3d020106052b8104000a032200", "hex"),
    order: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
  },
  p256: {
    name: "prime256v1",
    codec: [0x80, 0x24],
    spki: Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex"),
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
};

/**
 * Reads a `did:key:z…` of one of the two curves (spec: Cryptography, "Public Key Encoding").
 *
 * @throws DecampError `damaged` if the text is no such key, or its point is not on the curve; `unsupported` if it is a
 * well-formed key of another kind.
 */
export function parseDidKey(did: string): PublicKey {
  if (!did.startsWith("did:key:")) {
    throw new DecampError("damaged", `Not a did:key: ${shorten(did)}`);
  }
  return parseMultikey(did.slice("did:key:".length));
}

/**
 * Reads the `publicKeyMultibase` of a `Multikey` verification method: `z` and base58btc of codec and compressed point.
 *
 * @throws DecampError as `parseDidKey`
 */
export function parseMultikey(multibase: string): PublicKey {
  let key = lastRead.get(multibase);
  if (key === undefined) {
    key = readMultikey(multibase);
    keepOneMore(lastRead, multibase, key);
  }
  // Each caller gets one of its own, and may change it.
  return { ...key, point: key.point.slice() };
}

/**
 * Keys that were read. What proves an account reads the same ones several times, and a server signs for all of its
 * accounts with one.
 */
const lastRead = new Map<string, PublicKey>();
const mostKept = 100;

function keepOneMore<T>(kept: Map<string, T>, name: string, one: T): void {
  if (kept.size >= mostKept) {
    kept.clear();
  }
  kept.set(name, one);
}

function readMultikey(multibase: string): PublicKey {
  const bytes = decodeMultibase(multibase);
  for (const curve of ["k256", "p256"] as const) {
    const [first, second] = curves[curve].codec;
    if (bytes[0] === first && bytes[1] === second) {
      return checkedKey(curve, bytes.subarray(2), multibase);
    }
  }
  throw new DecampError("unsupported", `A key of a kind that AT Protocol does not use: ${shorten(multibase)}`);
}

/**
 * Reads the `publicKeyMultibase` of a legacy verification method (`EcdsaSecp256k1VerificationKey2019` and
 * `EcdsaSecp256r1VerificationKey2019`): `z` and base58btc of the bare point, uncompressed as a rule, without codec.
 *
 * @throws DecampError `damaged` if the text is no point of the curve
 */
export function parseLegacyMultibase(curve: Curve, multibase: string): PublicKey {
  const bytes = decodeMultibase(multibase);
  if (bytes.length !== 65) {
    return checkedKey(curve, bytes, multibase);
  }
  return keyOf(curve, compress(curve, bytes, multibase));
}

/**
 * The `did:key:z…` of a compressed point of 33 bytes. The point is taken as it is.
 *
 * @throws DecampError `damaged` if it does not have the length and the first byte of a compressed point
 */
export function formatDidKey(curve: Curve, point: Uint8Array): string {
  if (point.length !== 33 || (point[0] !== 2 && point[0] !== 3)) {
    throw new DecampError("damaged", `Not a compressed point of 33 bytes, but ${point.length} bytes.`);
  }
  const [first, second] = curves[curve].codec;
  return `did:key:z${encodeBase58(Uint8Array.of(first, second, ...point))}`;
}

/**
 * Whether `signature` is a signature of `data` by the key `didKey`: 64 bytes r‖s over the SHA-256 of the data, S in the
 * lower half (spec: Cryptography, "ECDSA Signature Malleability"). DER, high S, and a key that is not a well-formed
 * k256 or p256 `did:key` all give false; nothing is thrown.
 */
export function verifySignature(didKey: string, data: Uint8Array, signature: Uint8Array): boolean {
  let key: PublicKey;
  try {
    key = parseDidKey(didKey);
  } catch {
    return false;
  }
  return hasLowS(key.curve, signature) && check(key, data, signature);
}

/** Whether a signature is 64 bytes whose second half is at most half of the curve's order. */
export function hasLowS(curve: Curve, signature: Uint8Array): boolean {
  if (signature.length !== 64) {
    return false;
  }
  const s = BigInt(`0x${Buffer.from(signature.buffer, signature.byteOffset + 32, 32).toString("hex")}`);
  return s <= curves[curve].order >> 1n;
}

/**
 * The form of a signature that AT Protocol takes: S in the lower half. What is no signature of 64 bytes stays as it is.
 */
export function toLowS(curve: Curve, signature: Uint8Array): Uint8Array {
  const { order } = curves[curve];
  const s = BigInt(`0x${Buffer.from(signature).toString("hex", 32) || "0"}`);
  if (signature.length !== 64 || s <= order >> 1n || s >= order) {
    return signature;
  }
  return new Uint8Array([
    ...signature.subarray(0, 32),
    ...Buffer.from((order - s).toString(16).padStart(64, "0"), "hex"),
  ]);
}

function check(key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
  const name = `${key.curve} ${Buffer.from(key.point).toString("latin1")}`;
  let publicKey = opened.get(name);
  if (publicKey === undefined) {
    publicKey = createPublicKey({
      key: Buffer.concat([curves[key.curve].spki, key.point]),
      format: "der",
      type: "spki",
    });
    keepOneMore(opened, name, publicKey);
  }
  return verify("sha256", data, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
}

/** Keys as OpenSSL has them, by curve and point. */
const opened = new Map<string, KeyObject>();

function checkedKey(curve: Curve, point: Uint8Array, text: string): PublicKey {
  if (point.length !== 33) {
    throw new DecampError("damaged", `A public key has ${point.length} bytes in place of 33: ${shorten(text)}`);
  }
  return keyOf(curve, compress(curve, point, text));
}

function keyOf(curve: Curve, point: Uint8Array): PublicKey {
  return { curve, point, didKey: formatDidKey(curve, point) };
}

/** Also the proof that the point lies on the curve. */
function compress(curve: Curve, point: Uint8Array, text: string): Uint8Array {
  // 6 and 7 open the hybrid form, which OpenSSL would read
  if (point.length === 65 ? point[0] === 4 : point[0] === 2 || point[0] === 3) {
    try {
      const hex = ECDH.convertKey(point, curves[curve].name, undefined, "hex", "compressed");
      return new Uint8Array(Buffer.from(hex.toString(), "hex"));
    } catch {
      // falls through to the one sentence
    }
  }
  throw new DecampError("damaged", `A public key that is no point of the curve ${curve}: ${shorten(text)}`);
}

function decodeMultibase(multibase: string): Uint8Array {
  // base58 costs the square of its length: nothing longer than an uncompressed point is worth it
  const bytes = multibase.length <= 128 && multibase.startsWith("z") ? decodeBase58(multibase.slice(1)) : undefined;
  if (bytes === undefined) {
    throw new DecampError("damaged", `Not a key in base58btc (z…): ${shorten(multibase)}`);
  }
  return bytes;
}

/** For messages: somebody may have given a private key in the place of a public one. */
function shorten(text: string): string {
  const shown = shownKey(text);
  return shown.length <= 80 ? shown : `${shown.slice(0, 80)}…`;
}
