/**
 * What an archive's own rules do not cover: snapshots that lost their manifest, and links in the place of snapshots.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blobFile, snapshotFile, snapshotFolder, snapshotsFolder } from "../../src/archive/layout.ts";
import type { ExportEvent } from "../../src/archive/events.ts";
import { readManifests } from "../../src/archive/manifest.ts";
import { readArchive } from "../../src/archive/open.ts";
import { contentOf } from "../faults/stored-archive.ts";
import { cids, exportNow, prune, revOf, withPictures, world, type World } from "./nightly.ts";

const [first, second, third] = [revOf(0), revOf(1), revOf(2)];
/** Only the first snapshot has it. */
const lonely = cids.at(-1)!;

let top = "";
/** To be copied: three snapshots, none of them held. */
let good = "";
let server: World;
beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), "decamp-lost-"));
  good = join(top, "good");
  server = await world();
  for (const night of [0, 1, 2]) {
    await server.become(night, night === 0 ? withPictures : withPictures.slice(0, -1));
    await exportNow(good, server, night);
  }
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(top, { recursive: true });
});

async function copied(): Promise<string> {
  const archive = join(await mkdtemp(join(top, "copy-")), "archive");
  await cp(good, archive, { recursive: true });
  return archive;
}

const oddOf = async (archive: string): Promise<string[]> =>
  (await readArchive(archive)).odd.map(({ rule, snapshot }) => `${rule} ${snapshot}`);

test("no rule removes a snapshot that lost its manifest, or a blob that only it has; it is named", async () => {
  const archive = await copied();
  await rm(snapshotFile(archive, first, "manifest"));
  const before = await readdir(snapshotFolder(archive, first));
  const rules = { daily: 7, last: 1 };
  expect(await prune(archive, 3, { rules, dryRun: true })).toMatchObject({ lost: [first] });
  expect(await prune(archive, 3, { rules })).toMatchObject({ removed: [], lost: [first], blobs: { count: 0 } });
  expect(await prune(archive, 3)).toMatchObject({ kept: [third], removed: [second], lost: [first] });
  expect(await readdir(snapshotFolder(archive, first))).toEqual(before);
  expect(existsSync(blobFile(archive, lonely))).toBe(true);
  // A person lets it go.
  await rm(snapshotFolder(archive, first), { recursive: true });
  expect(await prune(archive, 3)).toMatchObject({ lost: [], blobs: { count: 1 } });
  expect(existsSync(blobFile(archive, lonely))).toBe(false);
});

test("what only was begun, or was being removed, is left over still", async () => {
  const archive = await copied();
  for (const name of await readdir(snapshotFolder(archive, first))) {
    await (name === "repo.car" ? undefined : rm(join(snapshotFolder(archive, first), name)));
  }
  await rename(
    snapshotFile(archive, second, "manifest"),
    join(snapshotFolder(archive, second), "manifest.json.removed"),
  );
  expect(await prune(archive, 3)).toMatchObject({ kept: [third], lost: [], blobs: { count: 1 } });
  expect(await readdir(snapshotsFolder(archive))).toEqual([third]);
});

