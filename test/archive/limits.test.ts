/** Repositories and blobs that go on and on: they are given up, and nothing of them stays. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fetchBlobs, type FetchedBlobs, type WantedBlob } from "../../src/archive/export/fetch-blobs.ts";
import { inspectDownload, proveDownload, receiveDiff, receiveRepo } from "../../src/archive/export/fetch-repo.ts";
import { markerFile } from "../../src/archive/layout.ts";
import { limitsWith, type Limits } from "../../src/data/budgets.ts";
import { encodeCbor } from "../../src/data/cbor.ts";
import { cidFor, cidToBytes } from "../../src/data/cid.ts";
import type { Download } from "../../src/services/servers/pds.ts";
import { makeAccount, makeRecords, testNow } from "../repo/tools/account.ts";
import { carHeader, makeCar, section } from "../repo/tools/build.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "decamp-limits-"));
});
afterEach(async () => rm(folder, { recursive: true }));

/** What is there beside the marker that says whose archive it is. */
async function left(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name !== basename(markerFile(folder)));
}

const account = await makeAccount({ records: makeRecords(5, 20) });
const car = makeCar(account.commit.cid, account.blocks);
const expectation = { did: account.did, signingKeys: [account.signer.didKey], now: testNow };
const options = { signal: AbortSignal.timeout(60_000), onProgress: () => undefined };
const { signal } = options;

/** Blocks that nothing leads to, each of 1000 bytes and a few. */
function stray(number: number): Buffer {
  const data = encodeCbor({ n: number, pad: new Uint8Array(1000) });
  return section(cidToBytes(cidFor("dag-cbor", data)), data);
}

/** What was made of a download: how much of it was read. */
interface Stream extends Download {
  taken: number;
}

/** Bytes, and then more of them without end, unless somebody stops reading. */
function endless(start: Uint8Array, more: (number: number) => Uint8Array, changed: Partial<Limits> = {}): Stream {
  const count = { taken: 0 };
  const bytes = (async function* () {
    yield start;
    for (let number = 0; ; number += 1) {
      const piece = more(number);
      count.taken += piece.length;
      // Long before the machine is full.
      expect(count.taken).toBeLessThan(64 << 20);
      yield await Promise.resolve(piece);
    }
  })();
  return Object.assign(count, { bytes, limits: limitsWith(changed) });
}

const whole = (bytes: Uint8Array, changed: Partial<Limits> = {}): Download => ({
  limits: limitsWith(changed),
  bytes: (async function* () {
    yield await Promise.resolve(bytes);
  })(),
});

const zeros = Buffer.alloc(1 << 16);
const header = carHeader({ version: 1, roots: [] });
/** The second block is not what its CID says. */
const spoiled = Buffer.concat([
  makeCar(account.commit.cid, account.blocks.slice(0, 1)),
  section(cidToBytes(account.blocks[1]!.cid), Buffer.from("something else")),
]);

describe("what is no repository is given up at the first block that proves it", () => {
  test.each<[string, Uint8Array, (number: number) => Uint8Array, string]>([
    ["zeros", zeros, () => zeros, "car/header"],
    ["letters", Buffer.alloc(1 << 16, 0x41), () => Buffer.alloc(1 << 16, 0x41), "car/header"],
    ["a web page", Buffer.from("<!doctype html><p>"), () => Buffer.from("on and on ".repeat(1000)), "car/html"],
    ["a header without a root", header, stray, "car/no-root"],
    ["a block with another hash", spoiled, stray, "car/hash"],
    ["a frame that is lost", car, () => zeros, "car/empty-section"],
  ])("%s", async (_name, start, more, rule) => {
    const stream = endless(start, more);
    const error = { code: "damaged", data: { rules: [rule] } };
    await expect(receiveRepo(folder, stream, expectation, options)).rejects.toMatchObject(error);
    expect(stream.taken).toBeLessThan(8 << 20);
    const passing = endless(start, more);
    await expect(proveDownload(folder, passing, expectation, signal, () => 0)).rejects.toMatchObject(error);
    const before = { path: join(folder, "before.car"), commit: account.commit.cid };
    await writeFile(before.path, car);
    await expect(receiveDiff(folder, before, endless(start, more), expectation, options)).rejects.toMatchObject(error);
    await rm(before.path);
    expect(await left()).toEqual([]);
  });

  test("what is more than a limit of the reader is not called invalid", async () => {
    const error = {
      code: "limit-exceeded",
      message: expect.not.stringContaining("valid") as string,
      hint: expect.stringContaining("--limit block-bytes=NUMBER") as string,
      data: { limit: "block-bytes" },
    };
    const low = { blockBytes: 100 };
    await expect(receiveRepo(folder, whole(car, low), expectation, options)).rejects.toMatchObject(error);
    await expect(proveDownload(folder, whole(car, low), expectation, signal, () => 0)).rejects.toMatchObject(error);
    expect(await left()).toEqual([]);
  });

  test("what is only looked at is read as long as it can be told where a block starts", async () => {
    const stream = endless(zeros, () => zeros);
    const seen: string[] = [];
    await inspectDownload(folder, account.did, stream, signal, (_, { findings }) => {
      seen.push(...findings.map(({ rule }) => rule));
      return undefined;
    });
    expect(seen).toContain("car/header");
    expect(stream.taken).toBeLessThan(8 << 20);
    expect(await left()).toEqual([]);
  });
});

