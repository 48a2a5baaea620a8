/**
 * Private keys: read in the forms that tools for AT Protocol give out, made, and signed with (spec: Cryptography). The
 * private part leaves an object of this class only through `reveal`; no log, no JSON and no error shows it.
 */
import { createECDH, createPrivateKey, sign, type KeyObject } from "node:crypto";
import { encodeBase58 } from "../data/base58.ts";
import { DecampError } from "../errors.ts";
import { privateCodecs, readKeyText } from "./key-text.ts";
import { curves, formatDidKey, toLowS, type Curve } from "./keys.ts";

interface PrivateForm {
  /** An ECPrivateKey (RFC 5915) in DER, before and behind the 32 bytes. */
  readonly before: Buffer;
  readonly behind: Buffer;
}

const forms: Readonly<Record<Curve, PrivateForm>> = {
  k256: {
    before: Buffer.from("302e0201010420", "hex"),
    behind: Buffer.from("a00706052b8104000a", "hex"),
  },
  p256: {
    before: Buffer.from("30310201010420", "hex"),
    behind: Buffer.from("a00a06082a8648ce3d030107", "hex"),
  },
};

/** A key that can sign. */
export class PrivateKey {
  readonly curve: Curve;
  /** The public part, as `did:key:z…`. */
  readonly didKey: string;
  readonly #scalar: Uint8Array;
  readonly #key: KeyObject;

  /**
   * @param scalar the private number, 32 bytes, big-endian
   * @throws DecampError `key-unusable` if it is not between 1 and the order of the curve
   */
  constructor(curve: Curve, scalar: Uint8Array) {
    if (!isScalar(curve, scalar)) {
      throw new DecampError("key-unusable", `These 32 bytes are no private key of the curve ${curve}.`);
    }
    const pair = createECDH(curves[curve].name);
    pair.setPrivateKey(scalar);
    this.curve = curve;
    this.didKey = formatDidKey(curve, new Uint8Array(pair.getPublicKey(null, "compressed")));
    this.#scalar = Uint8Array.from(scalar);
    const { before, behind } = forms[curve];
    this.#key = createPrivateKey({ key: Buffer.concat([before, scalar, behind]), format: "der", type: "sec1" });
  }

  /** A signature of `data`: ECDSA over its SHA-256, 64 bytes r‖s, S in the lower half. Another one at every call. */
  async sign(data: Uint8Array): Promise<Uint8Array> {
    const signature = sign("sha256", data, { key: this.#key, dsaEncoding: "ieee-p1363" });
    return Promise.resolve(toLowS(this.curve, new Uint8Array(signature)));
  }

  /** The private key in the form that `goat` and others print and read: `z` and base58btc of codec and 32 bytes. */
  reveal(): string {
    return `z${encodeBase58(Uint8Array.of(...privateCodecs[this.curve], ...this.#scalar))}`;
  }
}

/**
 * A new key.
 *
 * @param random a source of random bytes that is fit for keys
 */
export function makePrivateKey(curve: Curve, random: (size: number) => Uint8Array): PrivateKey {
  // One try in 2³² for p256, and in 2¹²⁷ for k256, gives a number that is too large.
  for (;;) {
    const scalar = random(32);
    if (isScalar(curve, scalar)) {
      return new PrivateKey(curve, scalar);
    }
  }
}

/**
 * Reads a private key, in the forms that tools give out (key-text.ts). One that has its public key beside it has to
 * belong to that.
 *
 * @param bareCurve the curve of a key that does not name its own, as 64 hex digits do not
 * @throws DecampError `key-unusable`; what was read is not repeated in it
 */
export function parsePrivateKey(text: string, bareCurve: Curve = "k256"): PrivateKey {
  const { scalar, curve = bareCurve, didKey } = readKeyText(text);
  const key = new PrivateKey(curve, scalar);
  if (didKey !== undefined && didKey !== key.didKey) {
    throw new DecampError("key-unusable", "This private key does not belong to the public key that stands beside it.");
  }
  return key;
}

function isScalar(curve: Curve, bytes: Uint8Array): boolean {
  const number = bytes.length === 32 ? BigInt(`0x${Buffer.from(bytes).toString("hex")}`) : 0n;
  return number > 0n && number < curves[curve].order;
}