describe("a manifest that cannot be read is as good as lost", () => {
  const harms: readonly [string, (path: string) => Promise<void>][] = [
    ["one bit", async (path) => writeFile(path, (await readFile(path)).with(0, 0x7a))],
    ["empty", async (path) => writeFile(path, "")],
    [
      "a pipe",
      async (path) => {
        await rm(path);
        execFileSync("mkfifo", [path]);
      },
    ],
  ];
  test.each(harms)("of an older snapshot: it is named and stays, and the export is made (%s)", async (_, harm) => {
    const archive = await copied();
    await harm(snapshotFile(archive, first, "manifest"));
    expect(await oddOf(archive)).toEqual([`archive/manifest-damaged ${first}`]);
    expect(await prune(archive, 3)).toMatchObject({ kept: [third], removed: [second], lost: [first] });
    expect(existsSync(blobFile(archive, lonely))).toBe(true);
    await server.become(3, withPictures.slice(0, -1));
    const events: ExportEvent[] = [];
    const { manifest } = await exportNow(archive, server, 3, { report: (event) => events.push(event) });
    expect(manifest).toMatchObject({ snapshot: revOf(3), missing: [] });
    expect(events.filter(({ type }) => type === "warning")).toMatchObject([{ code: "manifest-damaged" }]);
    expect(await readdir(snapshotsFolder(archive))).toEqual([first, third, revOf(3)]);
  });

  test.each(harms)("of the newest one: the export proves the rest and writes it anew (%s)", async (_, harm) => {
    const archive = await copied();
    await server.become(2, withPictures.slice(0, -1));
    await harm(snapshotFile(archive, third, "manifest"));
    expect(await prune(archive, 3, { rules: { last: 1 } })).toMatchObject({ kept: [second], lost: [third] });
    const { manifest, received } = await exportNow(archive, server, 2);
    expect({ name: manifest.snapshot, received }).toMatchObject({ name: third, received: { repoBytes: 0, blobs: 0 } });
    expect(await oddOf(archive)).toEqual([]);
  });

  test("in another folder than its own: the name is what is wrong", async () => {
    const archive = await copied();
    await server.become(2, withPictures.slice(0, -1));
    await rename(snapshotFolder(archive, third), snapshotFolder(archive, revOf(7)));
    expect(await oddOf(archive)).toEqual([`archive/snapshot-name ${revOf(7)}`]);
    expect((await exportNow(archive, server, 2)).manifest.snapshot).toBe(third);
    expect((await readdir(snapshotsFolder(archive))).sort()).toEqual([first, second, third, revOf(7)]);
  });

  test("of a newer version: it is not written over", async () => {
    const archive = await copied();
    await server.become(2, withPictures.slice(0, -1));
    const path = snapshotFile(archive, third, "manifest");
    const newer = (await readFile(path, "utf8")).replace('"format": 1', '"format": 3');
    await writeFile(path, newer);
    expect((await exportNow(archive, server, 2)).manifest.snapshot).toBe(`${third}-2`);
    expect(await readFile(path, "utf8")).toBe(newer);
  });

  test("of the only one: that is the error", async () => {
    const archive = await copied();
    await prune(archive, 3);
    await writeFile(snapshotFile(archive, third, "manifest"), "{");
    for (const read of [readArchive, readManifests]) {
      await expect(read(archive)).rejects.toMatchObject({ code: "damaged" });
    }
  });
});

test("a link in the place of a snapshot is not followed by prune and export, and is found", async () => {
  const other = await copied();
  const archive = await copied();
  await rm(snapshotFolder(archive, first), { recursive: true });
  await symlink(snapshotFolder(other, first), snapshotFolder(archive, first));
  const before = await contentOf(other);
  expect(await oddOf(archive)).toEqual([`archive/snapshot-link ${first}`]);
  expect(await prune(archive, 3, { rules: { last: 1 } })).toMatchObject({ removed: [second], blobs: { count: 0 } });
  await server.become(3, withPictures);
  await exportNow(archive, server, 3);
  expect(await contentOf(other)).toEqual(before);
  expect((await readdir(snapshotsFolder(archive))).sort()).toEqual([first, third, revOf(3)]);
  // What a link needs that leads nowhere, nobody knows.
  await rm(other, { recursive: true });
  await expect(prune(archive, 4)).rejects.toMatchObject({ code: "damaged" });
});

test("nothing is written through a link that has the name of the next snapshot, nor into a file", async () => {
  for (const kind of ["link", "file"]) {
    const archive = await copied();
    const aside = join(archive, "..", "aside");
    await mkdir(aside);
    await (kind === "link"
      ? symlink(aside, snapshotFolder(archive, revOf(3)))
      : writeFile(snapshotFolder(archive, revOf(3)), ""));
    await server.become(3, withPictures);
    expect((await exportNow(archive, server, 3)).manifest.snapshot).toBe(`${revOf(3)}-2`);
    expect(await readdir(aside)).toEqual([]);
    expect(await oddOf(archive)).toEqual([`archive/snapshot-link ${revOf(3)}`]);
  }
});

test("prune is refused where the folder of the snapshots, or of the blobs, is a link", async () => {
  const other = await copied();
  const before = await contentOf(other);
  for (const name of ["snapshots", "blobs"]) {
    const archive = await copied();
    await rm(join(archive, name), { recursive: true });
    await symlink(join(other, name), join(archive, name));
    await expect(prune(archive, 3)).rejects.toMatchObject({ code: "usage" });
    expect(await contentOf(other)).toEqual(before);
  }
});
