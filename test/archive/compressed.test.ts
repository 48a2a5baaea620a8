/** An archive whose repositories are compressed: the same account, the same proofs, and a format of its own. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkArchive } from "../../src/archive/check/check-archive.ts";
import { compareRecords } from "../../src/archive/compare-snapshots.ts";
import { keptAsListed } from "../../src/archive/night/as-listed.ts";
import { snapshotFile, snapshotFolder } from "../../src/archive/layout.ts";
import {
  parseManifest,
  parseSoundManifest,
  readManifests,
  writeManifest,
  type Manifest,
} from "../../src/archive/manifest.ts";
import { openSnapshotRepo } from "../../src/archive/open-repo.ts";
import { collect } from "../../src/data/slices.ts";
import { parseDidDocument } from "../../src/identity/did-document.ts";
import { verifyRepo } from "../../src/repo/verify.ts";
import { aliceDid, testNow } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";
import { contentOf, filesIn, wrongIn } from "../faults/stored-archive.ts";
import { day, exportNow, notes, prune, revOf, withPictures, world, type World } from "./nightly.ts";

const [first, second] = [revOf(0), revOf(1)];
const { signal } = new AbortController();
const compress = "zstd";

let top = "";
/** To be copied: one night, with pictures, compressed. */
let good = "";
let archive = "";
let server: World;
beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), "decamp-compressed-"));
  good = join(top, "good");
  server = await world();
  await server.become(0, withPictures);
  await exportNow(good, server, 0, { compress });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(top, { recursive: true });
});
beforeEach(async () => {
  archive = join(await mkdtemp(join(top, "one-")), "archive");
  await cp(good, archive, { recursive: true });
  await server.become(0, withPictures);
});
afterEach(async () => {
  // Whatever happened, nothing is left over.
  expect((await filesIn(archive)).filter((name) => /\.part$|incoming/.test(name))).toEqual([]);
});

const packedFile = (name = first): string => snapshotFile(archive, name, "packedRepo");
const plainFile = (name = first): string => snapshotFile(archive, name, "repo");
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const carNow = (): Buffer => makeCar(server.account.commit.cid, server.account.blocks);
const markerFormat = async (): Promise<unknown> =>
  (JSON.parse(await readFile(join(archive, "decamp.json"), "utf8")) as { format: unknown }).format;
const newest = async (): Promise<Manifest> => (await readManifests(archive)).at(-1)!;

/** What `verify` finds, but for the log and the types of records, which the account of this test has none of. */
async function findings(): Promise<string[]> {
  const manifest = await newest();
  const car = await openSnapshotRepo(archive, manifest);
  const { source } = car;
  try {
    const expectation = { did: aliceDid, signingKeys: [server.account.signer.didKey], now: testNow + day };
    const report = await verifyRepo(source, expectation, { signal });
    const rest = await checkArchive(archive, { manifest, source, report }, expectation, { signal });
    return [...report.findings, ...rest.findings]
      .filter(({ rule, key }) => key !== "plc-log.json" && rule !== "record/type")
      .map(({ rule, key = "" }) => `${rule} ${key}`.trim());
  } finally {
    car.close();
  }
}

/** Changes one bit, and not the size. */
async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.with(bytes.length - 9, bytes.at(-9)! ^ 4));
}

async function editManifest(edit: (manifest: Manifest) => object, name = first): Promise<void> {
  const path = snapshotFile(archive, name, "manifest");
  await writeFile(path, JSON.stringify(edit(JSON.parse(await readFile(path, "utf8")) as Manifest)));
}

/** Has the manifest say something else of what the repository unpacks to. */
async function lie(what: object): Promise<void> {
  await editManifest((manifest) => {
    const entry = entryOf(manifest);
    return { ...manifest, files: { ...manifest.files, "repo.car.zst": { ...entry, car: { ...entry.car, ...what } } } };
  });
}

const entryOf = ({ files }: Manifest): NonNullable<Manifest["files"][string]> => files["repo.car.zst"]!;

