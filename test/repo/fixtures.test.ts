import { readFileSync, readdirSync } from "node:fs";
import { CarBlockIterator } from "@ipld/car";
import { verifyRepoCar } from "@atproto/repo";
import { describe, expect, test } from "vitest";
import { findBlobRefs } from "../../src/data/blob-refs.ts";
import { readRecords } from "../../src/repo/records.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { verifyRepo, type Expectation, type VerifyOptions } from "../../src/repo/verify.ts";
import { assemble, describe as describeFixture, type Fixture, type Verdict } from "./fixtures/fixture.ts";
import { invalid } from "./fixtures/invalid.ts";
import { valid } from "./fixtures/valid.ts";
import { decodeCbor } from "../../src/data/cbor.ts";

const folder = new URL("../../fixtures/repo/", import.meta.url);
const fixtures = { valid: await Promise.all(valid), invalid: await Promise.all(invalid) };

test("there are as many as there should be", () => {
  expect(fixtures.valid.length).toBeGreaterThanOrEqual(20);
  expect(fixtures.invalid.length).toBeGreaterThanOrEqual(80);
});

describe.each(["valid", "invalid"] as const)("%s", (kind) => {
  const place = new URL(`${kind}/`, folder);

  test("the files are what the generator makes", () => {
    const made = fixtures[kind].flatMap(({ name }) => [`${name}.car`, `${name}.json`]).sort();
    expect(readdirSync(place).sort()).toEqual(made);
    for (const fixture of fixtures[kind]) {
      expect(readFileSync(new URL(`${fixture.name}.json`, place), "utf8")).toBe(describeFixture(fixture));
      expect(readFileSync(new URL(`${fixture.name}.car`, place)).equals(assemble(fixture, "as-made"))).toBe(true);
    }
  });

  test.each(fixtures[kind])("$name: $about", async (fixture) => {
    for (const order of ["as-made", "reversed", "random"] as const) {
      const car = assemble(fixture, order);
      const options: VerifyOptions = fixture.limits === undefined ? {} : { limits: fixture.limits };
      const report = await verifyRepo(bytesSource(car), fixture.expectation, options);
      const { structure, signature, completeness, findings } = report;
      const rules = [...new Set(findings.map(({ rule }) => rule))].sort();
      expect({ order, structure, signature, completeness, rules }).toEqual({
        order,
        ...fixture.verdict,
        rules: fixture.verdict.rules.toSorted(),
      });
      expect(report.ok).toBe(kind === "valid");
      const streamed = await verifyRepo(once(car), fixture.expectation, options);
      expect(verdictOf(streamed)).toEqual(verdictOf(report));
    }
  });
});

function verdictOf({ structure, signature, completeness, findings }: Awaited<ReturnType<typeof verifyRepo>>): Verdict {
  return { structure, signature, completeness, rules: [...new Set(findings.map(({ rule }) => rule))].sort() };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield await Promise.resolve(bytes);
}

describe("other readers agree", () => {
  test.each(fixtures.valid)("$name", async (fixture) => {
    const car = assemble(fixture, "as-made");
    const report = await verifyRepo(bytesSource(car), fixture.expectation);
    const cids = new Set<string>();
    let blocks = 0;
    for await (const { cid } of await CarBlockIterator.fromBytes(car)) {
      cids.add(cid.toString());
      blocks++;
    }
    expect(report.blocks).toBe(blocks);
    expect(report.duplicates).toBe(blocks - cids.size);
    if (!fixture.onlyHere) {
      const records = [...readRecords(bytesSource(car))];
      const reference = await verifyRepoCar(car, did(fixture), signingKey(fixture, report.signingKey));
      expect(report.records).toBe(reference.creates.length);
      const theirs = reference.creates.map(({ collection, rkey, cid }) => `${collection}/${rkey} ${cid.toString()}`);
      expect(records.map(({ path, cid }) => `${path} ${cid}`)).toEqual(theirs.sort());
      const blobs = new Set(records.flatMap(({ bytes }) => findBlobRefs(decodeCbor(bytes)).map(({ cid }) => cid)));
      expect(report.blobs.referenced).toBe(blobs.size);
    }
  });
});

function did({ expectation }: { expectation: Expectation }): string {
  return expectation.did ?? "";
}

/** Where no key is expected, the reference does not check the signature either. */
function signingKey({ expectation }: Fixture, fitted: string | undefined): string | undefined {
  return expectation.signingKeys === undefined ? undefined : fitted;
}
