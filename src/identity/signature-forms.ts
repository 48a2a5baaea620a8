/** Signatures as tokens, key services and standard tools give them out, in the one form that AT Protocol takes. */
import { toLowS, type Curve } from "./keys.ts";

/**
 * Reads an ECDSA signature: 64 bytes r‖s, or DER, as they are or as text in hex, base64 or base64url. An S in the upper
 * half is replaced by the other that is as good.
 *
 * @returns 64 bytes r‖s, or undefined if it is none of these. Whether it is a true signature is not judged.
 */
export function readSignature(output: Uint8Array, curve: Curve): Uint8Array | undefined {
  const compact = toCompact(output) ?? toCompact(decodeText(output));
  return compact === undefined ? undefined : toLowS(curve, compact);
}

function decodeText(output: Uint8Array): Uint8Array {
  // Long base64 comes in lines.
  const text = Buffer.from(output).toString("latin1").replace(/\s+/g, "");
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) {
    return Buffer.from(text, "hex");
  }
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : new Uint8Array();
}

function toCompact(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length === 64) {
    return Uint8Array.from(bytes);
  }
  const [tag, length] = bytes;
  if (tag !== sequence || length !== bytes.length - 2) {
    return undefined;
  }
  const r = derInteger(bytes.subarray(2));
  const s = r === undefined ? undefined : derInteger(r.behind);
  return r === undefined || s?.behind.length !== 0 ? undefined : Uint8Array.of(...r.number, ...s.number);
}

const sequence = 0x30;
const integer = 0x02;

/** An INTEGER of at most 256 bits at the beginning of `bytes`, as 32 bytes. */
function derInteger(bytes: Uint8Array): { number: Uint8Array; behind: Uint8Array } | undefined {
  const [tag, length = 0] = bytes;
  const content = bytes.subarray(2, 2 + length);
  const negative = (content[0] ?? 0x80) >= 0x80;
  const digits = content[0] === 0 ? content.subarray(1) : content;
  if (tag !== integer || content.length !== length || negative || digits.length > 32) {
    return undefined;
  }
  const number = new Uint8Array(32);
  number.set(digits, 32 - digits.length);
  return { number, behind: bytes.subarray(2 + length) };
}
