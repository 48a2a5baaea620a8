import {
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { blobFile, snapshotFile, snapshotFolder } from "../../src/archive/layout.ts";
import type { Manifest } from "../../src/archive/manifest.ts";
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

/** A further snapshot, like `later` but for what is changed. */
function addLater(archive: string, name: string, change: (manifest: Manifest) => Partial<Manifest>): void {
  cpSync(snapshotFolder(archive, later), snapshotFolder(archive, name), { recursive: true });
  rewrite(archive, name, (manifest) => ({ snapshot: name, rev: name, ...change(manifest) }));
}

function withoutPreferences(files: Manifest["files"]): Manifest["files"] {
  return Object.fromEntries(Object.entries(files).filter(([name]) => name !== "preferences.json"));
}

function makeParent(path: string): string {
  mkdirSync(join(path, ".."), { recursive: true });
  return path;
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

  test("a manifest that cannot be read does not hide the others, from verify neither", async () => {
    const archive = await makeTwo();
    writeFileSync(snapshotFile(archive, later, "manifest"), "{");
    const { exitCode, stdout } = await run(["archive", "ls", archive]);
    expect(exitCode).toBe(3);
    expect(stdout.split("\n")).toEqual([
      `${testRev}  2026-01-05T12:00:00.000Z  3 records  2 blobs, 23 bytes`,
      `${later}  with a manifest that cannot be read`,
      "",
    ]);
    const verified = await run(["verify", archive, "--json"]);
    expect(verified.exitCode).toBe(3);
    expect(JSON.parse(verified.stdout)).toMatchObject({
      ok: false,
      records: 3,
      findings: [{ rule: "archive/manifest-damaged", severity: "error", snapshot: later }],
    });
    // Whoever wants the newest records does not get others.
    expect((await run(["repo", "ls", archive])).exitCode).toBe(3);
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

describe("a share of a folder of archives", () => {
  const names = Array.from({ length: 40 }, (_, index) => `did-plc-${"a".repeat(22)}${String(index + 22)}`);
  const makeMany = (): string => {
    const many = mkdtempSync(join(folder, "sample-"));
    for (const name of names) {
      renameSync(makeArchive(folder), join(many, name));
    }
    return many;
  };
  const provedOn = async (day: number, many: string): Promise<readonly string[]> => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, day, 2) });
    try {
      const { exitCode, stdout } = await run(["verify", many, "--sample", "25%", "--json"]);
      const lines = stdout.trim().split("\n");
      const documents = lines.map((line) => JSON.parse(line) as { type: string; archive: string });
      const proved = documents.filter(({ type }) => type === "account").map(({ archive }) => basename(archive));
      expect(documents.at(-1)).toMatchObject({
        archives: { total: proved.length, leftOut: names.length - proved.length },
      });
      expect(exitCode).toBe(documents.some((document) => "ok" in document && document.ok === false) ? 3 : 0);
      return proved;
    } finally {
      vi.useRealTimers();
    }
  };

  test("run every day, all have had their turn in less than 8 days; and it is not those of four days ago again", async () => {
    const many = makeMany();
    const proved: (readonly string[])[] = [];
    for (let day = 1; day < 8; day += 1) {
      proved.push(await provedOn(day, many));
    }
    expect([...new Set(proved.flat())].sort()).toEqual(names);
    expect(proved.every((some) => some.length > 0 && some.length < 20)).toBe(true);
    expect(proved[4]).not.toEqual(proved[0]);
  });

  test("what was taken away, or is otherwise in the same size, is noticed when its turn comes", async () => {
    const many = makeMany();
    const [victim = ""] = await provedOn(2, many);
    rmSync(blobFile(join(many, victim), picture));
    const [other = ""] = await provedOn(3, many);
    const file = blobFile(join(many, other), picture);
    writeFileSync(file, readFileSync(file).fill(0));
    const codes = [];
    for (const day of [1, 2, 3, 4]) {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, day, 2) });
      codes.push((await run(["verify", many, "--sample", "25%"])).exitCode);
      vi.useRealTimers();
    }
    expect(codes).toEqual([0, 3, 3, 0]);
  });

  test("how many were left out is said", async () => {
    const { exitCode, stdout } = await run(["verify", makeMany(), "--sample", "2.5%"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /\n[0-9]+ more archives, whose turn it is not today\.\nRun every day, all have had their turn in less than 80 days\.\n$/,
    );
  });
});