describe("a night with --compress zstd", () => {
  test("keeps what the server sent, compressed, and the manifest has the sizes and hashes of both", async () => {
    const packed = await readFile(packedFile());
    const car = carNow();
    expect(zstdDecompressSync(packed).equals(car)).toBe(true);
    expect(existsSync(plainFile())).toBe(false);
    expect(((await stat(packedFile())).mode & 0o777).toString(8)).toBe(process.platform === "win32" ? "666" : "600");
    const manifest = await newest();
    expect(manifest.format).toBe(2);
    expect(entryOf(manifest)).toEqual({
      size: packed.length,
      sha256: sha256(packed),
      private: false,
      car: { size: car.length, sha256: sha256(car) },
    });
    expect(manifest.files).not.toHaveProperty(["repo.car"]);
    expect(await markerFormat()).toBe(2);
    expect(await wrongIn(archive)).toEqual([]);
    expect(await findings()).toEqual([]);
  });

  test.skipIf(spawnSync("zstd", ["--version"]).status !== 0)("is read by the program zstd", () => {
    const plain = execFileSync("sh", ["-c", 'zstd -d -c "$1"', "sh", packedFile()]);
    expect(plain.equals(carNow())).toBe(true);
  });

  test("that finds nothing new writes nothing, and asks for nothing that the list says", async () => {
    const before = await contentOf(archive);
    expect(await exportNow(archive, server, 1, { compress })).toMatchObject({ mode: "unchanged" });
    expect(await exportNow(archive, server, 1)).toMatchObject({ mode: "unchanged" });
    expect(await contentOf(archive)).toEqual(before);
    const manifest = await newest();
    const { did, source, commit: head, rev } = manifest;
    // The account of this test has no log, and each that a server lists has one.
    const log = Buffer.from("[]");
    const described = { size: log.length, sha256: sha256(log), private: false };
    await writeFile(snapshotFile(archive, first, "log"), log);
    await writeManifest(archive, { ...manifest, files: { ...manifest.files, "plc-log.json": described } });
    const stated = { did, head, rev, active: true };
    expect(keptAsListed(archive, did, source, stated, testNow)?.snapshot).toBe(first);
    await truncate(packedFile(), entryOf(await newest()).size - 1);
    expect(keptAsListed(archive, did, source, stated, testNow)).toBeUndefined();
  });

  test("puts what is new together with what is compressed", async () => {
    await server.become(1, [...withPictures, ...notes(3)]);
    const { mode, manifest } = await exportNow(archive, server, 1, { compress });
    expect({ mode, format: manifest.format }).toEqual({ mode: "incremental", format: 2 });
    expect(await findings()).toEqual([]);
    const [before, after] = (await readManifests(archive)).map((one) => ({ archive, manifest: one }));
    const changes = await collect(compareRecords(before!, after!, signal));
    expect(changes.map(({ kind }) => kind)).toEqual(["added", "added", "added"]);
  });

  test("keeps as it is what would unpack to more than whoever reads it takes", async () => {
    const empty = join(archive, "..", "zeros");
    const records = Array.from({ length: 9 }, (_, index) => ({
      key: `app.example.note/n${index}`,
      value: { text: "0".repeat(500_000) },
    }));
    await server.become(0, records);
    const { manifest } = await exportNow(empty, server, 0, { compress });
    expect(manifest.format).toBe(1);
    expect((await readFile(snapshotFile(empty, first, "repo"))).equals(carNow())).toBe(true);
    expect(await readdir(snapshotFolder(empty, first))).not.toContain("repo.car.zst");
    expect((await filesIn(empty)).filter((name) => /\.part$|incoming/.test(name))).toEqual([]);
  });
});

