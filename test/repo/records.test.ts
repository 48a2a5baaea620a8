import { describe, expect, test } from "vitest";
import { findBlobRefs } from "../../src/data/blob-refs.ts";
import { CidLink, anyCodecCidToBytes, cidFor, cidToBytes, readAnyCodecCid } from "../../src/data/cid.ts";
import { encodeCbor } from "../../src/data/cbor.ts";
import { collect } from "../../src/data/slices.ts";
import { isDecampError } from "../../src/errors.ts";
import { diffRepos } from "../../src/repo/diff.ts";
import { mergeRepos } from "../../src/repo/write/merge.ts";
import { oneRootHeader } from "../../src/repo/write/one-root.ts";
import { splitRepo } from "../../src/repo/write/split.ts";
import { readBlobRefs, readRecords } from "../../src/repo/records.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { verifyRepo } from "../../src/repo/verify.ts";
import { assemble, baseRecords, good, ok, repo } from "./fixtures/fixture.ts";
import { makeAccount, makeRecords } from "./tools/account.ts";
import { buildTree, carHeader, makeCar, orders, section, sortBlocks } from "./tools/build.ts";
import { Random } from "./tools/random.ts";

const records = makeRecords(11, 500);
const account = await makeAccount({ records });

describe.each(orders)("in the order %s", (order) => {
  const car = makeCar(account.commit.cid, sortBlocks(account.blocks, order, new Random(3)));

  test("records come in the order of their keys, byte for byte", () => {
    const expected = records
      .map(({ key, value }) => ({ path: key, bytes: Buffer.from(encodeCbor(value)).toString("hex") }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    const found = [...readRecords(bytesSource(car))];
    expect(found.map(({ path, bytes }) => ({ path, bytes: Buffer.from(bytes).toString("hex") }))).toEqual(expected);
    for (const { path, collection, rkey, cid, bytes } of found) {
      expect(`${collection}/${rkey}`).toBe(path);
      expect(cid).toBe(cidFor("dag-cbor", bytes));
    }
  });

  test("blob refs come with the records that need them", () => {
    const expected = new Map<string, string[]>();
    for (const { key, value } of records.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
      for (const { cid } of findBlobRefs(value)) {
        expected.set(cid, [...(expected.get(cid) ?? []), key]);
      }
    }
    const found = readBlobRefs(bytesSource(car));
    expect(expected.size).toBeGreaterThan(10);
    expect([...found].map(([cid, { records: paths }]) => [cid, paths])).toEqual([...expected]);
  });
});

test("an empty repository has no records", async () => {
  const empty = await makeAccount({ records: [] });
  expect([...readRecords(bytesSource(makeCar(empty.commit.cid, empty.blocks)))]).toEqual([]);
});

test("a missing record is an error, not a gap", () => {
  const without = account.blocks.filter(({ cid }) => cid !== account.leaves[7]?.value);
  expect(() => [...readRecords(bytesSource(makeCar(account.commit.cid, without)))]).toThrow(
    expect.toSatisfy((error) => isDecampError(error, "damaged")) as Error,
  );
});

test("an abort ends the walk", () => {
  const abort = new AbortController();
  const walk = readRecords(bytesSource(makeCar(account.commit.cid, account.blocks)), { signal: abort.signal });
  expect(() => {
    for (const record of walk) {
      abort.abort(new Error(`stop at ${record.path.slice(0, 3)}`));
    }
  }).toThrow("stop at app");
});

test("a node whose entries are as short as they can be", async () => {
  // One letter each, behind a prefix of less than 24.
  const short = ["00", "01", "07", "08", "10", "13", "14", "15"].map((rkey) => `app.example.note/${rkey}`);
  const { commit, blocks } = await makeAccount({ records: short.map((key) => ({ key, value: {} })) });
  const found = [...readRecords(bytesSource(makeCar(commit.cid, blocks)))];
  expect(found.map(({ path }) => path)).toEqual(short);
});

/** A typed ref, in hexadecimal digits. */
function ref(cid: string): string {
  return Buffer.from(encodeCbor({ $type: "blob", ref: new CidLink(cid), mimeType: "image/png", size: 9 })).toString(
    "hex",
  );
}

describe("records that break the data model", () => {
  const picture = cidFor("raw", Buffer.from("a picture"));
  const other = cidFor("raw", Buffer.from("another picture"));
  const records = new Map([
    // a, a float, b, the ref
    ["app.example.note/float", `a26161fb3ff80000000000006162${ref(picture)}`],
    ["app.example.note/cut", `a3616161026162${ref(other)}`],
    ["app.example.note/hidden", `a261611c6162${ref(picture)}`],
    ["app.example.note/noblob", "a26161f7616201"],
  ]);
  const made = repo("broken", "", ok, {
    records: [...records].reduce((all, [key, hex]) => all.addBytes(key, Buffer.from(hex, "hex")), baseRecords()),
  });

  test("readBlobRefs finds the blobs in them, and tells what it could not read", async () => {
    const unknown: string[] = [];
    const found = readBlobRefs(bytesSource(assemble(await made, "as-made")), {
      onUnknown: ({ path }) => unknown.push(path),
    });
    expect([...found].map(([cid, { records: paths }]) => [cid, paths])).toEqual([
      [other, ["app.example.note/cut"]],
      [picture, ["app.example.note/float"]],
    ]);
    expect(unknown).toEqual(["app.example.note/cut", "app.example.note/hidden"]);
  });

  test.each(["as-made", "reversed", "random"] as const)("the verifier says the same, blocks %s", async (order) => {
    const car = assemble(await made, order);
    const once = async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(car);
    };
    const report = await verifyRepo(bytesSource(car), good);
    for (const { blobs, ok: isGood, findings } of [report, await verifyRepo(once(), good)]) {
      expect([isGood, blobs.referenced]).toEqual([true, 2]);
      expect(findings.filter(({ rule }) => rule === "record/blobs-unknown")).toHaveLength(2);
    }
    const named = report.findings.filter(({ rule }) => rule === "record/blobs-unknown").map(({ key }) => key);
    expect(new Set(named)).toEqual(new Set(["app.example.note/cut", "app.example.note/hidden"]));
  });
});

describe.each(["raw", "dag-json"] as const)("a record of codec %s", (codec) => {
  const content = Buffer.from('{"$type":"app.bsky.feed.post","text":"as JSON"}');
  const digest = cidToBytes(cidFor("raw", content)).subarray(4);
  const head = { raw: "01551220", "dag-json": "01a9021220" }[codec];
  const cid = readAnyCodecCid(Buffer.concat([Buffer.from(head, "hex"), digest]), 0)?.cid ?? "";
  const make = async (last: string, withContent = true): Promise<Buffer> => {
    const all = baseRecords().add("z.z.z/last", { $type: "z.z.z", text: last });
    const fixture = await repo("other", "", ok, {
      records: all,
      tree: (root) => {
        root.entries[0]!.value = cid;
      },
      sections: (sections) => (withContent ? [...sections, section(anyCodecCidToBytes(cid), content)] : sections),
    });
    return assemble(fixture, "as-made");
  };
  const key = buildTree(baseRecords().leaves).entries[0]!.key;

  test("is read like any other, and is a warning", async () => {
    const car = await make("a");
    const found = [...readRecords(bytesSource(car))];
    expect(found).toHaveLength(14);
    expect(found.find(({ path }) => path === key)).toMatchObject({ cid, bytes: content });
    const report = await verifyRepo(bytesSource(car), good);
    expect(report.findings.map(({ rule, key: named }) => [rule, named])).toEqual([["mst/record-link", key]]);
    expect([report.ok, report.records, report.strays]).toEqual([true, 14, 0]);
    expect([...readBlobRefs(bytesSource(car))]).toEqual([]);
  });

  test("comes through a diff and a merge", async () => {
    const [before, after] = [await make("a"), await make("b")];
    expect([...diffRepos(bytesSource(before), bytesSource(after))].map(({ kind, path }) => [kind, path])).toEqual([
      ["changed", "z.z.z/last"],
    ]);
    const merged = Buffer.concat([...mergeRepos(bytesSource(before), bytesSource(await make("b", false)))]);
    expect(await verifyRepo(bytesSource(merged), good)).toMatchObject({ ok: true, records: 14, strays: 0 });
    expect([...readRecords(bytesSource(merged))].map(({ cid: each }) => each)).toContain(cid);
  });

  test("whose section has no room for it is no block of that name", async () => {
    const short = await repo("short", "", ok, {
      tree: (root) => {
        root.entries[0]!.value = cid;
      },
      // The last byte of the CID stands behind the end of the section.
      sections: (sections) => [
        ...sections,
        section(anyCodecCidToBytes(cid).subarray(0, -1), new Uint8Array()),
        Buffer.from(anyCodecCidToBytes(cid).subarray(-1)),
      ],
    });
    expect(() => [...readRecords(bytesSource(assemble(short, "as-made")))]).toThrow("is not in the file");
  });

  test("that is not there is missing", async () => {
    const car = await make("a", false);
    expect((await verifyRepo(bytesSource(car), good)).findings.map(({ rule }) => rule)).toContain("mst/missing-record");
    expect(() => [...readRecords(bytesSource(car))]).toThrow(`The block ${cid} is not in the file.`);
  });

  test("comes through parts", async () => {
    const parts = await collect(splitRepo(bytesSource(await make("a")), 33_500));
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.some(({ car }) => Buffer.from(car).includes(content))).toBe(true);
  });
});

