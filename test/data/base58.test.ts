import * as fc from "fast-check";
import { base58btc } from "multiformats/bases/base58";
import { expect, test } from "vitest";
import { decodeBase58, encodeBase58 } from "../../src/data/base58.ts";

// The examples of draft-msporny-base58.
test.each([
  ["Hello World!", "2NEpo7TZRRrLZSi2U"],
  ["The quick brown fox jumps over the lazy dog.", "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"],
  ["\0\0\x28\x7f\xb4\xcd", "11233QC4"],
])("%j", (text, encoded) => {
  const bytes = Buffer.from(text, "latin1");
  expect(encodeBase58(bytes)).toBe(encoded);
  expect(Buffer.from(decodeBase58(encoded)!)).toEqual(bytes);
});

test("any bytes are written as another implementation writes them, and read back", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 70 }),
    fc.uint8Array({ maxLength: 40 }).map((rest) => Uint8Array.of(0, 0, ...rest)),
  );
  fc.assert(
    fc.property(bytes, (some) => {
      const text = encodeBase58(some);
      expect(`z${text}`).toBe(base58btc.encode(some));
      expect(decodeBase58(text)).toEqual(new Uint8Array(some));
    }),
  );
});

test.each(["0", "O", "I", "l", "+", "2 3", "é", "🍙"])("%j is no base58", (text) => {
  expect(decodeBase58(text)).toBeUndefined();
});
