/** A backup does not follow a deletion: what an account loses is said once, and what had it is held. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readHeld } from "../../src/archive/held.ts";
import { blobFile, heldFile, heldFolder } from "../../src/archive/layout.ts";
import { listSnapshots, readManifests } from "../../src/archive/manifest.ts";
import { testNow } from "../repo/tools/account.ts";
import { cids as allCids, day, exportNow, notes, prune, revOf, withPictures as allPictures, world } from "./nightly.ts";

const cids = allCids.slice(0, 3);
const withPictures = allPictures.slice(0, 3);

let archive = "";
beforeEach(async () => {
  archive = join(await mkdtemp(join(tmpdir(), "decamp-held-")), "archive");
});
afterEach(async () => rm(join(archive, ".."), { recursive: true }));

test("after a deletion the snapshot before it is held, with its blobs, until it is released", async () => {
  await using server = await world();
  const [first, second] = [revOf(0), revOf(1)];
  await server.become(0, [...notes(25), ...withPictures]);
  expect((await exportNow(archive, server, 0)).shrunk).toBeUndefined();
  await server.become(1, []);
  const { shrunk } = await exportNow(archive, server, 1);
  const losses = [
    { what: "records", before: 28, now: 0 },
    { what: "blobs", before: 3, now: 0 },
    { what: "collection", collection: "app.example.note", before: 25, now: 0 },
  ];
  expect(shrunk).toEqual({ losses, held: [first] });
  // That once.
  expect(await exportNow(archive, server, 2)).toMatchObject({ mode: "unchanged" });
  await server.become(3, notes(1));
  expect((await exportNow(archive, server, 3)).shrunk).toBeUndefined();
  expect([...(await readHeld(archive))]).toEqual([
    [first, { since: new Date(testNow + day).toISOString(), by: second, losses }],
  ]);

  expect(await prune(archive, 4)).toMatchObject({
    kept: [first, revOf(3)],
    removed: [second],
    held: [first],
    blobs: { count: 0 },
  });
  expect(await prune(archive, 5)).toMatchObject({ reasons: { [first]: ["held"] } });
  expect(cids.every((cid) => existsSync(blobFile(archive, cid)))).toBe(true);

  await expect(prune(archive, 5, { release: [second] })).rejects.toMatchObject({ code: "usage" });
  expect(await prune(archive, 5, { release: [revOf(3)], dryRun: true })).toMatchObject({ released: [], held: [first] });
  expect(await prune(archive, 5, { release: [first], dryRun: true })).toMatchObject({
    removed: [first],
    blobs: { count: 3 },
  });
  // Without a rule it is only released.
  expect(await prune(archive, 5, { release: [first], rules: {} })).toMatchObject({ removed: [], released: [first] });
  expect((await readHeld(archive)).size).toBe(0);
  expect(await prune(archive, 5)).toMatchObject({ kept: [revOf(3)], removed: [first], blobs: { count: 3 } });
  // Nothing is left of it, no empty folder either.
  expect((await readdir(archive)).sort()).toEqual(["README.txt", "decamp.json", "snapshots"]);
});

test("a mark that nobody can read holds, and so does one whose snapshot has lost its manifest", async () => {
  await using server = await world();
  await server.become(0, withPictures);
  await exportNow(archive, server, 0);
  await server.become(1, []);
  await exportNow(archive, server, 1);
  await writeFile(join(heldFolder(archive), `${revOf(0)}.json`), "{");
  expect(await prune(archive, 2)).toMatchObject({ removed: [], held: [revOf(0)] });
  await rm(join(archive, "snapshots", revOf(0), "manifest.json"));
  expect(await prune(archive, 2)).toMatchObject({ removed: [], blobs: { count: 0 } });
  expect(await listSnapshots(archive)).toEqual([revOf(0), revOf(1)]);
});

test("if the mark cannot be written, there is no snapshot after the deletion", async () => {
  await using server = await world();
  await server.become(0, withPictures);
  await exportNow(archive, server, 0);
  await mkdir(join(heldFile(archive, revOf(0)), "in the way"), { recursive: true });
  await server.become(1, []);
  await expect(exportNow(archive, server, 1)).rejects.toMatchObject({ code: "storage" });
  expect((await readManifests(archive)).map(({ snapshot }) => snapshot)).toEqual([revOf(0)]);
  // The run that goes on from there says it.
  await rm(heldFolder(archive), { recursive: true });
  expect((await exportNow(archive, server, 1)).shrunk).toMatchObject({ held: [revOf(0)] });
});

test("a snapshot that is completed later keeps the blobs that the server lists no more", async () => {
  await using server = await world();
  await server.become(0, withPictures.slice(0, 1), cids);
  const { manifest } = await exportNow(archive, server, 0);
  expect(manifest.blobs).toHaveLength(3);
  await server.become(0, withPictures.slice(0, 1), cids.slice(0, 1));
  await rm(blobFile(archive, cids[0]!));
  expect(await exportNow(archive, server, 1)).toMatchObject({ received: { blobs: 1 } });
  expect((await readManifests(archive)).at(-1)).toEqual(manifest);
  expect(existsSync(blobFile(archive, cids[0]!))).toBe(true);
});
