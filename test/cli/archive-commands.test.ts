import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { blobFile, snapshotFile, snapshotFolder } from "../../src/archive/layout.ts";
import { cidFor } from "../../src/data/cid.ts";
import { makeAccount, testRev } from "../repo/tools/account.ts";
import { makeCar } from "../repo/tools/build.ts";
import { did, makeArchive, rewrite, write } from "./support/archive.ts";
import { oldPicture, picture, pictures, special } from "./support/car.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-archive-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const later = "3mzzzzzzzzzz2";
const video = Buffer.from("a video");
const videoCid = cidFor("raw", video);

/** A second snapshot: one record fewer and one more, another blob instead of the old picture, preferences. */
async function makeTwo(): Promise<string> {
  const archive = makeArchive(folder);
  const records = [...special.slice(0, -1), { key: "app.example.zebra/one", value: { text: "new" } }];
  const account = await makeAccount({ did, records, rev: later });
  cpSync(snapshotFolder(archive, testRev), snapshotFolder(archive, later), { recursive: true });
  const repo = write(snapshotFile(archive, later, "repo"), makeCar(account.commit.cid, account.blocks));
  const preferences = { ...write(snapshotFile(archive, later, "preferences"), "{}"), private: true };
  write(blobFile(archive, videoCid), video);
  rewrite(archive, later, ({ files, blobs }) => ({
    snapshot: later,
    rev: later,
    createdAt: "2026-07-01T00:00:00.000Z",
    commit: account.commit.cid,
    data: account.data,
    files: { ...files, "repo.car": repo, "preferences.json": preferences },
    blobs: [
      ...blobs.filter(({ cid }) => cid !== oldPicture),
      { cid: videoCid, size: video.length, mimeType: "video/mp4" },
    ],
    blobBytes: pictures.new.length + video.length,
  }));
  return archive;
}

const lastPath = special.at(-1)?.key ?? "";

test("a file in the place of an archive is named as that: exit code 2", async () => {
  const path = join(folder, "a-file.car");
  writeFileSync(path, "x");
  for (const args of [
    ["ls", path],
    ["prune", path, "--keep", "1"],
    ["diff", path, folder],
    ["diff", path, path],
  ]) {
    const { exitCode, stdout, stderr } = await run(["archive", ...args]);
    expect({ args, exitCode, stdout }).toEqual({ args, exitCode: 2, stdout: "" });
    expect(stderr).toContain(`Error: ${path} is a file, not an archive.\n`);
    expect(stderr).not.toContain("space");
  }
});

describe("archive ls", () => {
  test("a line for each snapshot, oldest first", async () => {
    const archive = await makeTwo();
    mkdirSync(snapshotFolder(archive, "3mzzzzzzzzzz3"));
    const { exitCode, stdout } = await run(["archive", "ls", archive]);
    expect(exitCode).toBe(0);
    expect(stdout.split("\n")).toEqual([
      `${testRev}  2026-01-05T12:00:00.000Z  3 records  2 blobs, 23 bytes`,
      `${later}  2026-07-01T00:00:00.000Z  3 records  2 blobs, 16 bytes  private`,
      "3mzzzzzzzzzz3  not finished",
      "",
    ]);
  });

  test("as JSON", async () => {
    const { stdout } = await run(["archive", "ls", await makeTwo(), "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      command: "archive ls",
      did,
      snapshots: [
        { snapshot: testRev, records: 3, blobs: { count: 2, bytes: 23 }, missing: 0, private: false },
        { snapshot: later, blobs: { count: 2, bytes: 16 }, private: true },
      ],
      unfinished: [],
      storedBlobs: 3,
    });
  });

  test("a folder without an archive", async () => {
    const { exitCode, stderr } = await run(["archive", "ls", mkdtempSync(join(folder, "empty-"))]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("There is no archive in the folder");
  });
});

describe("archive diff", () => {
  test("records, blobs and files", async () => {
    const archive = await makeTwo();
    const paths = [testRev, later].map((name) => join(archive, "snapshots", name));
    const { exitCode, stdout } = await run(["archive", "diff", ...paths]);
    expect(exitCode).toBe(0);
    expect(
      stdout.split("\n").map((line) =>
        line
          .split(" ")
          .slice(0, line.includes(" blob ") ? 3 : 2)
          .join(" "),
      ),
    ).toEqual([
      "+ preferences.json",
      `- ${lastPath}`,
      "+ app.example.zebra/one",
      ...[`- blob ${oldPicture}`, `+ blob ${videoCid}`].sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1)),
      "",
    ]);
  });

  test("of an archive the newest snapshot counts; as JSON", async () => {
    const archive = await makeTwo();
    const same = await run(["archive", "diff", archive, join(archive, "snapshots", later), "--json"]);
    expect(JSON.parse(same.stdout)).toMatchObject({ command: "archive diff", changes: [] });
    const { stdout } = await run(["archive", "diff", makeArchive(folder), archive, "--json"]);
    const { changes } = JSON.parse(stdout) as { changes: object[] };
    expect(changes).toContainEqual({ what: "file", kind: "added", name: "preferences.json" });
    expect(changes).toContainEqual({ what: "blob", kind: "added", cid: videoCid });
    expect(changes).toContainEqual(expect.objectContaining({ what: "record", kind: "removed", path: lastPath }));
  });
});

