import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeCbor, encodeCbor, type CborValue } from "../../src/data/cbor.ts";
import { CidLink, cidFor } from "../../src/data/cid.ts";
import { isDecampError } from "../../src/errors.ts";

/** Any value of the data model. */
const value: fc.Arbitrary<CborValue> = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc
      .bigInt(-(2n ** 63n), 2n ** 63n - 1n)
      .map((n) => (n >= BigInt(Number.MIN_SAFE_INTEGER) && n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n)),
    fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes)),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => new CidLink(cidFor(bytes.length > 2 ? "raw" : "dag-cbor", bytes))),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(
      fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
      tie("value"),
      {
        maxKeys: 5,
        noNullPrototype: false,
      },
    ),
  ) as fc.Arbitrary<CborValue>,
})).value;

test("what is encoded decodes to the same, and encodes to the same bytes again", () => {
  fc.assert(
    fc.property(value, (original) => {
      const bytes = encodeCbor(original);
      const decoded = decodeCbor(bytes);
      expect(decoded).toEqual(original);
      expect(encodeCbor(decoded)).toEqual(bytes);
    }),
  );
});

test("whatever bytes decode are the one encoding of their value", () => {
  fc.assert(
    fc.property(
      value,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      (original, changes) => {
        const bytes = encodeCbor(original);
        for (const [at, byte] of changes) {
          bytes[at % bytes.length] = byte;
        }
        let decoded: CborValue;
        try {
          decoded = decodeCbor(bytes);
        } catch (error) {
          expect(isDecampError(error, "damaged")).toBe(true);
          return;
        }
        expect(encodeCbor(decoded)).toEqual(bytes);
      },
    ),
    { numRuns: 2000 },
  );
});

describe("is refused:", () => {
  const cid = Buffer.from(`d82a582500`, "hex").toString("hex") + "01711220" + "00".repeat(32);
  test.each([
    ["nothing", "", "truncated"],
    ["a text that is cut", "6261", "truncated"],
    ["a list that claims 2^32 items", "9b0000000100000000", "truncated"],
    ["a second value", "0101", "trailing"],
    ["a number below 24 in two bytes", "1817", "not-minimal"],
    ["a number below 256 in three bytes", "1900ff", "not-minimal"],
    ["a number below 2^16 in five bytes", "1a0000ffff", "not-minimal"],
    ["a number below 2^32 in nine bytes", "1b00000000ffffffff", "not-minimal"],
    ["a length that is too long", "780161", "not-minimal"],
    ["tag 42 in three bytes", "d9002a" + cid.slice(4), "not-minimal"],
    ["a text of indefinite length", "7f6161ff", "indefinite"],
    ["a list of indefinite length", "9fff", "indefinite"],
    ["a map of indefinite length", "bfff", "indefinite"],
    ["a reserved head", "1c", "reserved"],
    ["a number as a key", "a10102", "key-type"],
    ["keys in the wrong order", "a2616201616102", "key-order"],
    ["a longer key before a shorter one", "a262616101616202", "key-order"],
    ["a key twice", "a2616101616102", "duplicate-key"],
    ["a key that is not UTF-8", "a161ff01", "utf8"],
    ["a lone continuation byte", "6180", "utf8"],
    ["an overlong form", "62c080", "utf8"],
    ["an overlong form of three bytes", "63e08080", "utf8"],
    ["half a surrogate pair", "63eda080", "utf8"],
    ["a character beyond U+10FFFF", "64f4908080", "utf8"],
    ["a character that is cut", "62e282", "utf8"],
    ["tag 1", "c101", "tag"],
    ["a bignum", "c249010000000000000000", "tag"],
    ["a link without its first zero", "d82a582501" + cid.slice(10), "link"],
    ["a link to a version 0 CID", "d82a5823001220" + "00".repeat(32), "link"],
    ["a link with another codec", "d82a58250001701220" + "00".repeat(32), "link"],
    ["undefined", "f7", "simple"],
    ["a simple value", "f0", "simple"],
    ["a simple value in two bytes", "f820", "simple"],
    ["a half float", "f93c00", "float"],
    ["a float", "fa3f800000", "float"],
    ["a double", "fb3ff8000000000000", "float"],
    ["NaN", "fb7ff8000000000000", "float"],
    ["2^63", "1b8000000000000000", "integer-range"],
    ["−2^63 − 1", "3b8000000000000000", "integer-range"],
    ["600 nested lists", "81".repeat(600) + "80", "depth"],
  ])("%s", (_name, hex, fault) => {
    expect(() => decodeCbor(Buffer.from(hex, "hex"))).toThrow(
      expect.toSatisfy((error) => isDecampError(error, "damaged") && error.data["fault"] === fault) as Error,
    );
  });
});

test.each<[string, CborValue]>([
  ["1bffffffffffffffff".replace("1bff", "1b7f"), 9223372036854775807n],
  ["3b7fffffffffffffff", -9223372036854775808n],
  ["1b001fffffffffffff", Number.MAX_SAFE_INTEGER],
  ["3b001ffffffffffffe", Number.MIN_SAFE_INTEGER],
  ["3b001fffffffffffff", -9007199254740992n],
  ["63efbbbf", "\ufeff"],
  ["a1695f5f70726f746f5f5f01", JSON.parse('{"__proto__": 1}') as CborValue],
])("%s is read without loss", (hex, expected) => {
  const decoded = decodeCbor(Buffer.from(hex, "hex"));
  expect(JSON.stringify(decoded, (_key, each: unknown) => (typeof each === "bigint" ? `${each}n` : each))).toBe(
    JSON.stringify(expected, (_key, each: unknown) => (typeof each === "bigint" ? `${each}n` : each)),
  );
  expect(Buffer.from(encodeCbor(decoded)).toString("hex")).toBe(hex);
});

test.each([1.5, NaN, Infinity, -0, 2 ** 53, 2n ** 63n, undefined, "\ud800", Symbol("x")])(
  "%s has no encoding",
  (wrong) => {
    expect(() => encodeCbor({ a: wrong as CborValue })).toThrow(TypeError);
  },
);
