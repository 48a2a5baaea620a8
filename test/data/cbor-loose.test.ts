import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findBlobRefs, recordBlobRefs } from "../../src/data/blob-refs.ts";
import { decodeCbor, encodeCbor, type CborMap } from "../../src/data/cbor.ts";
import { readLoose } from "../../src/data/cbor-loose.ts";
import { cidFor, cidToBytes } from "../../src/data/cid.ts";
import { looseJson } from "../../src/data/json.ts";
import { isDecampError } from "../../src/errors.ts";
import { makeRecords } from "../repo/tools/account.ts";

const picture = cidFor("raw", Buffer.from("a picture"));
const link = `d82a582500${Buffer.from(cidToBytes(picture)).toString("hex")}`;

/** A text in CBOR, as hexadecimal digits. */
function text(value: string): string {
  return Buffer.from(encodeCbor(value)).toString("hex");
}

function hex(...parts: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(parts.join(""), "hex"));
}

const typed = `a4${text("ref")}${link}${text("size")}09${text("$type")}${text("blob")}${text("mimeType")}${text("image/png")}`;
const legacy = `a2${text("cid")}${text(picture)}${text("mimeType")}${text("image/png")}`;
const b = text("b");
const c = text("c");

describe("a blob ref is found in a record that breaks the data model by", () => {
  test.each([
    ["a double", "float", `a2${b}fb3ff8000000000000${c}`, ""],
    ["a half float behind it", "float", `a2${b}`, `${c}f93c00`],
    ["NaN", "float", `a2${b}f97e00${c}`, ""],
    ["undefined", "simple", `a2${b}f7${c}`, ""],
    ["a simple value", "simple", `a2${b}f820${c}`, ""],
    ["text that is not UTF-8", "utf8", `a2${b}61ff${c}`, ""],
    ["a key that is not UTF-8", "utf8", `a261ff01${c}`, ""],
    ["the order of its keys", "key-order", `a2${c}01${b}`, ""],
    ["a key that stands twice", "duplicate-key", `a2${b}01${b}`, ""],
    ["a number as a key", "key-type", `a20101${c}`, ""],
    ["nesting", "depth", `a1${b}${"81".repeat(3000)}`, ""],
    ["a list of indefinite length", "indefinite", `a1${b}9f`, "ff"],
    ["a map of indefinite length", "indefinite", `bf${b}`, "ff"],
    ["a text of indefinite length", "indefinite", `a2${b}7f6161ff${c}`, ""],
    ["a number that is not minimal", "not-minimal", `a2${b}1801${c}`, ""],
    ["a length that is not minimal", "not-minimal", `b801${b}`, ""],
    ["a tag around it", "tag", `a1${b}c1`, ""],
    ["an integer beyond 64 bits", "integer-range", `a2${b}1bffffffffffffffff${c}`, ""],
    ["a link of another kind", "link", `a2${b}d82a4101${c}`, ""],
    ["bytes behind it", "trailing", `a1${b}`, "00"],
    ["an end before its end", "truncated", `a2${b}`, ""],
    ["a head that is reserved, behind it", "reserved", `a2${b}`, `${c}1c`],
  ])("%s", (_name, fault, before, after) => {
    for (const [ref, isLegacy] of [
      [typed, false],
      [legacy, true],
    ] as const) {
      const bytes = hex(before, ref, after);
      expect(() => decodeCbor(bytes)).toThrow(
        expect.toSatisfy((error) => isDecampError(error, "damaged") && error.data["fault"] === fault) as Error,
      );
      expect(recordBlobRefs(bytes).refs).toEqual([
        { cid: picture, mimeType: "image/png", size: isLegacy ? -1 : 9, legacy: isLegacy },
      ]);
    }
  });

  test.each([
    ["a size that is a float", typed.replace(`${text("size")}09`, `${text("size")}f94880`), 9],
    ["a size that is no number", typed.replace(`${text("size")}09`, `${text("size")}f97e00`), -1],
    ["the order of its own keys", typed.replace(`${text("size")}09`, "") + `${text("size")}09`, 9],
  ])("%s", (_name, ref, size) => {
    expect(recordBlobRefs(hex(`a1${b}`, ref))).toEqual({
      refs: [{ cid: picture, mimeType: "image/png", size, legacy: false }],
      isAll: true,
    });
  });
});

