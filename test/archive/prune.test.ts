/** What a prune leaves, wherever it is interrupted: all that stays is whole, and nothing half is left of the rest. */
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { blobFile, nextSnapshotName, snapshotFile, snapshotFolder } from "../../src/archive/layout.ts";
import { readManifests } from "../../src/archive/manifest.ts";
import { findOddSnapshots } from "../../src/archive/odd-snapshots.ts";
import { isDecampError } from "../../src/errors.ts";
import type * as PlainEntries from "../../src/services/disk/plain-entries.ts";
import { contentOf, wrongIn } from "../faults/stored-archive.ts";
import { cids, exportNow, notes, prune, revOf, withPictures, world } from "./nightly.ts";

/** After so many changes of the disk a run dies. */
const death = { after: Infinity };

/** The same change of the disk, unless it is the one before which the run dies. */
function dying<A extends [string, ...string[]]>(work: (...args: A) => Promise<void>): typeof work {
  return async (...args) => {
    // What is not there cannot change.
    if (!existsSync(args[0])) {
      return;
    }
    if (death.after <= 0) {
      throw new Error("dead");
    }
    death.after -= 1;
    await work(...args);
  };
}

vi.mock("../../src/services/disk/plain-entries.ts", async (original) => {
  const { removeFile, renameFile, removeEmptyFolder, ...rest } = await original<typeof PlainEntries>();
  return {
    ...rest,
    removeFile: dying(removeFile),
    renameFile: dying(renameFile),
    removeEmptyFolder: dying(removeEmptyFolder),
  };
});

const [first, third, last] = [revOf(0), revOf(2), revOf(3)];
/** Only the snapshot before the last one has it. */
const lonely = cids.at(-1)!;

let top = "";
/** To be copied: a snapshot that is held, two that may go, and the last one, which lacks a picture. */
let good = "";
beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), "decamp-prune-"));
  good = join(top, "good");
  await using server = await world();
  await server.become(0, [...notes(25), ...withPictures.slice(0, 2)]);
  await exportNow(good, server, 0);
  for (const [night, records] of [[], withPictures, withPictures.slice(0, -1)].entries()) {
    await server.become(night + 1, records);
    await exportNow(good, server, night + 1);
  }
});
afterAll(async () => rm(top, { recursive: true }));

async function copied(): Promise<string> {
  const archive = join(await mkdtemp(join(top, "copy-")), "archive");
  await cp(good, archive, { recursive: true });
  return archive;
}

const names = async (archive: string): Promise<string[]> =>
  (await readManifests(archive)).map(({ snapshot }) => snapshot);

describe("a prune that dies between any two changes of the disk", () => {
  test.each([
    ["with a snapshot that is held", [], [first, last], 1],
    ["with one that is released", [first], [last], 4],
  ])("%s", async (_, release, stay, step) => {
    const whole = await copied();
    expect(await prune(whole, 5, { release })).toMatchObject({ kept: stay });
    const expected = await contentOf(whole);
    let died = 0;
    for (let after = 0; ; after += step) {
      const archive = await copied();
      death.after = after;
      const error: unknown = await prune(archive, 5, { release }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      death.after = Infinity;
      expect(await wrongIn(archive)).toEqual([]);
      expect(await names(archive)).toEqual(expect.arrayContaining(stay));
      const odd = await findOddSnapshots(archive, await readManifests(archive));
      expect(odd.filter(({ rule }) => rule !== "archive/unfinished")).toEqual([]);
      // The same command goes on; when the snapshot to release is gone, it says so, and goes on without.
      await prune(archive, 5, { release }).catch(async (reason: unknown) => {
        expect(isDecampError(reason, "usage")).toBe(true);
        return prune(archive, 5);
      });
      expect(await contentOf(archive)).toEqual(expected);
      expect(await readdir(join(archive, "snapshots"))).toEqual(stay);
      await rm(archive, { recursive: true });
      if (error === undefined) {
        break;
      }
      expect(error).toMatchObject({ message: "dead" });
      died += 1;
    }
    expect(died).toBeGreaterThan(5);
  });
});

test("a snapshot that has lost its manifest, or its name, keeps its blobs while it stays", async () => {
  const lost = await copied();
  await rm(snapshotFile(lost, third, "manifest"));
  await prune(lost, 5);
  expect(existsSync(blobFile(lost, lonely))).toBe(true);
  expect(await readdir(join(lost, "snapshots"))).toEqual([first, third, last]);

  const renamed = await copied();
  await rename(snapshotFolder(renamed, third), snapshotFolder(renamed, `${third} keep`));
  await prune(renamed, 5);
  expect(existsSync(blobFile(renamed, lonely))).toBe(true);
  await rm(snapshotFolder(renamed, `${third} keep`), { recursive: true });
  await prune(renamed, 5);
  expect(existsSync(blobFile(renamed, lonely))).toBe(false);
});

test("nothing is removed while it cannot be known what needs it", async () => {
  const archive = await copied();
  const before = await readdir(join(archive, "snapshots"));
  await rm(snapshotFile(archive, third, "manifest"));
  await cp(snapshotFile(archive, third, "document"), snapshotFile(archive, third, "repo"));
  await expect(prune(archive, 5)).rejects.toMatchObject({ code: "damaged" });
  expect(await readdir(join(archive, "snapshots"))).toEqual(before);
  expect(existsSync(blobFile(archive, lonely))).toBe(true);
});

test("a snapshot is newer by its name than all of its revision, also when older ones are gone", () => {
  expect(nextSnapshotName(first, [])).toBe(first);
  expect(nextSnapshotName(first, [last])).toBe(first);
  expect(nextSnapshotName(first, [first])).toBe(`${first}-2`);
  expect(nextSnapshotName(first, [`${first}-3`, last])).toBe(`${first}-4`);
  expect(nextSnapshotName(first, [first, `${first}-9`, `${first}-10`])).toBe(`${first}-11`);
});
