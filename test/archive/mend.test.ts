/** Damage in an archive: noticed by an export, and mended by proved bytes only. What is not decamp's stays. */
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkArchive } from "../../src/archive/check/check-archive.ts";
import { inspectNewest, inTurn, turnAt } from "../../src/archive/check/damage.ts";
import type { ExportResult } from "../../src/archive/export/export-account.ts";
import { blobFile, snapshotFile, snapshotFolder } from "../../src/archive/layout.ts";
import { readManifests, type Manifest } from "../../src/archive/manifest.ts";
import { openSnapshotRepo } from "../../src/archive/open-repo.ts";
import { parseDidDocument } from "../../src/identity/did-document.ts";
import { verifyRepo } from "../../src/repo/verify.ts";
import { openCarFile } from "../../src/services/disk/car-file.ts";
import { contentOf, filesIn, wrongIn } from "../faults/stored-archive.ts";
import { sendJson, type ScriptedServer } from "../faults/scripted-server.ts";
import { makeAccount, testNow, tid } from "../repo/tools/account.ts";
import { cid, exportInto, giveBlob, hostile, lonelyCid, picture, withPicture } from "./hostile-server.ts";

const account = await makeAccount({ records: withPicture("image/png") });
const changed = await makeAccount({
  records: [{ key: "app.example.note/one", value: { $type: "app.example.note", text: "without a picture" } }],
  rev: tid((testNow + 1000) * 1000),
});

/** What the server has at the moment. */
const now = { account, lost: new Set<string>(), list: [lonelyCid] };
let server: ScriptedServer;
let top = "";
/** A good archive, to be copied. */
let good = "";
let archive = "";
let name = "";

beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), "decamp-mend-"));
  server = await hostile({
    account: () => now.account,
    list: () => ({ cids: now.list }),
    blob: (response, wanted) => {
      if (now.lost.has(wanted)) {
        sendJson(response, 400, { error: "BlobNotFound", message: "gone" });
      } else {
        giveBlob(response, wanted);
      }
    },
  });
  good = join(top, "good");
  name = (await exportInto(good, server, account)).manifest.snapshot;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(top, { recursive: true });
});
beforeEach(async () => {
  archive = join(await mkdtemp(join(top, "one-")), "archive");
  await cp(good, archive, { recursive: true });
});
afterEach(() => {
  Object.assign(now, { account, lost: new Set(), list: [lonelyCid] });
});

/** Exports, with the names of the requests that this took. */
async function again(options: Parameters<typeof exportInto>[3] = {}): Promise<ExportResult & { asked: string[] }> {
  const before = server.requests.length;
  const result = await exportInto(archive, server, account, options);
  const asked = server.requests.slice(before).map(({ path }) => /sync\.(\w+)/.exec(path)?.[1] ?? path);
  return { ...result, asked };
}

/** Changes a bit, and not the size. */
async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length - 5]! ^= 4;
  await writeFile(path, bytes);
}

/** What `verify` finds, but for the log, which the account of this test has none of. */
async function findings(): Promise<string[]> {
  const manifest = (await readManifests(archive)).at(-1)!;
  const car = openCarFile(snapshotFile(archive, manifest.snapshot, "repo"));
  try {
    const expectation = { did: account.did, signingKeys: [account.signer.didKey], now: testNow + 3000 };
    const signal = new AbortController().signal;
    const report = await verifyRepo(car.source, expectation, { signal });
    const rest = await checkArchive(archive, { manifest, source: car.source, report }, expectation, { signal });
    return [...report.findings, ...rest.findings]
      .filter(({ rule }) => rule !== "archive/manifest")
      .map(({ rule, severity }) => `${severity} ${rule}`);
  } finally {
    car.close();
  }
}

const repo = (): string => snapshotFile(archive, name, "repo");
const harms: Readonly<Record<string, (path: string) => Promise<void>>> = {
  flipped: flip,
  emptied: async (path) => truncate(path),
  removed: async (path) => rm(path),
};