describe("whether these are all", () => {
  test.each([
    ["a record that is whole", `a1${b}${typed}`, true],
    ["a record that ends early, and names no blob", `a1${b}8261`, true],
    ["a record that ends in a blob ref", `a1${b}${typed.slice(0, -4)}`, false],
    ["a head that is reserved before a blob ref", `a2${b}1c${c}${typed}`, false],
    ["bytes behind the end that are none", `a1${b}${typed}00`, true],
    ["a blob ref behind the end", `a1${b}01${typed}`, false],
    ["nothing", "", true],
  ])("%s", (_name, record, isAll) => {
    expect(recordBlobRefs(hex(record)).isAll).toBe(isAll);
  });

  test("more values than are kept are not read", () => {
    const bytes = Buffer.concat([hex(`9a00200000`), Buffer.alloc(2 << 20), hex(typed)]);
    const { isWhole, end } = readLoose(bytes);
    expect(isWhole).toBe(false);
    expect(end).toBeLessThan(2 << 20);
    expect(recordBlobRefs(bytes)).toEqual({ refs: [], isAll: false });
  });

  test("a count that is a lie takes neither time nor memory", () => {
    expect(readLoose(hex("9bffffffffffffffff01"))).toEqual({ value: [1], isWhole: false, end: 10, depth: 1 });
    expect(readLoose(hex("5bffffffffffffffff01"))).toMatchObject({ value: undefined, isWhole: false });
  });
});

/** Records as accounts have them, with bytes changed. */
const damaged = fc
  .tuple(
    fc.constantFrom(...makeRecords(5, 60).map(({ value }) => encodeCbor(value as CborMap)), hex(`a1${b}${typed}`)),
    fc.array(
      fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0x1c, 0x9f, 0xbf, 0x7f, 0xff, 0xc1, 0xf7, 0xfb))),
      { maxLength: 4 },
    ),
    fc.nat(),
  )
  .map(([original, changes, cut]) => {
    const bytes = Uint8Array.from(original);
    for (const [at, byte] of changes) {
      bytes[at % bytes.length] = byte;
    }
    return cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes;
  });

test("whatever the bytes are: an end, no error, no more refs than there is room for; and what is good reads the same", () => {
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 300 })), (bytes) => {
      const { value, isWhole, end } = readLoose(bytes);
      expect(end).toBeLessThanOrEqual(bytes.length);
      // A ref takes its CID at least.
      expect(recordBlobRefs(bytes).refs.length).toBeLessThanOrEqual(bytes.length / 36);
      const json = looseJson(bytes);
      expect(json === undefined || JSON.parse(json) !== undefined).toBe(true);
      let decoded: unknown;
      try {
        decoded = decodeCbor(bytes);
      } catch (error) {
        expect(isDecampError(error, "damaged")).toBe(true);
        return;
      }
      expect({ value, isWhole, end }).toEqual({ value: decoded, isWhole: true, end: bytes.length });
      expect(recordBlobRefs(bytes)).toEqual({ refs: findBlobRefs(decodeCbor(bytes)), isAll: true });
    }),
    { numRuns: 1000 },
  );
});

describe("as JSON, marked where there is no form for it:", () => {
  test.each([
    [
      "floats",
      "86f93e00f93c00fa40490fdbfb3ff3c0ca428c59fbf98000fb7e37e43c8800759c",
      '[{"$float":1.5},{"$float":1.0},{"$float":3.1415927410125732},{"$float":1.2345678901234567},{"$float":-0.0},{"$float":1e+300}]',
    ],
    [
      "numbers that are none",
      "83f97e00f97c00f9fc00",
      '[{"$float":"NaN"},{"$float":"Infinity"},{"$float":"-Infinity"}]',
    ],
    ["the smallest half", "81f90001", '[{"$float":5.960464477539063e-8}]'],
    ["simple values", "82f7f820", '[{"$undefined":true},{"$simple":32}]'],
    ["a text that is not UTF-8", "8161ff", '[{"$badText":"/w"}]'],
    ["a tag", "c101", '{"$tag":1,"$value":1}'],
    ["a link of another kind", "d82a4101", '{"$tag":42,"$value":{"$bytes":"AQ"}}'],
    ["a key that stands twice", "a2616101616102", '{"$map":[["a",1],["a",2]]}'],
    ["a key that is no text", "a10102", '{"$map":[[1,2]]}'],
    ["an integer beyond 64 bits", "811bffffffffffffffff", "[18446744073709551615]"],
    ["keys in their order", "a2616201616102", '{"b":1,"a":2}'],
    [
      "a map that looks like a mark",
      `a2${b}f7${c}a1${text("$float")}01`,
      '{"b":{"$undefined":true},"c":{"$map":[["$float",1]]}}',
    ],
  ])("%s", (_name, bytes, json) => {
    expect(looseJson(hex(bytes), 0)).toBe(json);
  });

  test.each([
    ["what ends early", "a16161"],
    ["what is nested too deeply to be written", `${"81".repeat(600)}80`],
    ["what has bytes behind its end", "a000"],
  ])("nothing for %s", (_name, bytes) => {
    expect(looseJson(hex(bytes))).toBeUndefined();
  });
});