describe("blocks that nothing leads to", () => {
  const strayBytes = 50_000;
  const exceeded = {
    code: "limit-exceeded",
    message: expect.stringMatching(
      /^The repository was complete after \d+ bytes, and then there came more than/,
    ) as unknown,
    hint: expect.stringContaining("--limit stray-bytes=NUMBER") as unknown,
  };

  test("without end, behind a whole repository", async () => {
    const [first, second, third] = [1, 2, 3].map(() => endless(car, stray, { strayBytes }));
    await expect(receiveRepo(folder, first!, expectation, options)).rejects.toMatchObject(exceeded);
    await expect(proveDownload(folder, second!, expectation, signal, () => 0)).rejects.toMatchObject(exceeded);
    await expect(inspectDownload(folder, account.did, third!, signal, () => "kept")).rejects.toMatchObject(exceeded);
    expect(await left()).toEqual([]);
  });

  test("as many as the repository has, and stray-bytes more, are no fault; one byte more is", async () => {
    // The first piece is what is proved first: the repository is complete at its end.
    const blocks = Array.from({ length: 200 }, (_, number) => stray(number));
    const first = Buffer.concat([car, ...blocks]).subarray(0, 1 << 16);
    const rest = Buffer.concat([car, ...blocks]).subarray(1 << 16);
    const most = rest.length - first.length;
    const get = (allowed: number): Download => whole(Buffer.concat([first, rest]), { strayBytes: allowed });
    const { repo, file } = await receiveRepo(folder, get(most), expectation, options);
    await file.discard();
    expect(repo.report.strays).toBe(200);
    await expect(receiveRepo(folder, get(most - 1), expectation, options)).rejects.toMatchObject(exceeded);
  });

  test("in what is new: twice what is there and stray-bytes, and no byte more", async () => {
    const before = { path: join(folder, "before.car"), commit: "" };
    await writeFile(before.path, car);
    const size = car.length;
    const news = Buffer.concat([car, ...Array.from({ length: 2 * Math.ceil(size / 1000) }, (_, i) => stray(i))]);
    const get = (allowed: number): Download => whole(news, { strayBytes: allowed });
    const most = news.length - 2 * size;
    await expect(receiveDiff(folder, before, get(most - 1), expectation, options)).rejects.toMatchObject({
      code: "limit-exceeded",
      hint: expect.stringContaining("--limit stray-bytes=NUMBER") as unknown,
    });
    const came = await receiveDiff(folder, before, get(most), expectation, options);
    await came?.file.discard();
    expect(came?.repo.commit).toBe(account.commit.cid);
  });
});

describe("a blob is proved by its hash; the size in its record only says how much is far too much", () => {
  const bytes = Buffer.alloc(300, 7);
  const cid = cidFor("raw", bytes);

  async function fetched(want: Partial<WantedBlob>, open: () => Download): Promise<FetchedBlobs> {
    const wanted = new Map([[cid, { records: ["a.b.c/d"], ...want }]]);
    const result = await fetchBlobs(folder, wanted, async () => Promise.resolve(open()), {
      concurrency: 1,
      signal,
      pause: async () => Promise.resolve(),
      onProgress: () => undefined,
    });
    return result;
  }

  test.each([300, 299, 200, 0, -1, 5000])(
    "a record that says %i of 300 bytes, with a blobExcess of 100",
    async (size) => {
      const { blobs } = await fetched({ size }, () => whole(bytes, { blobExcess: 100 }));
      expect(blobs).toMatchObject([{ cid, size: 300 }]);
    },
  );

  test("one byte beyond is named, with the number and the flag; nothing is kept", async () => {
    let asked = 0;
    const { blobs, missing } = await fetched({ size: 199 }, () => {
      asked += 1;
      return whole(bytes, { blobExcess: 100 });
    });
    expect({ blobs, asked }).toEqual({ blobs: [], asked: 1 });
    expect(missing).toMatchObject([
      {
        cid,
        reason: expect.stringMatching(
          /says that it has 199 bytes.*more than 299 bytes.*--limit blob-excess=NUMBER$/,
        ) as unknown,
      },
    ]);
    expect((await readdir(folder, { recursive: true })).filter((name) => name.includes(cid))).toEqual([]);
  });

  test("one that announces too much is not read, and one without end is left", async () => {
    let read = 0;
    const announced = (async function* () {
      for (;;) {
        read += 1;
        yield await Promise.resolve(bytes.subarray(0, 10));
      }
    })();
    const limits = limitsWith({ blobExcess: 100 });
    await fetched({ size: 100 }, () => ({ bytes: announced, length: 201, limits }));
    expect(read).toBe(1);
    const stream = endless(bytes, () => zeros, { blobExcess: 100 });
    expect((await fetched({ size: 300 }, () => stream)).missing).toHaveLength(1);
    expect(stream.taken).toBe(zeros.length);
  });
});