describe("archive prune", () => {
  test("old snapshots go, and the blobs that only they needed", async () => {
    const archive = await makeTwo();
    const looked = await run(["archive", "prune", archive, "--keep", "1", "--dry-run", "--json"]);
    const expected = { kept: [later], removed: [testRev], blobs: { count: 1, bytes: pictures.old.length } };
    expect(JSON.parse(looked.stdout)).toMatchObject({ dryRun: true, ...expected });
    expect(readdirSync(join(archive, "snapshots"))).toEqual([testRev, later]);
    const { exitCode, stdout } = await run(["archive", "prune", archive, "--keep", "1", "--json"]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ dryRun: false, ...expected });
    expect(readdirSync(join(archive, "snapshots"))).toEqual([later]);
    expect(
      readdirSync(join(archive, "blobs"), { recursive: true }).filter((name) => String(name).includes("bafk")).length,
    ).toBe(2);
    expect(readFileSync(blobFile(archive, picture))).toEqual(Buffer.from(pictures.new));
    expect(readFileSync(blobFile(archive, videoCid))).toEqual(video);
    expect(readdirSync(archive).sort()).toEqual(["blobs", "snapshots"]);
  });

  test("nothing goes that is still needed", async () => {
    const archive = await makeTwo();
    const { stdout } = await run(["archive", "prune", archive, "--keep", "5"]);
    expect(stdout).toBe("Removed 0 snapshots and 0 blobs, 0 bytes; 2 snapshots stay.\n");
    // A blob that the kept snapshot lists as missing has come from somewhere else.
    rewrite(archive, later, () => ({ missing: [{ cid: oldPicture, reason: "gone", records: [] }] }));
    await run(["archive", "prune", archive, "--keep", "1"]);
    expect(readFileSync(blobFile(archive, oldPicture))).toEqual(Buffer.from(pictures.old));
  });

  test("an export that is not finished keeps what it needs; an older one is a leftover", async () => {
    const archive = await makeTwo();
    const [older, newer] = ["3aaaaaaaaaaaa", "3mzzzzzzzzzz3"] as const;
    for (const name of [older, newer]) {
      cpSync(snapshotFolder(archive, testRev), snapshotFolder(archive, name), { recursive: true });
      rmSync(snapshotFile(archive, name, "manifest"));
    }
    writeFileSync(join(archive, "incoming.car.part"), "half");
    await run(["archive", "prune", archive, "--keep", "1"]);
    expect(readdirSync(join(archive, "snapshots"))).toEqual([later, newer]);
    expect(readFileSync(blobFile(archive, oldPicture))).toEqual(Buffer.from(pictures.old));
    expect(readdirSync(archive).sort()).toEqual(["blobs", "snapshots"]);
  });

  test("while another run is at work, nothing is removed", async () => {
    const archive = await makeTwo();
    writeFileSync(join(archive, "lock"), JSON.stringify({ pid: process.pid, host: "elsewhere", since: "2026-01-01" }));
    const { exitCode } = await run(["archive", "prune", archive, "--keep", "1"]);
    expect(exitCode).toBe(11);
    expect(readdirSync(join(archive, "snapshots"))).toEqual([testRev, later]);
  });

  test("how many stay has to be said", async () => {
    expect((await run(["archive", "prune", await makeTwo()])).exitCode).toBe(2);
    expect((await run(["archive", "prune", await makeTwo(), "--keep", "0"])).exitCode).toBe(2);
    expect((await run(["archive", "prune", await makeTwo(), "--keep-within", "30"])).exitCode).toBe(2);
  });
});

