import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findBlobRefs } from "../../src/data/blob-refs.ts";
import { decodeCbor, encodeCbor, type CborValue } from "../../src/data/cbor.ts";
import { CidLink, cidFor, cidFromBytes, cidFromDigest, cidToBytes, isCid, parseCid } from "../../src/data/cid.ts";
import { toJson } from "../../src/data/json.ts";
import { isDecampError } from "../../src/errors.ts";

describe("CIDs", () => {
  test("the empty tree has the CID of the specification", () => {
    const bytes = encodeCbor({ e: [], l: null });
    expect(cidFor("dag-cbor", bytes)).toBe("bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm");
  });

  test("any digest survives all forms", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.constantFrom("raw", "dag-cbor"),
        (digest, codec) => {
          const cid = cidFromDigest(codec, digest);
          expect(parseCid(cid)).toEqual({ codec, digest: new Uint8Array(digest) });
          expect(cidFromBytes(cidToBytes(cid))).toBe(cid);
        },
      ),
    );
  });

  test("a text with any letter in any place is one if, and only if, it has the bytes of one", () => {
    const letters = fc.constantFrom(...Array.from("abcdefghijklmnopqrstuvwxyz234567A18\nü"));
    const all = fc.tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constantFrom("raw", "dag-cbor"));
    let good = 0;
    fc.assert(
      fc.property(all, fc.nat(59), letters, ([digest, codec], at, letter) => {
        const cid = cidFromDigest(codec, digest);
        const text = `${cid.slice(0, at)}${letter}${cid.slice(at + 1)}`;
        let isOne = true;
        try {
          cidToBytes(text);
        } catch {
          isOne = false;
        }
        good += isOne ? 1 : 0;
        expect([text, isCid(text)]).toEqual([text, isOne]);
      }),
      { numRuns: 3000, seed: 19 },
    );
    // Both come.
    expect([good > 300, good < 2700]).toEqual([true, true]);
  });

  const good = "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm";
  test.each([
    "",
    "bafy",
    good.toUpperCase(),
    ` ${good}`,
    `${good}a`,
    good.slice(0, -1),
    `${good.slice(0, -1)}n`,
    "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
    good.replace("bafyrei", "bafybei"),
  ])("%j is none that counts", (text) => {
    expect(isCid(text)).toBe(false);
    expect(() => parseCid(text)).toThrow(expect.toSatisfy((error) => isDecampError(error, "damaged")) as Error);
  });
});

test("JSON has links, bytes and all digits", () => {
  const cid = cidFor("raw", new Uint8Array());
  const value: CborValue = {
    link: new CidLink(cid),
    bytes: Uint8Array.of(1, 2, 3, 4),
    large: 9223372036854775807n,
    list: [1, "ü\n", null, true, [], {}],
  };
  expect(toJson(value, 0)).toBe(
    `{"link":{"$link":"${cid}"},"bytes":{"$bytes":"AQIDBA"},"large":9223372036854775807,"list":[1,"ü\\n",null,true,[],{}]}`,
  );
  expect(toJson({ a: [1, { b: 2 }] })).toBe(JSON.stringify({ a: [1, { b: 2 }] }, null, 2));
});

describe("blob refs", () => {
  const raw = cidFor("raw", Uint8Array.of(1));
  const other = cidFor("dag-cbor", Uint8Array.of(1));
  const typed = { $type: "blob", ref: new CidLink(raw), mimeType: "image/png", size: 5 };
  const legacy = { cid: raw, mimeType: "image/jpeg" };

  test("typed and legacy ones are found wherever they stand", () => {
    expect(findBlobRefs({ a: [{ b: typed }], c: legacy, d: typed })).toEqual([
      { cid: raw, mimeType: "image/png", size: 5, legacy: false },
      { cid: raw, mimeType: "image/jpeg", size: -1, legacy: true },
      { cid: raw, mimeType: "image/png", size: 5, legacy: false },
    ]);
  });

  test("a codec other than raw, and a negative size, count as they do for the reference server", () => {
    expect(findBlobRefs({ ...typed, ref: new CidLink(other), size: -1 })).toEqual([
      { cid: other, mimeType: "image/png", size: -1, legacy: false },
    ]);
  });

  test.each<[string, CborValue]>([
    ["another field", { ...typed, extra: 1 }],
    ["another type", { ...typed, $type: "image" }],
    ["a ref that is a text", { ...typed, ref: raw }],
    ["a size that is a text", { ...typed, size: "5" }],
    ["a legacy ref with another field", { ...legacy, size: 5 }],
    ["a legacy ref whose CID is none", { ...legacy, cid: "x" }],
  ])("%s makes it something else", (_name, value) => {
    expect(findBlobRefs(decodeCbor(encodeCbor({ value })))).toEqual([]);
  });
});