describe("the next export mends", () => {
  test.each([
    ["a blob", () => blobFile(archive, cid), ["getBlob"], { files: 0, blobs: 1 }],
    ["a blob that no record needs", () => blobFile(archive, lonelyCid), ["getBlob"], { files: 0, blobs: 1 }],
    ["the repository", repo, ["getRepo"], { files: 1, blobs: 0 }],
    ["the document", () => snapshotFile(archive, name, "document"), [], { files: 1, blobs: 0 }],
  ] as const)("%s that was flipped, emptied or removed", async (_, path, fetched, mended) => {
    const before = await contentOf(archive);
    for (const harm of Object.values(harms)) {
      await harm(path());
      const result = await again();
      expect(result).toMatchObject({ manifest: { snapshot: name, missing: [] }, mended, unmended: [] });
      expect(result.asked.filter((one) => one === "getRepo" || one === "getBlob")).toEqual(fetched);
      expect(await contentOf(archive)).toEqual(before);
    }
    expect(await again()).toMatchObject({
      mode: "unchanged",
      asked: ["getLatestCommit"],
      mended: { files: 0, blobs: 0 },
    });
  });

  test("all snapshots of one commit, which share the file", async () => {
    const document = parseDidDocument({ id: account.did, alsoKnownAs: ["at://new.example.com"] }, account.did);
    await exportInto(archive, server, account, {}, { document: () => Promise.resolve(document) });
    const names = [name, `${name}-2`];
    expect(await readdir(join(archive, "snapshots"))).toEqual(names);
    const [one, two] = names.map((each) => snapshotFile(archive, each, "repo"));
    expect((await stat(one!)).ino).toBe((await stat(two!)).ino);
    await flip(one!);
    const { mended, asked } = await again({ recheck: true });
    expect({ mended, repos: asked.filter((each) => each === "getRepo").length }).toEqual({
      mended: { files: 2, blobs: 0 },
      repos: 1,
    });
    expect(await wrongIn(archive)).toEqual([]);
  });

  test("a blob that an interrupted run has left with other bytes, before a manifest names its size", async () => {
    await rm(snapshotFile(archive, name, "manifest"));
    await writeFile(blobFile(archive, cid), "something else, of another size");
    const { manifest } = await again();
    expect(manifest.blobs.find((blob) => blob.cid === cid)?.size).toBe(picture.length);
    expect(await wrongIn(archive)).toEqual([]);
  });
});

describe("what the server no longer has", () => {
  test("stays as it lies, is named as damaged, and is asked for each time", async () => {
    const path = blobFile(archive, cid);
    await flip(path);
    const bad = await readFile(path);
    now.lost.add(cid);
    for (let run = 1; run <= 2; run += 1) {
      const { manifest } = await again();
      expect(manifest.missing).toEqual([
        { cid, reason: "Blob not found", records: ["app.example.note/one"], damaged: true },
      ]);
      expect(manifest.blobs.map((blob) => blob.cid)).toEqual([lonelyCid]);
      expect(await readFile(path)).toEqual(bad);
      expect(await findings()).toContain("error archive/blob-changed");
    }
    now.lost.clear();
    expect(await again()).toMatchObject({ manifest: { missing: [] } });
    expect(await readFile(path)).toEqual(picture);
  });

  test("is kept in the manifest of a snapshot that stays, also if the server lists it no more", async () => {
    now.list = [];
    await rm(blobFile(archive, cid));
    expect((await again()).manifest.blobs.map((blob) => blob.cid).sort()).toEqual([cid, lonelyCid].sort());
  });

  test("of an older snapshot is named by --recheck, and what can be had comes", async () => {
    now.account = changed;
    now.list = [];
    const { manifest } = await again();
    expect(manifest).toMatchObject({ commit: changed.commit.cid, blobs: [] });
    await flip(repo());
    await flip(blobFile(archive, cid));
    await flip(blobFile(archive, lonelyCid));
    // Only the newest is looked at each time.
    expect(await again()).toMatchObject({ mode: "unchanged", unmended: [] });
    now.lost.add(lonelyCid);
    const { mended, unmended } = await again({ recheck: true });
    expect(mended).toEqual({ files: 0, blobs: 1 });
    expect(unmended).toEqual([
      { snapshot: name, file: "repo.car", reason: expect.stringContaining("another revision") as string },
      { cid: lonelyCid, reason: "Blob not found" },
    ]);
    expect(await readFile(blobFile(archive, cid))).toEqual(picture);
  });
});

