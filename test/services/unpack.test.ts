/**
 * What is compressed with Zstandard and comes from outside: one whole frame is taken, and nothing else, in whatever
 * pieces it comes; and what it asks of the machine is bounded.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { constants, zstdCompressSync } from "node:zlib";
import { afterAll, describe, expect, test, vi } from "vitest";
import { defaultBudgets, limitsWith } from "../../src/data/budgets.ts";
import { FrameScan } from "../../src/data/zstd-frame.ts";
import { isDecampError } from "../../src/errors.ts";
import { openNamedCar, openStoredCar, spoolCar } from "../../src/services/disk/car-file.ts";
import { unpack, type UnpackBounds } from "../../src/services/disk/packed/unpack-zstd.ts";
import { makeAccount, makeRecords } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";

const account = await makeAccount({ records: makeRecords(3, 12) });
const car = makeCar(account.commit.cid, account.blocks);
const folder = mkdtempSync(join(tmpdir(), "decamp-unpack-"));
afterAll(() => rmSync(folder, { recursive: true }));

const params = { [constants.ZSTD_c_checksumFlag]: 1 };
const packed = zstdCompressSync(car, { params });
const magic = [0x28, 0xb5, 0x2f, 0xfd];

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

async function unpackAll(bytes: Uint8Array, size = 1 << 16, bounds: Partial<UnpackBounds> = {}): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of unpack(inPieces(bytes, size), "It", { limits: defaultBudgets, ...bounds })) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

const header = (...more: number[]): Buffer => Buffer.from([...magic, ...more]);
/** The head of a frame that is all content, of so many bytes. */
const single = (size: number): Buffer => {
  const bytes = header(0xa0, 0, 0, 0, 0);
  bytes.writeUInt32LE(size, 5);
  return bytes;
};
/** How many bytes belong to a frame. */
const scan = (bytes: Uint8Array, packedWindow = 8 << 20): number => new FrameScan("It", { packedWindow }).look(bytes);

const hasTool = spawnSync("zstd", ["--version"]).status === 0;

describe("a whole frame is unpacked, in whatever pieces it comes", () => {
  test.each([
    ["with a checksum", packed],
    ["without one", zstdCompressSync(car)],
    ["whose head says its size", zstdCompressSync(car, { pledgedSrcSize: car.length })],
    ["of nothing", zstdCompressSync(Buffer.alloc(0))],
  ])("%s", async (_, bytes) => {
    const content = bytes === packed || bytes.length > 20 ? car : Buffer.alloc(0);
    for (const size of [1, 7, bytes.length]) {
      expect((await unpackAll(bytes, size)).equals(content)).toBe(true);
    }
  });

  test.skipIf(!hasTool)("of the program zstd", async () => {
    for (const level of ["-1", "-19"]) {
      const bytes = execFileSync("sh", ["-c", `zstd ${level} -c`], { input: car });
      expect((await unpackAll(bytes)).equals(car)).toBe(true);
    }
  });
});

describe("anything else is damaged", () => {
  const cutOff = "It is cut off.";
  const behind = "It has something behind the compressed data.";
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0]);
  test.each<[string, Uint8Array, string]>([
    ["nothing", Buffer.alloc(0), cutOff],
    ["only the beginning", packed.subarray(0, 5), cutOff],
    ["without the last byte of its content", packed.subarray(0, -5), cutOff],
    ["without the last byte of its checksum", packed.subarray(0, -1), cutOff],
    ["a byte behind it", Buffer.concat([packed, Buffer.of(0)]), behind],
    ["garbage behind it", Buffer.concat([packed, Buffer.from("more")]), behind],
    ["a second frame", Buffer.concat([packed, packed]), behind],
    ["a frame that says nothing", Buffer.concat([packed, skippable]), behind],
    ["with a dictionary", Buffer.from([...magic, 1, 0, 0]), "It is compressed with a dictionary"],
    ["of a later version", Buffer.from([...magic, 8, 0]), "It is not compressed as decamp does it."],
    ["a block of no kind", Buffer.from([...magic, 0, 0, 7, 0, 0]), "It is not compressed as decamp does it."],
    ["one bit of the checksum", packed.with(packed.length - 1, packed.at(-1)! ^ 1), "It cannot be unpacked."],
  ])("%s", async (_, bytes, message) => {
    for (const size of [5, packed.length, 1 << 16]) {
      const error = await unpackAll(bytes, size).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "damaged", message: expect.stringContaining(message) as string });
    }
  });

  test("cut off anywhere, or with any bit flipped, it is noticed", async () => {
    const small = zstdCompressSync(car.subarray(0, 400), { params });
    for (let length = 0; length < small.length; length += 5) {
      await expect(unpackAll(small.subarray(0, length))).rejects.toMatchObject({ code: "damaged" });
    }
    for (let bit = 0; bit < small.length * 8; bit += 13) {
      const bytes = small.with(bit >> 3, small[bit >> 3]! ^ (1 << (bit & 7)));
      const came = await unpackAll(bytes).catch((error: unknown) => error);
      // A bit of the head that asks for another window changes nothing of the content.
      const isNoticed = isDecampError(came, "damaged", "limit-exceeded");
      expect(isNoticed || (came as Buffer).equals(car.subarray(0, 400)), `bit ${bit}`).toBe(true);
    }
  });
});

