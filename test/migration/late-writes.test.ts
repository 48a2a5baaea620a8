/** Records that exist only on the old server, where no new server takes one of them as it stands. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { snapshotFile } from "../../src/archive/layout.ts";
import type { Context } from "../../src/migration/context.ts";
import { findHolding } from "../../src/migration/holding.ts";
import { lateWrites } from "../../src/migration/steps/late-writes.ts";
import { Records, assemble, good, ok, repo } from "../repo/fixtures/fixture.ts";
import { aliceDid, testNow } from "../repo/tools/account.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-late-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("one that breaks the data model is named, and holds up no other", async () => {
  const float = Buffer.from("a26161fb3ff800000000000065247479706563612e62", "hex");
  const last = { $type: "a.b.c", text: "written late" };
  const before = new Records().add("a.b.c/first", { $type: "a.b.c" });
  const after = new Records()
    .add("a.b.c/first", { $type: "a.b.c" })
    .addBytes("a.b.c/float", float)
    .add("a.b.c/last", last);
  const path = snapshotFile(folder, "before", "repo");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, assemble(await repo("before", "", ok, { records: before }), "as-made"));
  const car = assemble(await repo("after", "", ok, { records: after }), "as-made");
  const carThere = assemble(await repo("there", "", ok, { records: before }), "as-made");
  const bytes = async function* (): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(car);
  };

  const created: unknown[] = [];
  const left: string[] = [];
  const noted: unknown[] = [];
  const context = {
    hasSnapshot: true,
    snapshot: { snapshot: "before", commit: "another", files: {} },
    archive: folder,
    lacking: [],
    lateWrites: [] as string[],
    identity: { did: aliceDid, log: { signingKeys: good.signingKeys, entries: [] } },
    expectation: { did: aliceDid, signingKeys: good.signingKeys, now: testNow },
    expectationThere: { did: aliceDid, signingKeys: good.signingKeys, now: testNow },
    services: { now: () => testNow, sleep: () => Promise.resolve() },
    options: { bringLateWrites: true, concurrency: 1 },
    signal: new AbortController().signal,
    source: {
      isSignedIn: true,
      latestCommit: () => Promise.resolve({ cid: "a newer one" }),
      getRepo: () => Promise.resolve({ bytes: bytes() }),
    },
    target: {
      isSignedIn: true,
      getRepo: () => Promise.resolve({ bytes: [carThere] }),
      createRecord: (record: object, json: string) => {
        created.push([record, JSON.parse(json)]);
        return Promise.resolve();
      },
    },
    warn: () => undefined,
    leave: (code: string, message: string) => left.push(`${code}: ${message}`),
    note: (entry: unknown) => {
      noted.push(entry);
      return Promise.resolve();
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the step asks of its context
  expect(await lateWrites.run(context as unknown as Context)).toBe("1: a.b.c/float");
  expect(created).toEqual([[{ did: aliceDid, collection: "a.b.c", rkey: "last" }, last]]);
  expect(left).toEqual([
    "late-write-unfit: a.b.c/float cannot be written to the new server as it stands on the old one: it breaks the data model. There is a floating-point number.",
  ]);
  expect(noted).toEqual([]);
  expect(context.lateWrites).toEqual(["a.b.c/float"]);
});

/** A server that gives out these records. */
const served = async (records: Records): Promise<object> => {
  const car = assemble(await repo("served", "", ok, { records }), "as-made");
  return {
    isSignedIn: true,
    getRepo: async () => Promise.resolve({ bytes: [car] }),
    latestCommit: async () => Promise.resolve({ cid: "a newer one" }),
  };
};

test("all that the new server lacks is brought in one run, however much that is", async () => {
  const all = Array.from({ length: 2500 }, (_, place) => `a.b.c/r${String(place).padStart(4, "0")}`);
  const full = new Records().add("a.b.c/both", { $type: "a.b.c" });
  for (const key of all) {
    full.add(key, { $type: "a.b.c", text: key });
  }
  const few = new Records().add("a.b.c/both", { $type: "a.b.c" });
  const created: string[] = [];
  const context = {
    hasSnapshot: true,
    snapshot: { snapshot: "before", commit: "another", files: {} },
    archive: folder,
    where: { source: { state: "active" }, target: { state: "active", head: { did: aliceDid, data: "another" } } },
    journal: { state: {} },
    identity: { did: aliceDid, log: { signingKeys: good.signingKeys, entries: [] } },
    expectation: { did: aliceDid, signingKeys: good.signingKeys, now: testNow },
    expectationThere: { did: aliceDid, signingKeys: good.signingKeys, now: testNow },
    options: { bringLateWrites: true, concurrency: 1 },
    signal: new AbortController().signal,
    source: await served(full),
    target: {
      ...(await served(few)),
      createRecord: async ({ rkey }: { rkey: string }) => Promise.resolve(void created.push(`a.b.c/${rkey}`)),
    },
    warn: () => undefined,
    note: async () => Promise.resolve(),
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is asked of it
  const asked = context as unknown as Context;
  const holding = await findHolding(asked);
  expect(holding).toEqual({ kind: "lacking", paths: all.slice(0, 1000), count: 2500, isEmpty: false });
  Object.assign(context, { lacking: all.slice(0, 1000), lackingCount: 2500 });
  expect(await lateWrites.run(asked)).toBe("none");
  expect(created).toEqual(all);
});
