import { expect, test } from "vitest";
import type { CborValue } from "../../src/data/cbor.ts";
import type { RepoLimits } from "../../src/repo/limits.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { createRepoVerifier, verifyRepo, type Expectation } from "../../src/repo/verify.ts";
import { makeAccount, makeRecords, testNow } from "./tools/account.ts";
import { makeCar, section, sortBlocks } from "./tools/build.ts";
import { Random } from "./tools/random.ts";

const account = await makeAccount({ records: makeRecords(31, 100) });
const expectation: Expectation = { did: account.did, signingKeys: [account.signer.didKey], now: testNow };
const car = makeCar(account.commit.cid, sortBlocks(account.blocks, "random", new Random(1)));

test("the index has a limit, whose name is in the message", async () => {
  const report = await verifyRepo(bytesSource(car), expectation, { limits: { indexEntries: 50 } });
  expect(report).toMatchObject({ ok: false, completeness: "incomplete" });
  expect(report.findings[0]).toMatchObject({ rule: "limit/index-entries" });
  expect(report.findings[0]?.message).toContain("--limit index-entries=");
});

test("what a stream holds has a limit, which reading back does without", async () => {
  const limits = { heldBytes: 1000 };
  async function* stream(): AsyncIterable<Uint8Array> {
    yield await Promise.resolve(car);
  }
  const report = await verifyRepo(stream(), expectation, { limits });
  expect(report.ok).toBe(false);
  expect(report.findings[0]).toMatchObject({ rule: "limit/held-bytes" });
  expect(report.findings[0]?.message).toContain("--limit held-bytes=");
  expect((await verifyRepo(bytesSource(car), expectation, { limits })).ok).toBe(true);
});

test("a report lists so many findings, and says how many more there are", async () => {
  const blocks = account.blocks.filter(({ cid }) => !account.records.has(cid));
  const report = await verifyRepo(bytesSource(makeCar(account.commit.cid, blocks)), expectation, {
    limits: { findings: 10 },
  });
  expect(report.findings).toHaveLength(11);
  expect(report.findings.at(-1)?.rule).toBe("limit/findings");
  // A hundred records are missing, and one finding says so for all.
  expect(report.findings.at(-1)?.message).toMatch(/^91 more .*--limit findings=/);
});

test("a block above the limit ends the reading; a raised limit lets it pass", async () => {
  const large = await makeAccount({
    records: [{ key: "a.b.c/large", value: { $type: "a.b.c", text: "x".repeat(2 << 20) } }],
  });
  const file = makeCar(large.commit.cid, large.blocks);
  const expected = { did: large.did, signingKeys: [large.signer.didKey] };
  const refused = await verifyRepo(bytesSource(file), expected, { limits: { blockBytes: 1 << 20 } });
  expect(refused.findings.map(({ rule }) => rule)).toContain("limit/block-bytes");
  const passed = await verifyRepo(bytesSource(file), expected);
  expect(passed.ok).toBe(true);
  expect(passed.findings.map(({ rule, key }) => [rule, key])).toEqual([["record/size", "a.b.c/large"]]);
});

test("a length of a terabyte is refused before any memory is taken", () => {
  const verifier = createRepoVerifier(expectation);
  verifier.write(makeCar(account.commit.cid, []));
  const claim = section(new Uint8Array(), new Uint8Array());
  expect(claim).toHaveLength(1);
  verifier.write(Buffer.from("808080808020", "hex"));
  expect(verifier.end().findings[0]?.rule).toBe("limit/block-bytes");
});

test("an abort ends a verification", async () => {
  const reason = new Error("enough");
  await expect(verifyRepo(bytesSource(car), expectation, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test("missing records and records with faults are named by their keys", async () => {
  const gone = account.leaves[17]!;
  const blocks = account.blocks.filter(({ cid }) => cid !== gone.value);
  const report = await verifyRepo(bytesSource(makeCar(account.commit.cid, blocks)), expectation);
  expect(report.findings).toContainEqual(
    expect.objectContaining({ rule: "mst/missing-record", key: gone.key, cid: gone.value }),
  );
});

test("an expected key that is none is refused at once", () => {
  expect(() => createRepoVerifier({ signingKeys: ["did:key:zNone"] })).toThrow();
});

/** A record of so many levels. */
function nested(depth: number): CborValue {
  let value: CborValue = {};
  for (let level = 1; level < depth; level++) {
    value = { a: value };
  }
  return value;
}

const deep = await makeAccount({ records: [{ key: "a.b.c/deep", value: { $type: "a.b.c", a: nested(19) } }] });
const deepCar = makeCar(deep.commit.cid, deep.blocks);
const headerSize = deepCar[0]!;
const largest = Math.max(...deep.blocks.map(({ bytes }) => bytes.length));

test.each<[keyof RepoLimits, number, Uint8Array, string]>([
  ["headerBytes", headerSize, deepCar, "limit/header-bytes"],
  ["blockBytes", largest, deepCar, "limit/block-bytes"],
  ["recordDepth", 20, deepCar, "record/depth"],
])("%s: met it passes, and one less is named", async (limit, most, file, rule) => {
  const rulesWith = async (value: number): Promise<string[]> => {
    const { findings } = await verifyRepo(bytesSource(file), {}, { limits: { [limit]: value } });
    return findings.map((finding) => finding.rule);
  };
  expect(await rulesWith(most)).toEqual([]);
  expect((await rulesWith(most - 1))[0]).toBe(rule);
});
