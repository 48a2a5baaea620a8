/**
 * Exports into a folder that takes no more. The disk is a real one where a test may mount one, as root on Linux;
 * elsewhere what the disk says is put in by hand.
 */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { createFilled } from "../network/populate.ts";
import { runDecamp, type Ended } from "../network/run-decamp.ts";
import { contentOf, filesIn, wrongIn } from "./stored-archive.ts";

const network = connectNetwork(inject("network"));

let folder = "";
let account: Account;
let whole: Record<string, string> = {};

async function exportInto(archive: string, env: NodeJS.ProcessEnv = {}, preload?: URL): Promise<Ended> {
  const where = ["--from", network.a.url, "--plc-url", network.plcUrl, "--allow-private-hosts"];
  const state = ["--state-dir", path.join(folder, "state")];
  return runDecamp(["export", account.did, "-o", archive, ...where, ...state, "--no-input"], { env, preload });
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-export-disk-"));
  account = await createFilled(network.a, "export-disk", { records: 60, blobs: 8, seed: 3 });
  const archive = path.join(folder, "whole");
  expect(await exportInto(archive)).toMatchObject({ code: 0 });
  whole = await contentOf(archive);
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function expectWhole(archive: string): Promise<void> {
  expect(await exportInto(archive)).toMatchObject({ code: 0 });
  expect(await runDecamp(["verify", archive])).toMatchObject({ code: 0 });
  expect(await contentOf(archive)).toEqual(whole);
}

/** Runs `work` with a disk of so many kilobytes; without one where none may be mounted. */
async function withDisk(kilobytes: number, work: (place: string, remount: (options: string) => void) => Promise<void>) {
  const place = await mkdtemp(path.join(folder, "disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${kilobytes}k,mode=700`, "tmpfs", place], { stdio: "ignore" });
  } catch {
    console.warn(
      "This system lets us mount no disk of our own: a full and a read-only one are left to the injected errors.",
    );
    return;
  }
  try {
    await work(place, (options) => execFileSync("mount", ["-o", `remount,${options}`, place]));
  } finally {
    execFileSync("umount", [place]);
  }
}

// From so little that not even the repository fits, to all but the last blobs.
test.each([4, 16, 40])("a disk of %i kB is too small: that is said, and with room it goes on", async (kilobytes) => {
  await withDisk(kilobytes, async (place, remount) => {
    const archive = path.join(place, "archive");
    const { code, stderr } = await exportInto(archive);
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error: .*the disk is full/m) as string,
    });
    expect(await wrongIn(archive)).toEqual([]);
    expect((await filesIn(archive)).filter((name) => name.endsWith("manifest.json"))).toEqual([]);
    remount("size=64m");
    await expectWhole(archive);
  });
});

test("a read-only disk is named, and nothing is lost on it", async () => {
  await withDisk(65_536, async (place, remount) => {
    const archive = path.join(place, "archive");
    remount("ro");
    const empty = await exportInto(archive);
    expect(empty).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: .*read-only/m) as string });
    remount("rw");
    await expectWhole(archive);
    // What has not changed is not written, so it needs no disk to be written to.
    remount("ro");
    expect(await exportInto(archive)).toMatchObject({ code: 0 });
    expect(await contentOf(archive)).toEqual(whole);
  });
});

test("a disk that is full from some write on, wherever that is", async () => {
  const breakFiles = new URL("break-files.ts", import.meta.url);
  for (const nth of [1, 4, 12, 24]) {
    const own = path.join(folder, `full-${nth}`);
    await mkdir(own);
    const archive = path.join(own, "archive");
    const breakage = JSON.stringify({ path: archive, nth, how: "full" });
    const { code, stderr } = await exportInto(archive, { DECAMP_BREAK: breakage }, breakFiles);
    expect({ nth, code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error: .*the disk is full/m) as string,
    });
    expect(await wrongIn(archive)).toEqual([]);
    await expectWhole(archive);
  }
});

test("a disk that becomes read-only under a run, wherever that is", async () => {
  const breakFiles = new URL("break-files.ts", import.meta.url);
  for (const nth of [14, 30]) {
    const own = path.join(folder, `read-only-${nth}`);
    await mkdir(own);
    const archive = path.join(own, "archive");
    const breakage = JSON.stringify({ path: archive, nth, how: "read-only", removals: true });
    const { code, stderr } = await exportInto(archive, { DECAMP_BREAK: breakage }, breakFiles);
    expect({ nth, code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error: .*the disk is read-only/m) as string,
    });
    await expectWhole(archive);
  }
});