test("a block of another codec that nothing leads to has no place in a repository", async () => {
  const content = Buffer.from("{}");
  const digest = cidToBytes(cidFor("raw", content)).subarray(4);
  const stray = section(Buffer.concat([Buffer.from("01a9021220", "hex"), digest]), content);
  const fixture = await repo("stray", "", ok, { sections: (sections) => [...sections, stray] });
  const report = await verifyRepo(bytesSource(assemble(fixture, "as-made")), good);
  expect(report.findings.map(({ rule }) => rule)).toEqual(["car/cid"]);
  expect(report.structure).toBe("invalid");
});

test("a header with two roots becomes one with the first of them", async () => {
  const fixture = await repo("roots", "", ok, {
    header: (root) =>
      carHeader({ version: 1, roots: [new CidLink(root), new CidLink(cidFor("dag-cbor", Uint8Array.of(1)))] }),
  });
  const car = assemble(fixture, "as-made");
  const changed = oneRootHeader(bytesSource(car));
  const one = Buffer.concat([changed?.header ?? Buffer.alloc(0), car.subarray(changed?.sectionsAt)]);
  expect(await verifyRepo(bytesSource(one), good)).toMatchObject({ ok: true, findings: [] });
  expect(oneRootHeader(bytesSource(one))).toBeUndefined();
  expect(oneRootHeader(bytesSource(Buffer.from("<html>")))).toBeUndefined();
});