describe("what it asks for is bounded", () => {
  test("the window: 8 MiB, and not a step more", () => {
    const tooMuch = expect.objectContaining({
      code: "limit-exceeded",
      data: { limit: "packed-window", most: 8 << 20 },
    });
    expect(scan(header(0, 13 << 3))).toBe(6);
    expect(() => scan(header(0, (13 << 3) | 1))).toThrow(tooMuch as Error);
    expect(scan(single(8 << 20))).toBe(9);
    expect(() => scan(single((8 << 20) + 1))).toThrow(tooMuch as Error);
    // 2 GiB, and the most that can be written.
    expect(() => scan(header(0, 21 << 3))).toThrow(tooMuch as Error);
    expect(() => scan(header(0, 255))).toThrow(tooMuch as Error);
    expect(scan(header(0, 17 << 3), 128 << 20)).toBe(6);
  });

  test.skipIf(!hasTool)("the window of a frame that zstd makes for long matches", async () => {
    const long = execFileSync("sh", ["-c", "head -c 9000000 /dev/zero | zstd --long=31 -1 -c"]);
    await expect(unpackAll(long)).rejects.toMatchObject({ code: "limit-exceeded" });
    const most = limitsWith({ packedWindow: 128 << 20, packedRatio: 1e9 });
    const longer = execFileSync("sh", ["-c", "head -c 9000000 /dev/zero | zstd --long=27 -1 -c"]);
    expect(await unpackAll(longer, undefined, { limits: most })).toHaveLength(9_000_000);
  });

  test("the ratio: met, and exceeded by one", async () => {
    const bytes = zstdCompressSync(Buffer.alloc(40_000));
    const ratio = Math.ceil(40_000 / bytes.length);
    const within = limitsWith({ packedRatio: ratio });
    expect(await unpackAll(bytes, undefined, { limits: within, packedSize: bytes.length })).toHaveLength(40_000);
    const above = limitsWith({ packedRatio: ratio - 1 });
    await expect(unpackAll(bytes, undefined, { limits: above, packedSize: bytes.length })).rejects.toMatchObject({
      code: "limit-exceeded",
      data: { limit: "packed-ratio", most: ratio - 1 },
    });
  });

  test("a gigabyte in a few kilobytes is given up at once, in a file and in a stream, and nothing is left", async () => {
    // Blocks that repeat a zero, 128 KiB from four bytes each.
    const block = Buffer.from([2, 0, 0x10, 0]);
    const bomb = Buffer.concat([header(0, 7 << 3), ...Array.from({ length: 8191 }, () => block), block.with(0, 3)]);
    const path = join(folder, "bomb.car.zst");
    writeFileSync(path, bomb);
    let came = 0;
    const counted = async (): Promise<void> => {
      for await (const piece of unpack(inPieces(bomb, 1 << 16), "It", { limits: defaultBudgets })) {
        came += piece.length;
      }
    };
    const tooMuch = { code: "limit-exceeded", data: { limit: "packed-ratio" } };
    await expect(counted()).rejects.toMatchObject(tooMuch);
    expect(came).toBeLessThan(bomb.length * 101);
    const passing = mkdtempSync(join(folder, "passing-"));
    vi.stubEnv("TMPDIR", passing);
    await expect(openStoredCar(path)).rejects.toMatchObject(tooMuch);
    await expect(openNamedCar(path)).rejects.toMatchObject(tooMuch);
    await expect(spoolCar(Readable.from([bomb]), "a pipe")).rejects.toMatchObject(tooMuch);
    expect(readdirSync(passing)).toEqual([]);
    vi.unstubAllEnvs();
  });

  test("the size that is known: not a byte more, and not a byte less", async () => {
    expect(await unpackAll(packed, undefined, { size: car.length })).toHaveLength(car.length);
    const more = `It unpacks to more than the ${car.length - 1} bytes that it should have.`;
    await expect(unpackAll(packed, undefined, { size: car.length - 1 })).rejects.toThrow(more);
    const less = `It unpacks to ${car.length} bytes, and should have ${car.length + 1}.`;
    await expect(unpackAll(packed, undefined, { size: car.length + 1 })).rejects.toThrow(less);
  });
});

describe("a CAR that is compressed is opened like any other", () => {
  /** More than is kept in memory. */
  const large = Buffer.concat(Array.from({ length: Math.ceil((5 << 20) / car.length) }, () => car));
  test.each([
    ["a small one", car],
    ["a large one", large],
  ])("%s", async (_, content) => {
    const path = join(folder, "one.car.zst");
    writeFileSync(path, zstdCompressSync(content));
    const limits = limitsWith({ packedRatio: 1e6 });
    for (const opened of [
      await openStoredCar(path, { limits }),
      await openNamedCar(path, { limits }),
      await spoolCar(Readable.from([zstdCompressSync(content)]), "a pipe", { limits }),
      await spoolCar(Readable.from(Array.from(zstdCompressSync(car), (byte) => Buffer.of(byte))), "bytes"),
    ].slice(0, content === car ? 4 : 3)) {
      expect(opened.size).toBe(content.length);
      expect(Buffer.from(opened.source.read(content.length - 100, 200)).equals(content.subarray(-100))).toBe(true);
      expect(Buffer.from(opened.source.read(5, 50)).equals(content.subarray(5, 55))).toBe(true);
      opened.close();
    }
  });
});
