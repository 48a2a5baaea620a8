/** A CAR file that somebody else's code reads otherwise is not sent to a server. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { zstdCompressSync } from "node:zlib";
import type * as Iterator from "@ipld/car/iterator";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { snapshotFile } from "../../src/archive/layout.ts";
import { collect } from "../../src/data/slices.ts";
import { DecampError } from "../../src/errors.ts";
import type { Context } from "../../src/migration/context.ts";
import { importNow } from "../../src/migration/steps/import-repo.ts";
import { repoUpload, sendParts, sendRepo } from "../../src/migration/send-repo.ts";
import { defaultBudgets } from "../../src/data/budgets.ts";
import { readHead } from "../../src/repo/head.ts";
import { splitRepo } from "../../src/repo/write/split.ts";
import { bytesSource } from "../../src/repo/source.ts";
import { openCarFile, openStoredCar, type CarFile } from "../../src/services/disk/car-file.ts";
import type { Upload } from "../../src/services/servers/pds.ts";
import { makeAccount, makeRecords } from "../repo/tools/account.ts";
import { CidLink, cidFor } from "../../src/data/cid.ts";
import { carHeader, makeCar } from "../repo/tools/build.ts";

/** How many files are still read rightly. */
const reading = vi.hoisted(() => ({ rightly: Infinity }));
beforeEach(() => {
  reading.rightly = Infinity;
});

vi.mock("@ipld/car/iterator", async (original) => {
  const real = await original<typeof Iterator>();
  const fromIterable: typeof real.CarBlockIterator.fromIterable = async (pieces) => {
    const car = await real.CarBlockIterator.fromIterable(pieces);
    reading.rightly -= 1;
    return reading.rightly < 0 ? Object.assign(car, { getRoots: async () => Promise.resolve([]) }) : car;
  };
  return { ...real, CarBlockIterator: { fromIterable } };
});

