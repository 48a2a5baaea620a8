/** What the official test files say of data (fixtures/interop). */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { findBlobRefs } from "../../src/data/blob-refs.ts";
import { decodeCbor, encodeCbor } from "../../src/data/cbor.ts";
import { readLoose } from "../../src/data/cbor-loose.ts";
import { cidFor } from "../../src/data/cid.ts";
import { toJson } from "../../src/data/json.ts";

interface DataModelFixture {
  readonly json: unknown;
  readonly cbor_base64: string;
  readonly cid: string;
}

const file = new URL("../../fixtures/interop/data-model/data-model-fixtures.json", import.meta.url);
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a file of ours
const fixtures = JSON.parse(readFileSync(file, "utf8")) as DataModelFixture[];

test.each(fixtures)("$cid", ({ json, cbor_base64, cid }) => {
  const bytes = new Uint8Array(Buffer.from(cbor_base64, "base64"));
  const value = decodeCbor(bytes);
  expect(cidFor("dag-cbor", bytes)).toBe(cid);
  expect(JSON.parse(toJson(value))).toEqual(json);
  expect(encodeCbor(value)).toEqual(bytes);
  expect(readLoose(bytes)).toMatchObject({ value, isWhole: true, end: bytes.length });
});

test("the blob in them is found", () => {
  const found = fixtures.flatMap(({ cbor_base64 }) => findBlobRefs(decodeCbor(Buffer.from(cbor_base64, "base64"))));
  expect(found).toEqual([
    {
      cid: "bafkreiccldh766hwcnuxnf2wh6jgzepf2nlu2lvcllt63eww5p6chi4ity",
      mimeType: "image/jpeg",
      size: 10000,
      legacy: false,
    },
  ]);
});