describe("from one form to the other", () => {
  test("snapshots that are there stay as they are, byte for byte", async () => {
    archive = join(archive, "..", "plain");
    await exportNow(archive, server, 0);
    const plain = await contentOf(archive);
    expect(await markerFormat()).toBe(1);
    expect(await exportNow(archive, server, 0, { compress })).toMatchObject({ mode: "unchanged" });
    expect(await contentOf(archive)).toEqual(plain);
    await server.become(1, [...withPictures, ...notes(1)]);
    expect((await exportNow(archive, server, 1, { compress })).manifest.format).toBe(2);
    // Only what says how to read the archive is another one.
    const { "decamp.json": _, "README.txt": __, ...kept } = plain;
    expect(await contentOf(archive)).toMatchObject(kept);
    expect(await readFile(join(archive, "README.txt"), "utf8")).toContain("zstd -d");
    expect(await markerFormat()).toBe(2);
    await server.become(2, [...withPictures, ...notes(2)]);
    expect((await exportNow(archive, server, 2)).manifest.format).toBe(1);
    expect(await findings()).toEqual([]);
    expect((await readManifests(archive)).map(({ format }) => format)).toEqual([1, 2, 1]);
  });

  test("a snapshot of the same commit shares its file, in the form that it has", async () => {
    const document = parseDidDocument({ id: aliceDid, alsoKnownAs: ["at://new.example"] }, aliceDid);
    const { manifest } = await exportNow(archive, server, 1, {}, { document: async () => Promise.resolve(document) });
    expect(manifest).toMatchObject({ snapshot: `${first}-2`, format: 2 });
    expect((await stat(packedFile())).ino).toBe((await stat(packedFile(`${first}-2`))).ino);
    expect(await findings()).toEqual([]);
  });

  test("what a run that was killed has left is gone on from, whatever the next one is told", async () => {
    const whole = await contentOf(archive);
    for (const options of [{ compress }, {}] as const) {
      for (const name of await readdir(snapshotFolder(archive, first))) {
        await (name === "repo.car.zst" ? undefined : rm(join(snapshotFolder(archive, first), name)));
      }
      expect((await prune(archive, 0).catch((error: unknown) => error)) as object).toMatchObject({
        code: "incomplete",
      });
      await writeFile(join(archive, "incoming.car.zst.part"), "half of it");
      const result = await exportNow(archive, server, 0, options);
      expect(result).toMatchObject({ mode: "present", received: { repoBytes: 0 } });
      expect(await contentOf(archive)).toEqual(whole);
    }
  });

  test("a left over file that is a trap, or the other form of a new one, is not gone on from, and is gone", async () => {
    await rm(snapshotFile(archive, first, "manifest"));
    await writeFile(packedFile(), zstdCompressSync(Buffer.alloc(1 << 20)));
    const { mode, manifest } = await exportNow(archive, server, 0);
    expect({ mode, format: manifest.format, snapshot: manifest.snapshot }).toEqual({
      mode: "full",
      format: 1,
      snapshot: first,
    });
    expect(await readdir(snapshotFolder(archive, first))).not.toContain("repo.car.zst");
    expect(await findings()).toEqual([]);
  });
});