const folder = mkdtempSync(join(tmpdir(), "decamp-send-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const account = await makeAccount({ records: makeRecords(7, 1200) });
const car = makeCar(account.commit.cid, account.blocks);
const wanted = readHead(car, account.commit.cid)!;
const path = join(folder, "repo.car");
writeFileSync(path, car);
// What decamp tries first: half of it.
const parts = await collect(splitRepo(bytesSource(car), car.length >> 1));

const files: CarFile[] = [];
afterAll(() => files.forEach((file) => file.close()));

/** A CAR file, open until all tests have ended. */
function opened(name: string): CarFile {
  const file = openCarFile(name);
  files.push(file);
  return file;
}

/** A new server that takes everything, and what it took. */
function server(): { context: Context; imported: () => number } {
  let head = "none";
  let imported = 0;
  const target = {
    host: "new.example.com",
    importRepo: async ({ open }: Upload) => {
      const pieces: Buffer[] = await open().toArray();
      const sent = Buffer.concat(pieces);
      head = [{ car, commit: account.commit.cid }, ...parts].find((one) => sent.equals(one.car))?.commit ?? "unknown";
      imported += 1;
    },
    accountStatus: async () => Promise.resolve({ repoCommit: head }),
    limits: defaultBudgets,
    latestCommit: async () => Promise.resolve({ cid: head }),
    getBlocks: async () => {
      const held = [{ car, commit: account.commit.cid }, ...parts].find(({ commit }) => commit === head);
      return Promise.resolve({ bytes: Readable.from(held === undefined ? [] : [held.car.subarray(0, 400)]) });
    },
  };
  const context = {
    target,
    identity: { did: account.did },
    targetDescription: {},
    snapshot: { records: 1200, rev: wanted.rev },
    report: () => undefined,
    signal: new AbortController().signal,
    services: { sleep: () => Promise.reject(new Error("nothing is waited for")) },
  } as unknown as Context;
  return { context, imported: () => imported };
}

const upload = (bytes: Uint8Array): Upload => ({ length: bytes.length, open: () => Readable.from([bytes]) });
const differs = { code: "second-opinion", exitCode: 9, data: { about: "car" } };

test("a whole one is sent when it is read alike, and not when it is not", async () => {
  const { context, imported } = server();
  reading.rightly = 0;
  await expect(sendRepo(context, upload(car), wanted)).rejects.toMatchObject(differs);
  expect(imported()).toBe(0);
  reading.rightly = 1;
  await sendRepo(context, upload(car), wanted);
  expect(imported()).toBe(1);
});

test("one with a byte that is wrong is not sent", async () => {
  const { context, imported } = server();
  const [part] = parts;
  const doctored = Uint8Array.from(part!.car);
  doctored[doctored.length - 9]! ^= 1;
  await expect(sendRepo(context, upload(doctored), { ...part!, rev: wanted.rev })).rejects.toMatchObject(differs);
  expect(imported()).toBe(0);
});

test("every part is looked at before it is sent, and the first that is read otherwise is the end", async () => {
  expect(parts.length).toBeGreaterThan(2);
  for (const rightly of [0, 1, 2]) {
    const { context, imported } = server();
    reading.rightly = rightly;
    await expect(sendParts(context, opened(path))).rejects.toMatchObject(differs);
    expect(imported()).toBe(rightly);
  }
  reading.rightly = parts.length;
  const { context, imported } = server();
  await sendParts(context, opened(path));
  expect(imported()).toBe(parts.length);
});

test.each([
  ["did:web:new.example.com", true],
  [account.did, false], // of a server of one account, which keeps only what came last
])(
  "of one that is too large, and says so in a 400, parts are offered where they can work: %s",
  async (did, offered) => {
    const { context } = server();
    const refusal = new DecampError("server-refused", "No.", { data: { status: 400, error: "RepoTooLarge" } });
    Object.assign(context.target, {
      importRepo: async () => Promise.reject(refusal),
      repoStatus: async () => Promise.resolve({ active: false }),
    });
    const archive = join(folder, did.replaceAll(":", "-"));
    const file = snapshotFile(archive, "3k", "repo");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, car);
    Object.assign(context, { targetDescription: { did }, archive, options: {} });
    Object.assign(context.snapshot, { ...wanted, snapshot: "3k", files: {} });
    reading.rightly = 1;
    const error = await importNow(context).catch((thrown: unknown) => thrown as DecampError);
    expect(error).toMatchObject({ code: "server-refused", data: { bytes: car.length } });
    expect((error as DecampError).hint.includes("--chunked-import")).toBe(offered);
  },
);

test("a file whose header names two roots is sent with the one that is its commit; any other as it is", async () => {
  const roots = [new CidLink(account.commit.cid), new CidLink(cidFor("dag-cbor", Uint8Array.of(1)))];
  const rest = car.subarray(carHeader({ version: 1, roots: roots.slice(0, 1) }).length);
  const file = Buffer.concat([carHeader({ version: 1, roots }), rest]);
  const odd = join(folder, "two-roots.car");
  writeFileSync(odd, file);
  const { context, imported } = server();
  await expect(sendRepo(context, upload(file), wanted)).rejects.toMatchObject(differs);
  await sendRepo(context, repoUpload(opened(odd)), wanted);
  await sendRepo(context, repoUpload(opened(path)), wanted);
  expect(imported()).toBe(2);
  // One that is compressed in the archive is sent as it was before that.
  for (const [name, bytes] of [
    [odd, file],
    [path, car],
  ] as const) {
    writeFileSync(`${name}.zst`, zstdCompressSync(bytes));
    const unpacked = await openStoredCar(`${name}.zst`);
    const [plain, packed] = [repoUpload(opened(name)), repoUpload(unpacked)];
    expect(packed.length).toBe(plain.length);
    expect(await buffer(packed.open())).toEqual(await buffer(plain.open()));
  }
});