test("a repository that comes in another order: the manifest says what lies there", async () => {
  const [commit, ...rest] = account.blocks;
  await flip(repo());
  now.account = { ...account, blocks: [commit!, ...rest.toReversed()] };
  const { manifest } = await again();
  expect(manifest).toMatchObject({ snapshot: name, commit: account.commit.cid });
  expect(manifest.updatedAt).toBeDefined();
  expect(await wrongIn(archive)).toEqual([]);
  expect(await again()).toMatchObject({ mode: "unchanged" });
});

describe("what is no plain file, in the place of one", () => {
  const places = [
    ["a blob", () => blobFile(archive, cid), "error archive/blob-changed"],
    ["the repository", repo, undefined],
    ["the document", () => snapshotFile(archive, name, "document"), "error archive/file-changed"],
    ["the manifest", () => snapshotFile(archive, name, "manifest"), undefined],
  ] as const;

  test.skipIf(process.platform === "win32").each(places)(
    "a pipe for %s: it is found, and replaced",
    async (_, path, finding) => {
      await rm(path());
      execFileSync("mkfifo", [path()]);
      if (finding !== undefined) {
        expect(await findings()).toEqual([finding]);
      }
      expect(await again()).toMatchObject({ manifest: { snapshot: name, missing: [] }, unmended: [] });
      expect(await findings()).toEqual([]);
      expect(await wrongIn(archive)).toEqual([]);
    },
  );

  test.each(places)("a folder for %s: it stays, and is named; all else is exported", async (_, path, finding) => {
    await rm(path());
    await mkdir(path());
    await writeFile(join(path(), "mine.txt"), "mine");
    const { manifest, unmended } = await again();
    expect(await readFile(join(path(), "mine.txt"), "utf8")).toBe("mine");
    const what = path() === blobFile(archive, cid) ? manifest.missing : unmended;
    if (path().endsWith("manifest.json")) {
      // It counts as lost.
      expect({ name: manifest.snapshot, unmended }).toEqual({ name: `${name}-2`, unmended: [] });
      expect(await findings()).toEqual(["error archive/manifest-damaged"]);
    } else {
      expect(what).toMatchObject([{ reason: expect.stringContaining("move it away") as string }]);
      expect(manifest.snapshot).toBe(path() === repo() ? `${name}-2` : name);
      expect(await findings()).toContain(finding ?? "error archive/file-missing");
    }
    // It does not get worse, and when it is moved away all is well.
    expect((await again()).manifest.snapshot).toBe(manifest.snapshot);
    await rm(path(), { recursive: true });
    expect(await again({ recheck: true })).toMatchObject({ manifest: { missing: [] }, unmended: [] });
    if (!path().endsWith("manifest.json")) {
      expect(await findings()).toEqual([]);
    }
  });

  test.skipIf(process.platform === "win32")("a repository that is a pipe is damage to whoever opens it", async () => {
    const manifest = (await readManifests(archive)).at(-1)!;
    await rm(repo());
    execFileSync("mkfifo", [repo()]);
    await expect(openSnapshotRepo(archive, manifest)).rejects.toMatchObject({ code: "damaged" });
  });

  test("a file where a folder of blobs was", async () => {
    const folder = join(blobFile(archive, cid), "..");
    await rm(folder, { recursive: true });
    await writeFile(folder, "");
    expect(await findings()).toEqual(["error archive/blob-missing"]);
    const { manifest } = await again();
    expect(manifest.missing).toMatchObject([{ cid, reason: expect.stringContaining(folder) as string }]);
  });
});

