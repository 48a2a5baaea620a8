/** What an archive's own rules do not cover: snapshots that lost their manifest, and links in the place of snapshots. */
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { blobFile, snapshotFile, snapshotFolder, snapshotsFolder } from "../../src/archive/layout.ts";
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