test("an archive of which no snapshot is complete is one, and the export that goes on is named", async () => {
  const many = mkdtempSync(join(folder, "many-"));
  const archive = join(many, "begun");
  const plc = ["--plc-url", "https://plc.example.com"];
  write(join(archive, "decamp.json"), JSON.stringify({ type: "decamp archive", format: 1, did }));
  const prune = ["archive", "prune", archive, "--keep", "1"];
  const commands = [["archive", "ls", archive], prune, ["verify", archive], ["repo", "ls", archive]];
  const expectSaid = async (next: string): Promise<void> => {
    for (const command of commands) {
      const { exitCode, stdout, stderr } = await run([...command, ...plc]);
      expect({ command, exitCode, stdout }).toEqual({ command, exitCode: 6, stdout: "" });
      expect(stderr).toContain(`No snapshot of the archive in ${archive} is complete.\n`);
      expect(stderr.trimEnd().split("\n").at(-1)).toBe(next);
    }
  };
  const next = `  decamp export ${did} -o ${archive} --plc-url https://plc.example.com`;
  await expectSaid(next);
  // The folder of archives in which it lies is none itself, and misses it.
  const listed = await run(["archive", "ls", many]);
  expect(listed.exitCode).toBe(6);
  expect(listed.stdout).toContain("1 archive, 1 of them could not be listed.");
  // There is nothing to remove, each day until the export succeeds: that is no failure of a prune.
  const pruneAll = ["archive", "prune", many, "--keep", "1"];
  expect(await run(pruneAll)).toMatchObject({
    exitCode: 0,
    stdout: "1 archive: nothing was removed; 1 without a complete snapshot.\n",
  });
  expect(await run([...pruneAll, "-q"])).toMatchObject({ exitCode: 0, stdout: "" });
  // A mail has each line once.
  const mailed = await run(["verify", many, "-q"]);
  expect(mailed.exitCode).toBe(6);
  expect(mailed.stdout.match(/No snapshot of the archive/g)).toHaveLength(1);

  renameSync(snapshotFolder(makeArchive(folder), testRev), makeParent(snapshotFolder(archive, testRev)));
  ["manifest", "document", "log"].forEach((part) => rmSync(snapshotFile(archive, testRev, part as "log")));
  await expectSaid(next);
  // Older versions marked nothing.
  rmSync(join(archive, "decamp.json"));
  await expectSaid(next);
  // Who took a folder of something else for one is told that.
  rmSync(snapshotFile(archive, testRev, "repo"));
  expect(await run(["archive", "ls", archive])).toMatchObject({ exitCode: 2 });
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

  test("what the disk has more is counted with the snapshots, and a file of several names once, with the last", async () => {
    const archive = await makeTwo();
    const twin = `${testRev}-2`;
    cpSync(snapshotFolder(archive, testRev), snapshotFolder(archive, twin), { recursive: true });
    rmSync(snapshotFile(archive, twin, "repo"));
    linkSync(snapshotFile(archive, testRev, "repo"), snapshotFile(archive, twin, "repo"));
    rewrite(archive, twin, () => ({ snapshot: twin }));
    const sizes = (name: string): number =>
      readdirSync(snapshotFolder(archive, name)).reduce(
        (sum, file) => sum + statSync(join(snapshotFolder(archive, name), file)).size,
        0,
      );
    const repo = statSync(snapshotFile(archive, testRev, "repo")).size;
    const freed = async (keep: string): Promise<object> =>
      JSON.parse((await run(["archive", "prune", archive, "--keep", keep, "--dry-run", "--json"])).stdout) as object;
    expect(await freed("2")).toMatchObject({ removed: [testRev], freedBytes: sizes(testRev) - repo });
    const both = sizes(testRev) + sizes(twin) - repo + pictures.old.length;
    expect(await freed("1")).toMatchObject({ removed: [testRev, twin], freedBytes: both });
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
    // The older one was only begun.
    rmSync(snapshotFile(archive, older, "document"));
    rmSync(snapshotFile(archive, older, "log"), { force: true });
    writeFileSync(join(archive, "incoming.car.part"), "half");
    const { stdout } = await run(["archive", "prune", archive, "--keep", "1"]);
    expect(stdout).toContain(
      `1 snapshot stays. Without a manifest that can be read, and not removed: ${newer}; see decamp verify.`,
    );
    expect(readdirSync(join(archive, "snapshots"))).toEqual([later, newer]);
    expect(readFileSync(blobFile(archive, oldPicture))).toEqual(Buffer.from(pictures.old));
    expect(readdirSync(archive).sort()).toEqual(["blobs", "snapshots"]);
  });

  test("the newest private parts stay, until an export brings newer ones or somebody lets them go", async () => {
    const archive = await makeTwo();
    const plain = "3mzzzzzzzzzz4";
    const names = (): string[] => readdirSync(join(archive, "snapshots"));
    const prune = ["archive", "prune", archive, "--keep", "1"];
    // Who did not sign in has the video no more.
    addLater(archive, plain, ({ files, blobs }) => ({
      files: withoutPreferences(files),
      blobs: blobs.filter(({ cid }) => cid !== videoCid),
    }));
    const looked = await run([...prune, "--dry-run"]);
    expect(looked.stdout).toContain(`  ${later}  private parts\n`);
    const { exitCode, stdout } = await run(prune);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`2 snapshots stay, for private parts: ${later}.`);
    expect(names()).toEqual([later, plain]);
    expect(readFileSync(blobFile(archive, videoCid))).toEqual(video);
    expect((await run([...prune, "--release", later, "--dry-run", "--json"])).stdout).toContain(
      `"removed":["${later}"]`,
    );

    // One part alone is not all of them.
    const [mail, signedIn] = ["3mzzzzzzzzzz5", "3mzzzzzzzzzz6"] as const;
    const some = { ...write(snapshotFile(archive, later, "account"), "{}"), private: true };
    addLater(archive, mail, ({ files }) => ({ files: { ...withoutPreferences(files), "account.json": some } }));
    await run(prune);
    expect(names()).toEqual([later, mail]);
    addLater(archive, signedIn, ({ files }) => ({ files: { ...files, "account.json": some } }));
    await run(prune);
    expect(names()).toEqual([signedIn]);
    expect(() => readFileSync(blobFile(archive, videoCid))).not.toThrow();
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

/** The archives that have a line. */
function toldOf(stdout: string): string[] {
  return [...stdout.matchAll(/^did-plc-[a-z]{24}(?= )/gm)].map(([name]) => name).sort();
}

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

  test("what has the marker or a manifest of an archive is one, whatever its name and the rest of it", async () => {
    const many = makeMany(makeArchive(folder));
    [damaged, empty].forEach((name) => rmSync(join(many, name), { recursive: true }));
    const [marked, older, none, file, link] = ["bob.example.com", "carol", "dave", damaged, empty];
    mkdirSync(join(many, marked, "blobs"), { recursive: true });
    writeFileSync(join(many, marked, "decamp.json"), JSON.stringify({ type: "decamp archive", format: 1, did }));
    renameSync(makeArchive(folder), join(many, older));
    renameSync(snapshotFolder(join(many, older), testRev), snapshotFolder(join(many, older), "kept"));
    mkdirSync(join(many, none, "snapshots", "kept"), { recursive: true });
    writeFileSync(join(many, file), "");
    symlinkSync(join(many, "nowhere"), join(many, link));
    for (const command of [["verify"], ["archive", "ls"], ["archive", "prune", "--keep", "1"]]) {
      const { exitCode, stdout } = await run([...command, many, "--json"]);
      expect(exitCode).toBe(2);
      expect(outcomes(stdout).slice(0, -1)).toMatchObject([
        // Nothing can be removed of it, and so nothing fails.
        {
          archive: join(many, marked),
          ...(command.includes("prune") ? { ok: true } : { ok: false, code: "incomplete" }),
        },
        { archive: join(many, older), ok: false, code: "unreadable-file" },
        { archive: join(many, file), ok: false, code: "unreadable-file" },
        { archive: join(many, link), ok: false, code: "unreadable-file" },
        { ok: true },
      ]);
    }
    // The broken one by itself is no folder of archives.
    expect((await run(["archive", "ls", join(many, marked)])).exitCode).toBe(6);
  });

  test("archive ls and archive prune, for scripts", async () => {
    const many = makeMany(await makeTwo());
    const listed = await run(["archive", "ls", many, "--json"]);
    expect(listed.exitCode).toBe(2);
    expect(outcomes(listed.stdout)).toMatchObject([
      { type: "account", archive: join(many, damaged), ok: true, did },
      { type: "account", archive: join(many, empty), ok: false, code: "unreadable-file" },
      { type: "account", archive: join(many, good), ok: true, snapshots: [{ snapshot: testRev }, { snapshot: later }] },
      { type: "result", command: "archive ls", ok: false, archives: { total: 3, listed: 2, failed: 1 } },
    ]);
    const pruned = await run(["archive", "prune", many, "--keep-daily", "1", "--json"]);
    expect(pruned.exitCode).toBe(2);
    expect(outcomes(pruned.stdout)).toMatchObject([
      { archive: join(many, damaged), ok: true, kept: [testRev], removed: [] },
      { archive: join(many, empty), ok: false },
      { archive: join(many, good), ok: true, kept: [later], removed: [testRev] },
      { type: "result", command: "archive prune", archives: { total: 3, pruned: 2, failed: 1 } },
    ]);
    expect(readdirSync(join(many, good, "snapshots"))).toEqual([later]);
    expect(readdirSync(many).sort()).toEqual([damaged, empty, good, "list.txt", "pictures"]);
    const released = await run(["archive", "prune", many, "--release", testRev]);
    expect(released).toMatchObject({ exitCode: 2, stdout: "" });
  });

  test("only what proves an archive calls it good", async () => {
    const many = makeMany(makeArchive(folder));
    const prune = ["archive", "prune", many, "--keep-daily", "1"];
    for (const [args, end] of [
      [["archive", "ls", many], "listed."] as const,
      [prune, "pruned: nothing was removed."] as const,
    ]) {
      const { stdout } = await run(args);
      expect(stdout).toContain(`\n3 archives, 1 of them could not be ${end}\n`);
      expect(stdout).not.toContain("good");
    }
    rmSync(join(many, empty), { recursive: true });
    expect((await run(["archive", "ls", many])).stdout).toMatch(/\n2 archives\.\n$/);
  });

  test("a prune that only looks, and one with -v, say of each archive what stays, why, and what goes", async () => {
    const many = makeMany(await makeTwo());
    const prune = ["archive", "prune", many, "--keep", "1"];
    const choice = `\n    ${later}  newest, last, private parts\n  - ${testRev}\n`;
    expect((await run([...prune, "--dry-run"])).stdout).toContain(`; 1 snapshot would stay.${choice}`);
    expect((await run([...prune, "-v"])).stdout).toContain(`; 1 snapshot stays.${choice}`);
    expect((await run(prune)).stdout).not.toContain("newest, last");
  });

  test("a prune has a line for each archive that loses something, or is damaged, and a sum; -v has all", async () => {
    const many = makeMany(await makeTwo());
    const twin = join(many, `did-plc-${"d".repeat(24)}`);
    renameSync(await makeTwo(), twin);
    const [broken, lost] = [join(many, empty), snapshotFolder(join(many, damaged), "3mzzzzzzzzzz7")];
    rmSync(broken, { recursive: true });
    const prune = ["archive", "prune", many, "--keep", "1"];
    const all = [damaged, good, basename(twin)];
    const what = "2 snapshots and 2 blobs of 2 archives";
    const looked = await run([...prune, "--dry-run"]);
    expect(toldOf(looked.stdout)).toEqual([good, basename(twin)]);
    expect(looked.stdout).toMatch(new RegExp(`\n\n3 archives: ${what} would be removed, [0-9.]+ [kM]?B[a-z]*\\.\n$`));
    expect(toldOf((await run([...prune, "--dry-run", "-v"])).stdout)).toEqual(all);
    expect(toldOf((await run([...prune, "--dry-run", "-q"])).stdout)).toEqual([good, basename(twin)]);
    expect(outcomes((await run([...prune, "--dry-run", "--json"])).stdout)).toHaveLength(4);
    const done = await run(prune);
    expect(toldOf(done.stdout)).toEqual([good, basename(twin)]);
    expect(done.stdout).toContain(`\n\n3 archives: ${what} removed, `);
    expect((await run(prune)).stdout).toBe("3 archives: nothing was removed.\n");
    mkdirSync(lost);
    writeFileSync(join(lost, "repo.car"), readFileSync(snapshotFile(join(many, good), later, "repo")));
    writeFileSync(join(lost, "manifest.json"), "{");
    expect((await run(prune)).stdout).toMatch(new RegExp(`^${damaged}  .*not removed: 3mzzzzzzzzzz7`));
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