test("a blob that only an older snapshot has is proved before a new one counts it", async () => {
  now.account = changed;
  now.list = [];
  await again();
  await flip(blobFile(archive, cid));
  now.account = await makeAccount({ records: withPicture("image/png"), rev: tid((testNow + 2000) * 1000) });
  const { manifest, asked } = await again();
  expect(manifest).toMatchObject({ missing: [], blobs: [{ cid }] });
  expect(asked).toContain("getBlob");
  expect(await readFile(blobFile(archive, cid))).toEqual(picture);
  expect(await findings()).toEqual([]);
});

test("a manifest of another commit, or revision, than its repository has is found, and written anew", async () => {
  const path = snapshotFile(archive, name, "manifest");
  const manifest = JSON.parse(await readFile(path, "utf8")) as Manifest;
  for (const wrong of [{ commit: manifest.data }, { rev: "7zzzzzzzzzzzz" }]) {
    await writeFile(path, JSON.stringify({ ...manifest, ...wrong }));
    expect(await findings()).toContain("error archive/commit");
    const { asked, unmended } = await again();
    expect({ unmended, repo: asked.includes("getRepo") }).toEqual({ unmended: [], repo: false });
    expect((await readManifests(archive)).map(({ commit, rev }) => ({ commit, rev }))).toEqual([
      { commit: account.commit.cid, rev: manifest.rev },
    ]);
    expect(await findings()).toEqual([]);
  }
  // Where the server has gone on, the wrong one stays, and is no reason against a new snapshot.
  await writeFile(path, JSON.stringify({ ...manifest, rev: "7zzzzzzzzzzzz" }));
  now.account = changed;
  expect((await again()).manifest).toMatchObject({ commit: changed.commit.cid });
});

test("a manifest that says another size than a file has is found, and mended", async () => {
  const path = snapshotFile(archive, name, "manifest");
  const manifest = JSON.parse(await readFile(path, "utf8")) as Manifest;
  for (const file of ["repo.car", "did.json"]) {
    const files = { ...manifest.files, [file]: { ...manifest.files[file], size: 5 } };
    await writeFile(path, JSON.stringify({ ...manifest, files }));
    expect(await findings()).toEqual(["error archive/file-changed"]);
    await again();
    expect(await findings()).toEqual([]);
    expect(await again()).toMatchObject({ mode: "unchanged" });
  }
});

test("--recheck of an archive in order fetches nothing", async () => {
  const { mode, asked, mended, unmended } = await again({ recheck: true });
  expect({ mode, mended, unmended }).toEqual({ mode: "unchanged", mended: { files: 0, blobs: 0 }, unmended: [] });
  expect(asked).toEqual(["getLatestCommit", "listBlobs"]);
});

test("what others have put into an archive stays there", async () => {
  const strangers = [
    "film.mkv.part",
    "thesis.part/chapter1.tex",
    "lock.pdf",
    "holiday.car",
    // A folder of a name that decamp gives to files.
    "passing-also.car.part/notes.txt",
    `blobs/${cid.slice(-2)}/letter.part`,
    `blobs/mine/${cid}.part`,
    `snapshots/monday.part`,
    `snapshots/3aaaaaaaaaaaa/notes.txt`,
    `snapshots/3aaaaaaaaaaab/x.part`,
  ];
  const ours = [
    "passing.car.part",
    "incoming-diff.car.part",
    `passing-${"0".repeat(16)}.car.part`,
    `blobs/${cid.slice(-2)}/${cid}.part`,
    `snapshots/3aaaaaaaaaaac/repo.car`,
  ];
  for (const path of [...strangers, ...ours]) {
    await mkdir(join(archive, path, ".."), { recursive: true });
    await writeFile(join(archive, path), "x");
  }
  await writeFile(join(archive, "README.txt"), "my own notes");
  now.account = changed;
  await again();
  const there = await filesIn(archive);
  expect(strangers.filter((path) => !there.includes(path))).toEqual([]);
  expect(ours.filter((path) => there.includes(path))).toEqual([]);
  expect(await readFile(join(archive, "README.txt"), "utf8")).toBe("my own notes");
});