describe("damage", () => {
  const harms: Readonly<Record<string, (path: string) => Promise<void>>> = {
    flipped: flip,
    "cut off": async (path) => truncate(path, 100),
    emptied: async (path) => truncate(path),
    removed: async (path) => rm(path),
  };
  test.each(Object.entries(harms))("a repository that is %s is mended, in either form", async (_, harm) => {
    const whole = await contentOf(archive);
    await harm(packedFile());
    expect(await exportNow(archive, server, 0, { compress })).toMatchObject({ mended: { files: 1 } });
    expect(await contentOf(archive)).toEqual(whole);
    await harm(packedFile());
    const { manifest, mended } = await exportNow(archive, server, 0);
    expect({ format: manifest.format, mended }).toEqual({ format: 1, mended: { files: 1, blobs: 0 } });
    await harm(plainFile());
    expect((await exportNow(archive, server, 0, { compress })).manifest.format).toBe(2);
    expect(await readdir(snapshotFolder(archive, first))).toEqual(["did.json", "manifest.json", "repo.car.zst"]);
    expect(await findings()).toEqual([]);
  });

  test("what does not unpack is damage to whoever opens it, with the command that mends it", async () => {
    const manifest = await newest();
    for (const [harm, message] of [
      [async () => flip(packedFile()), "cannot be unpacked"],
      [async () => truncate(packedFile(), 100), "is cut off"],
      [async () => rm(packedFile()), "is missing"],
    ] as const) {
      await harm();
      await expect(openSnapshotRepo(archive, manifest)).rejects.toMatchObject({
        code: "damaged",
        message: expect.stringContaining(message) as string,
        data: { next: ["export", aliceDid, "-o", archive, "--recheck"] },
      });
      await cp(good, archive, { recursive: true });
    }
  });

  test("nothing is unpacked beyond the size that the manifest says", async () => {
    const bomb = zstdCompressSync(Buffer.concat([carNow(), Buffer.alloc(50_000)]));
    await writeFile(packedFile(), bomb);
    const { size } = entryOf(await newest()).car!;
    await expect(openSnapshotRepo(archive, await newest())).rejects.toMatchObject({
      code: "damaged",
      message: expect.stringContaining(`more than the ${size} bytes`) as string,
    });
  });

  test("in an older snapshot it is a finding, and the rest is proved", async () => {
    await server.become(1, [...withPictures, ...notes(1)]);
    await exportNow(archive, server, 1, { compress });
    expect(await findings()).toEqual([]);
    await flip(packedFile());
    expect(await findings()).toEqual(["archive/file-changed repo.car.zst"]);
    await rm(packedFile());
    expect(await findings()).toEqual(["archive/file-missing repo.car.zst"]);
  });

  test("a manifest that says something else of what it unpacks to is not believed, and mended", async () => {
    await lie({ sha256: sha256(Buffer.from("other")) });
    expect(await findings()).toEqual(["archive/manifest repo.car.zst"]);
    // The command that is named for it does it.
    expect((await exportNow(archive, server, 0, { compress, recheck: true })).mended.files).toBe(1);
    expect(await findings()).toEqual([]);
    await lie({ size: Number.MAX_SAFE_INTEGER });
    expect((await exportNow(archive, server, 0, { recheck: true })).manifest.format).toBe(1);
    expect(await findings()).toEqual([]);
  });

  test("the number of the format is that of its files; a later one is told apart", async () => {
    const bytes = await readFile(snapshotFile(archive, first, "manifest"));
    const manifest = JSON.parse(bytes.toString()) as Manifest;
    const { car: _, ...plain } = entryOf(manifest);
    const { "repo.car.zst": __, ...others } = manifest.files;
    const said = (changed: object): Buffer => Buffer.from(JSON.stringify({ ...manifest, ...changed }));
    expect(parseSoundManifest(bytes)?.format).toBe(2);
    for (const wrong of [
      { format: 1 },
      { files: { ...others, "repo.car": plain } },
      { files: { ...others, "repo.car.zst": plain } },
      { files: { ...manifest.files, "repo.car": plain } },
      { format: 1, files: { ...others, "repo.car": entryOf(manifest) } },
    ]) {
      expect(parseSoundManifest(said(wrong)), JSON.stringify(wrong)).toBeUndefined();
      expect(() => parseManifest(said(wrong), "it")).toThrow(
        expect.objectContaining({ code: "damaged", data: { path: "it", newer: false } }) as Error,
      );
    }
    expect(() => parseManifest(said({ format: 3 }), "it")).toThrow(
      expect.objectContaining({ data: { path: "it", newer: true } }) as Error,
    );
  });
});

test("a prune removes compressed snapshots, and keeps the blobs of one that lost its manifest", async () => {
  await server.become(1, withPictures.slice(0, 3));
  await exportNow(archive, server, 1, { compress });
  const other = join(archive, "..", "other");
  await cp(archive, other, { recursive: true });
  expect(await prune(archive, 1)).toMatchObject({ kept: [first, second], held: [first] });
  expect(await prune(archive, 1, { release: [first] })).toMatchObject({ removed: [first], blobs: { count: 4 } });
  expect(existsSync(snapshotFolder(archive, first))).toBe(false);
  archive = other;
  await rm(snapshotFile(archive, first, "manifest"));
  expect(await prune(archive, 1, { release: [first] })).toMatchObject({ lost: [first], blobs: { count: 0 } });
  await flip(packedFile());
  await rm(snapshotFile(archive, first, "document"));
  await writeFile(snapshotFile(archive, first, "document"), "{}");
  await expect(prune(archive, 1, { release: [first] })).rejects.toMatchObject({ code: "damaged" });
});
