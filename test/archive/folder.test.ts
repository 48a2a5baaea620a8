/** Whose folder it is: only what is new, empty, or made by decamp becomes an archive. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { markFolder, markIfFree, requireArchiveFolder, requireNoArchive } from "../../src/archive/folder.ts";
import { readmeText } from "../../src/archive/readme.ts";
import { aliceDid, makeAccount, testRev } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";

const bobDid = "did:plc:7iza6de2dwap2sbkpav7c6c6";

let folder = "";
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "decamp-folder-")), "archive");
});
afterEach(async () => rm(dirname(folder), { recursive: true }));

/** Files by their paths; a path that ends with / is a folder. */
type Files = Readonly<Record<string, string | Uint8Array>>;

async function fill(files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const at = join(folder, path);
    await mkdir(path.endsWith("/") ? at : dirname(at), { recursive: true });
    if (!path.endsWith("/")) {
      await writeFile(at, content);
    }
  }
}

async function repoOf(did: string): Promise<Uint8Array> {
  const account = await makeAccount({ did, records: [{ key: "app.example.note/one", value: { text: "hello" } }] });
  return makeCar(account.commit.cid, account.blocks);
}

const lock = JSON.stringify({ pid: 1, host: "here", since: "2026-01-01T00:00:00.000Z", token: "0123456789abcdef" });
const marker = (did: string): string => JSON.stringify({ type: "decamp archive", format: 1, did });

test.each<[string, Files]>([
  ["an unfinished download", { "film.mkv.part": "9 GB of 10" }],
  ["a README", { "README.txt": "my own notes" }],
  ["a file called lock", { lock: "notes" }],
  ["a lock of another program", { lock: '{"pid":1}' }],
  ["a file called like a lock", { "lock.pdf": "the manual of my door" }],
  ["a CAR file", { "holiday.car": "x" }],
  ["a file that decamp would call so, and nothing else", { "incoming.car.part": "x" }],
  ["folders called like those of an archive", { "blobs/": "", "snapshots/": "" }],
  ["folders called so, with something else in them", { "blobs/one.png": "x", "snapshots/monday/notes.txt": "x" }],
  ["a snapshot whose repository is none", { [`snapshots/${testRev}/repo.car`]: "x" }],
  ["a lock of decamp, and something else", { lock, "letter.txt": "Dear Alice" }],
  ["the beginning of an archive, and something else", { "README.txt": readmeText, "thesis.part/chapter1.tex": "x" }],
  ["a marker that is none", { "decamp.json": "{}" }],
  ["a marker that says of no account", { "decamp.json": marker("alice") }],
  ["a marker of a later format", { "decamp.json": marker(aliceDid).replace("1", "3") }],
  ["a folder called like what a marker is written as", { "decamp.json.0123456789abcdef.part/": "" }],
])("%s makes no archive", async (_, files) => {
  await fill(files);
  const before = await readdir(folder, { recursive: true });
  await expect(requireArchiveFolder(folder, aliceDid)).rejects.toMatchObject({ code: "usage" });
  await markIfFree(folder, aliceDid);
  expect(await readdir(folder, { recursive: true })).toEqual(before);
});

describe("a folder may become an archive, or is one", () => {
  test.each<[string, Files]>([
    ["that is not there", {}],
    ["that is empty", { "./": "" }],
    ["in which a run died while it wrote the marker", { "decamp.json.0123456789abcdef.part": '{"ty' }],
    ["with a marker, whatever else lies in it", { "decamp.json": marker(aliceDid), "film.mkv.part": "9 GB of 10" }],
    ["where an older version died with its lock", { lock, "incoming.car.part": "x", "passing.car.part": "x" }],
    ["where an older version died at the end", { "README.txt": readmeText, "blobs/": "", "snapshots/": "" }],
  ])("%s", async (_, files) => {
    await fill(files);
    expect(await requireArchiveFolder(folder, aliceDid)).toEqual([]);
  });

  test("where an older version was stopped while it fetched the blobs: whose it is, the repository says", async () => {
    await fill({ [`snapshots/${testRev}/repo.car`]: await repoOf(aliceDid), "blobs/aa/": "" });
    expect(await requireArchiveFolder(folder, aliceDid)).toEqual([]);
    await expect(requireArchiveFolder(folder, bobDid)).rejects.toMatchObject({
      code: "usage",
      data: { did: aliceDid },
    });
  });
});

test.each<[string, Files, boolean]>([
  ["nothing", {}, false],
  ["archives", { "did-plc-a/decamp.json": marker(aliceDid), "night.json": "{}" }, false],
  ["an archive", { "decamp.json": marker(aliceDid) }, true],
  ["an archive of an old version", { lock, "blobs/": "" }, true],
  ["what an old version would have, and more", { lock, "did-plc-a/": "" }, false],
])("the folder of all archives is no archive itself: %s", async (_name, files, isOne) => {
  await fill(files);
  const looked = requireNoArchive(folder);
  await (isOne ? expect(looked).rejects.toMatchObject({ code: "usage", data: { path: folder } }) : looked);
});

test("the marker says whose archive it is, and the first one stays", async () => {
  await markFolder(folder, aliceDid);
  await markFolder(folder, bobDid);
  expect(await readdir(folder)).toEqual(["decamp.json"]);
  expect(JSON.parse(await readFile(join(folder, "decamp.json"), "utf8"))).toEqual(JSON.parse(marker(aliceDid)));
  expect(await requireArchiveFolder(folder, aliceDid)).toEqual([]);
  await expect(requireArchiveFolder(folder, bobDid)).rejects.toMatchObject({ code: "usage", data: { did: aliceDid } });
});

test.each(["blobs", "snapshots"])("an archive whose %s is a link is not written to", async (name) => {
  const elsewhere = join(dirname(folder), "elsewhere");
  await mkdir(elsewhere);
  await fill({ "decamp.json": marker(aliceDid) });
  await symlink(elsewhere, join(folder, name));
  await expect(requireArchiveFolder(folder, aliceDid)).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining(join(folder, name)) as string,
  });
});