/** The lines of JSON. */
function outcomes(stdout: string): object[] {
  const lines = stdout.trim().split("\n");
  return lines.map((line) => JSON.parse(line) as object);
}

describe("a folder of archives", () => {
  const [damaged, empty, good] = ["a", "b", "c"].map((letter) => `did-plc-${letter.repeat(24)}`) as [
    string,
    string,
    string,
  ];

  /** A damaged archive, one that nothing has come into, a good one, and what is none of decamp's. */
  function makeMany(archive: string): string {
    const many = mkdtempSync(join(folder, "many-"));
    renameSync(makeArchive(folder), join(many, damaged));
    truncateSync(snapshotFile(join(many, damaged), testRev, "repo"), 100);
    mkdirSync(join(many, empty));
    renameSync(archive, join(many, good));
    writeFileSync(join(many, "list.txt"), did);
    mkdirSync(join(many, "pictures", "snapshots"), { recursive: true });
    return many;
  }

  test("verify: a line each, what is bad once more, and the worst exit code", async () => {
    const many = makeMany(makeArchive(folder));
    const { exitCode, stdout, stderr } = await run(["verify", many]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines[0]).toMatch(new RegExp(`^${damaged}  damaged: .*; to fetch it again: decamp export .* --recheck$`));
    expect(lines[1]).toBe(`${empty}  failed: Cannot read ${join(many, empty)}: it is a folder without a manifest.`);
    expect(lines[2]).toBe(`${good}  good: 1 snapshot, 3 records, 2 blobs`);
    expect(lines[4]).toBe("3 archives: 1 good, 2 not.");
    expect(lines.slice(5, 7).map((line) => line.trim().split(" ")[0])).toEqual([
      join(many, damaged),
      join(many, empty),
    ]);
    const about = await run(["verify", many, "--did", did]);
    expect(about).toMatchObject({ exitCode: 2, stdout: "" });
  });

  test("archive ls and archive prune, for scripts", async () => {
    const many = makeMany(await makeTwo());
    const listed = await run(["archive", "ls", many, "--json"]);
    expect(listed.exitCode).toBe(2);
    expect(outcomes(listed.stdout)).toMatchObject([
      { type: "account", archive: join(many, damaged), ok: true, did },
      { type: "account", archive: join(many, empty), ok: false, code: "unreadable-file" },
      { type: "account", archive: join(many, good), ok: true, snapshots: [{ snapshot: testRev }, { snapshot: later }] },
      { type: "result", command: "archive ls", ok: false, archives: { total: 3, good: 2, bad: 1 } },
    ]);
    const pruned = await run(["archive", "prune", many, "--keep-daily", "1", "--json"]);
    expect(pruned.exitCode).toBe(2);
    expect(outcomes(pruned.stdout)).toMatchObject([
      { archive: join(many, damaged), ok: true, kept: [testRev], removed: [] },
      { archive: join(many, empty), ok: false },
      { archive: join(many, good), ok: true, kept: [later], removed: [testRev] },
      { type: "result", command: "archive prune" },
    ]);
    expect(readdirSync(join(many, good, "snapshots"))).toEqual([later]);
    expect(readdirSync(many).sort()).toEqual([damaged, empty, good, "list.txt", "pictures"]);
    const released = await run(["archive", "prune", many, "--release", testRev]);
    expect(released).toMatchObject({ exitCode: 2, stdout: "" });
  });

  test("where all is well, -q says nothing but what was asked for", async () => {
    const many = makeMany(makeArchive(folder));
    [damaged, empty].forEach((name) => rmSync(join(many, name), { recursive: true }));
    expect(await run(["verify", many, "-q"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await run(["archive", "prune", many, "--keep-within", "1y", "-q"])).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    const { exitCode, stdout } = await run(["archive", "ls", many, "-q"]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      `${good}  1 snapshot, the newest ${testRev} of 2026-01-05T12:00:00.000Z  3 records  2 blobs, 23 bytes\n`,
    );
  });
});
