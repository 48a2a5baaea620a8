import { createECDH, createHash, createPrivateKey, sign } from "node:crypto";
import { P256Keypair, Secp256k1Keypair, verifySignature as theirVerify } from "@atproto/crypto";
import { base58btc } from "multiformats/bases/base58";
import { describe, expect, test } from "vitest";
import {
  formatDidKey,
  hasLowS,
  parseDidKey,
  parseLegacyMultibase,
  parseMultikey,
  verifySignature,
} from "../../src/identity/keys.ts";

const orders = {
  k256: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
  p256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
};
const data = new TextEncoder().encode("what is signed");

/** The other signature that ECDSA allows for the same data: S replaced by n − S. */
function flipS(curve: "k256" | "p256", signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString("hex")}`);
  const flipped = (orders[curve] - s).toString(16).padStart(64, "0");
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(flipped, "hex")]);
}

function derInteger(bytes: Uint8Array): Buffer {
  const trimmed = Buffer.from(bytes.subarray(bytes.findIndex((byte) => byte !== 0)));
  const body = trimmed[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), trimmed]) : trimmed;
  return Buffer.concat([Buffer.of(2, body.length), body]);
}

function toDer(signature: Uint8Array): Uint8Array {
  const body = Buffer.concat([derInteger(signature.subarray(0, 32)), derInteger(signature.subarray(32))]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

/** Bytes that look like a signature, with the given S. */
function withS(s: bigint): Uint8Array {
  return Buffer.concat([Buffer.alloc(32, 1), Buffer.from(s.toString(16).padStart(64, "0"), "hex")]);
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function didKeyOf(content: Uint8Array): string {
  return `did:key:${base58btc.encode(content)}`;
}

const secret = createHash("sha256").update("a private key for tests").digest();
const pairs = [
  ["k256", await Secp256k1Keypair.import(secret)],
  ["p256", await P256Keypair.import(secret)],
] as const;

/** The public key as OpenSSL computes it from the private one: 65 bytes. */
function uncompressed(curve: "k256" | "p256"): Uint8Array {
  const ecdh = createECDH(curve === "k256" ? "secp256k1" : "prime256v1");
  ecdh.setPrivateKey(secret);
  return new Uint8Array(ecdh.getPublicKey());
}

describe.each(pairs)("%s", (curve, pair) => {
  test("a did:key is read as the reference library reads it, and written back the same", () => {
    const key = parseDidKey(pair.did());
    expect(key.curve).toBe(curve);
    expect(key.point).toHaveLength(33);
    expect(formatDidKey(curve, key.point)).toBe(pair.did());
    expect(parseMultikey(pair.did().slice("did:key:".length))).toEqual(key);
  });

  test("a signature by the reference library is accepted, over other data or by another key it is not", async () => {
    const signature = await pair.sign(data);
    const other = curve === "k256" ? await Secp256k1Keypair.create() : await P256Keypair.create();
    expect(verifySignature(pair.did(), data, signature)).toBe(true);
    expect(verifySignature(pair.did(), data.subarray(1), signature)).toBe(false);
    expect(verifySignature(other.did(), data, signature)).toBe(false);
  });

  test("agrees with the reference library on twenty signatures made by OpenSSL, of either S", async () => {
    const [x, y] = [uncompressed(curve).subarray(1, 33), uncompressed(curve).subarray(33)];
    const crv = curve === "k256" ? "secp256k1" : "P-256";
    const jwk = { kty: "EC", crv, x: base64url(x), y: base64url(y), d: base64url(secret) };
    const key = createPrivateKey({ key: jwk, format: "jwk" });
    let low = 0;
    for (let index = 0; index < 20; index++) {
      const message = Buffer.from(`message ${index}`);
      const made = sign("sha256", message, { key, dsaEncoding: "ieee-p1363" });
      for (const signature of [made, flipS(curve, made)]) {
        const theirs = await theirVerify(pair.did(), message, signature);
        expect(verifySignature(pair.did(), message, signature)).toBe(theirs);
        low += theirs ? 1 : 0;
      }
    }
    expect(low).toBe(20);
  });

  test("high S is refused", async () => {
    const signature = await pair.sign(data);
    expect(hasLowS(curve, signature)).toBe(true);
    expect(hasLowS(curve, flipS(curve, signature))).toBe(false);
    expect(verifySignature(pair.did(), data, flipS(curve, signature))).toBe(false);
  });

  test("half of the order is still low, one more is high", () => {
    const half = orders[curve] >> 1n;
    expect(hasLowS(curve, withS(half))).toBe(true);
    expect(hasLowS(curve, withS(half + 1n))).toBe(false);
  });

  test("DER, cut, lengthened, zero and empty signatures are refused", async () => {
    const signature = await pair.sign(data);
    const bad = [
      toDer(signature),
      signature.subarray(0, 63),
      Buffer.concat([signature, Buffer.of(0)]),
      new Uint8Array(64),
      new Uint8Array(0),
    ];
    for (const bytes of bad) {
      expect(verifySignature(pair.did(), data, bytes)).toBe(false);
    }
  });

  test("a signature inside a larger buffer is read at its place", async () => {
    const signature = await pair.sign(data);
    const padded = Buffer.concat([Buffer.alloc(7, 0xff), signature, Buffer.alloc(7, 0xff)]);
    expect(verifySignature(pair.did(), data, padded.subarray(7, 71))).toBe(true);
  });

  test("the legacy multibase of the uncompressed point is the same key", () => {
    expect(parseLegacyMultibase(curve, base58btc.encode(uncompressed(curve))).didKey).toBe(pair.did());
    expect(parseLegacyMultibase(curve, base58btc.encode(pair.publicKeyBytes())).didKey).toBe(pair.did());
  });
});

describe("what is no key", () => {
  const good = pairs[0][1].did();
  const bytes = base58btc.decode(good.slice("did:key:".length));
  const notOnCurve = Uint8Array.of(0xe7, 0x01, 0x02, ...new Uint8Array(31), 5);
  test.each([
    ["another method", "did:plc:ewvi7nxzyoun6zhxrhs64oiz", "damaged"],
    ["nothing after the method", "did:key:", "damaged"],
    ["base16 in place of base58btc", `did:key:f${Buffer.from(bytes).toString("hex")}`, "damaged"],
    ["a letter that base58 does not have", good.replace("z", "z0"), "damaged"],
    ["a fragment", `${good}#atproto`, "damaged"],
    ["one byte short", didKeyOf(bytes.subarray(0, 34)), "damaged"],
    ["one byte more", didKeyOf(Uint8Array.of(...bytes, 0)), "damaged"],
    ["a first byte that no compressed point has", didKeyOf(bytes.with(2, 4)), "damaged"],
    ["a point that is not on the curve", didKeyOf(notOnCurve), "damaged"],
    ["ed25519", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "unsupported"],
    ["a million letters", `did:key:z${"1".repeat(1_000_000)}`, "damaged"],
  ])("%s", (_, text, code) => {
    expect(() => parseDidKey(text)).toThrow(expect.objectContaining({ name: "DecampError", code }));
    expect(verifySignature(text, data, new Uint8Array(64).fill(1))).toBe(false);
  });

  test("a hybrid point in the legacy form is refused", () => {
    const point = uncompressed("k256");
    const hybrid = point.with(0, 6 + (point[64]! & 1));
    expect(() => parseLegacyMultibase("k256", base58btc.encode(hybrid))).toThrow(/no point of the curve/);
  });

  test("a point of the other curve in the legacy form is refused", () => {
    const point = uncompressed("k256");
    expect(() => parseLegacyMultibase("p256", base58btc.encode(point))).toThrow(/no point of the curve/);
  });

  test("a point that is not compressed is not written as a did:key", () => {
    expect(() => formatDidKey("k256", new Uint8Array(65).fill(4))).toThrow(/65 bytes/);
  });
});