test("an archive of a version that wrote no marker is known by its manifests, and gets one with the next snapshot", async () => {
  await rm(join(archive, "decamp.json"));
  expect(await again()).toMatchObject({ mode: "unchanged" });
  expect(await filesIn(archive)).not.toContain("decamp.json");
  now.account = changed;
  await again();
  expect(await filesIn(archive)).toContain("decamp.json");
});

describe("verify names", () => {
  test("a newest snapshot that has lost its manifest, and the next export writes it again", async () => {
    now.account = changed;
    const { manifest } = await again();
    const path = snapshotFile(archive, manifest.snapshot, "manifest");
    await rm(path);
    expect(await findings()).toEqual(["error archive/manifest-missing"]);
    expect((await again()).manifest.snapshot).toBe(manifest.snapshot);
    expect(await findings()).toEqual([]);
    // An older one: no export takes it away.
    await rm(snapshotFile(archive, name, "manifest"));
    expect(await findings()).toEqual(["warning archive/manifest-lost"]);
  });

  test("a snapshot that was only begun", async () => {
    await mkdir(snapshotFolder(archive, "3mzzzzzzzzzz3"));
    expect(await findings()).toEqual(["warning archive/unfinished"]);
  });

  test("a snapshot that is not called by its revision", async () => {
    const other = snapshotFolder(archive, "3mzzzzzzzzzz3");
    await cp(snapshotFolder(archive, name), other, { recursive: true });
    const path = join(other, "manifest.json");
    const manifest = JSON.parse(await readFile(path, "utf8")) as Manifest;
    await writeFile(path, JSON.stringify({ ...manifest, snapshot: "3mzzzzzzzzzz3" }));
    expect(await findings()).toEqual(["error archive/snapshot-name"]);
    await rm(other, { recursive: true });
    await cp(snapshotFolder(archive, name), snapshotFolder(archive, "monday"), { recursive: true });
    expect(await findings()).toEqual(["error archive/snapshot-name"]);
  });
});

describe("the files of a large archive have their turns", () => {
  test.each([1, 24, 144, 168])("exports every %i hours come to all of them", (hours) => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    const seen = new Set<number>();
    let run = 0;
    for (; seen.size < items.length && run < 1000; run += 1) {
      const its = [...inTurn(items, turnAt(testNow + run * hours * 3_600_000), 10, () => 1)];
      expect(its).toHaveLength(10);
      its.forEach((item) => seen.add(item));
    }
    expect(seen.size).toBe(items.length);
  });

  test("of each as much as the budget has, and what is too large for it is left out", async () => {
    const [manifest] = await readManifests(archive);
    const signal = new AbortController().signal;
    await flip(blobFile(archive, cid));
    await truncate(blobFile(archive, lonelyCid));
    const look = async (hour: number, budget: { sizes: number; bytes: number }): Promise<string[]> => {
      const { blobs } = await inspectNewest(archive, manifest!, { now: hour * 3_600_000, signal, budget });
      return [...blobs];
    };
    expect((await look(0, { sizes: 2, bytes: 1 << 20 })).sort()).toEqual([cid, lonelyCid].sort());
    expect(await look(0, { sizes: 2, bytes: 1 })).toEqual([lonelyCid]);
    const byTurns = await Promise.all(Array.from({ length: 8 }, async (_, hour) => look(hour, { sizes: 1, bytes: 0 })));
    expect(new Set(byTurns.map((found) => found.join(" ")))).toEqual(new Set(["", lonelyCid]));
  });
});
