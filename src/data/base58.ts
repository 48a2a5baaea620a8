/**
 * base58btc, the text form of keys (draft-msporny-base58). Here, so that a short run need not load a package for it.
 */
const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** Takes time by the square of the length. */
export function encodeBase58(bytes: Uint8Array): string {
  return convert(bytes, 256, 58)
    .map((digit) => alphabet[digit])
    .join("");
}

/** Undefined if a character is none of the 58. Takes time by the square of the length. */
export function decodeBase58(text: string): Uint8Array | undefined {
  const digits = Array.from(text, (character) => alphabet.indexOf(character));
  return digits.includes(-1) ? undefined : Uint8Array.from(convert(digits, 58, 256));
}

/** The same number in another base. Zeros in front stay as many as they are: they are digits of their own. */
function convert(digits: ArrayLike<number>, from: number, to: number): number[] {
  let zeros = 0;
  while (zeros < digits.length && digits[zeros] === 0) {
    zeros++;
  }
  /** Lowest digit first. */
  const result: number[] = [];
  for (let i = zeros; i < digits.length; i++) {
    let carry = digits[i]!;
    for (let place = 0; place < result.length || carry > 0; place++) {
      carry += (result[place] ?? 0) * from;
      result[place] = carry % to;
      carry = Math.floor(carry / to);
    }
  }
  return [...Array.from({ length: zeros }, () => 0), ...result.toReversed()];
}
