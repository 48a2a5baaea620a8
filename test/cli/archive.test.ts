import { execFileSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { proveSnapshot } from "../../src/archive/export/fetch-repo.ts";
import { blobFile, snapshotFile } from "../../src/archive/layout.ts";
import { readManifests } from "../../src/archive/manifest.ts";
import { testRev } from "../repo/tools/account.ts";
import { account, car, did, documentParts, key, makeArchive, rewrite, write } from "./support/archive.ts";
import { oldPicture, picture, pictures } from "./support/car.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-archive-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Result {
  ok: boolean;
  findings: { rule: string; severity: string; key?: string; cid?: string }[];
}

async function verify(archive: string, ...flags: string[]): Promise<{ exitCode: number; result: Result }> {
  const { exitCode, stdout, stderr } = await run(["verify", archive, "--json", ...flags]);
  expect(stderr).toBe("");
  return { exitCode, result: JSON.parse(stdout) as Result };
}

describe("verify of an archive", () => {
  test("all is well: the signature is checked by the log in it, and every blob is hashed", async () => {
    const archive = makeArchive(folder);
    const { exitCode, result } = await verify(archive);
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({
      ok: true,
      did,
      signature: "valid",
      signingKey: key.did,
      records: 3,
      archive: {
        snapshots: 1,
        files: 3,
        blobs: { checked: 2, bytes: pictures.new.length + pictures.old.length, unavailable: 0, unlisted: 0 },
      },
      findings: [],
    });
    const { stdout } = await run(["verify", archive]);
    expect(stdout).toContain(`The repository of ${did} is genuine and complete.\n`);
    expect(stdout).toContain("Archive       1 snapshot, 3 files; 2 blobs, 23 bytes\n");
  });

  test.skipIf(process.platform === "win32").each<[string, (archive: string) => string]>([
    ["a blob", (archive) => blobFile(archive, picture)],
    ["the repository", (archive) => snapshotFile(archive, testRev, "repo")],
    ["the manifest", (archive) => snapshotFile(archive, testRev, "manifest")],
    ["the DID document", (archive) => snapshotFile(archive, testRev, "document")],
  ])("a pipe in the place of %s is not waited for, and is damage", async (_, place) => {
    const archive = makeArchive(folder);
    rmSync(place(archive));
    execFileSync("mkfifo", [place(archive)]);
    const { exitCode, stdout, stderr } = await run(["verify", archive]);
    expect(exitCode).toBe(3);
    expect(`${stdout}${stderr}`).toMatch(/archive\/(?:blob|file)-changed|is no plain file/);
  });

  test.skipIf(process.platform === "win32")(
    "nor is one in the place of the log, which plc audit reads alone",
    async () => {
      const archive = makeArchive(folder);
      const place = snapshotFile(archive, testRev, "log");
      expect((await run(["plc", "audit", archive])).exitCode).toBe(0);
      rmSync(place);
      const absent = await run(["plc", "audit", archive]);
      expect(absent.exitCode).toBe(2);
      expect(absent.stderr).toContain(`Cannot read ${place}: there is no such file.\nHint: decamp verify names`);
      execFileSync("mkfifo", [place]);
      const { exitCode, stderr } = await run(["plc", "audit", archive]);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`Cannot read ${place}: it is no plain file.`);
    },
  );

  test.each<[string, (archive: string) => void, { rule: string; key?: string; cid?: string }]>([
    [
      "a blob with other bytes",
      (archive) => writeFileSync(blobFile(archive, picture), "another picture"),
      { rule: "archive/blob-changed", cid: picture, key: "app.bsky.actor.profile/self" },
    ],
    [
      "a blob that is gone",
      (archive) => rmSync(blobFile(archive, oldPicture)),
      { rule: "archive/blob-missing", cid: oldPicture, key: "app.example.note/Ab:c" },
    ],
    [
      "a file with other bytes",
      (archive) => appendFileSync(snapshotFile(archive, testRev, "log"), "\n"),
      { rule: "archive/file-changed", key: "plc-log.json" },
    ],
    [
      "a file that is gone",
      (archive) => rmSync(snapshotFile(archive, testRev, "log")),
      { rule: "archive/file-missing", key: "plc-log.json" },
    ],
    [
      "a manifest that leaves a file out",
      (archive) => {
        rmSync(snapshotFile(archive, testRev, "document"));
        rewrite(archive, testRev, ({ files }) => ({
          files: Object.fromEntries(Object.entries(files).filter(([name]) => name !== "did.json")),
        }));
      },
      { rule: "archive/manifest", key: "did.json" },
    ],
    [
      "a manifest of other records",
      (archive) => rewrite(archive, testRev, () => ({ records: 4 })),
      { rule: "archive/commit" },
    ],
    [
      "a document that says something else than the log",
      (archive) => {
        const other = { id: did, alsoKnownAs: ["at://mallory.example.com"], ...documentParts };
        const described = write(snapshotFile(archive, testRev, "document"), JSON.stringify(other));
        rewrite(archive, testRev, ({ files }) => ({ files: { ...files, "did.json": described } }));
      },
      { rule: "archive/document", key: "did.json" },
    ],
    [
      "a log that is not in order",
      (archive) => {
        const described = write(snapshotFile(archive, testRev, "log"), "[]");
        rewrite(archive, testRev, ({ files }) => ({ files: { ...files, "plc-log.json": described } }));
      },
      { rule: "archive/log", key: "plc-log.json" },
    ],
  ])("%s: exit code 3, and it is named", async (_name, damage, finding) => {
    const archive = makeArchive(folder);
    damage(archive);
    const { exitCode, result } = await verify(archive, "--signing-key", key.did);
    expect(exitCode).toBe(3);
    expect(result.ok).toBe(false);
    expect(result.findings).toEqual([expect.objectContaining({ ...finding, severity: "error" })]);
    const { stdout } = await run(["verify", archive, "--signing-key", key.did]);
    expect(stdout).toContain("The repository is valid, but the archive around it is damaged.\n");
    expect(stdout).toContain(finding.rule);
  });

  test("another repository than the manifest says", async () => {
    const archive = makeArchive(folder, (manifest) => ({ ...manifest, commit: account.commit.cid }));
    const { exitCode, result } = await verify(archive);
    expect(exitCode).toBe(3);
    expect(result.findings.map(({ rule }) => rule)).toEqual(["archive/commit"]);
  });

  test("a blob that the manifest leaves out", async () => {
    const archive = makeArchive(folder, (manifest) => ({ ...manifest, blobs: manifest.blobs.slice(1) }));
    const { exitCode, result } = await verify(archive);
    expect(exitCode).toBe(3);
    expect(result.findings).toMatchObject([{ rule: "archive/blob-unlisted", cid: picture }]);
  });

  test.each([
    ["Blob not found", "The server no longer had this blob when the archive was made."],
    [
      "pds.example answered 500 InternalServerError to com.atproto.sync.getBlob: Blob not found",
      "The server did not give this blob when the archive was made. The reason: pds.example answered 500",
    ],
  ])("a blob that the server did not give is a warning, with the reason: %s", async (reason, message) => {
    const archive = makeArchive(folder, (manifest) => ({
      ...manifest,
      blobs: manifest.blobs.slice(0, 1),
      missing: [{ cid: oldPicture, reason, records: ["app.example.note/Ab:c"] }],
    }));
    const { exitCode, result } = await verify(archive);
    expect(exitCode).toBe(0);
    expect(result.findings).toMatchObject([
      {
        rule: "archive/blob-unavailable",
        severity: "warning",
        cid: oldPicture,
        key: "app.example.note/Ab:c",
        message: expect.stringContaining(message) as string,
      },
    ]);
  });

  test("the archive of another account than expected", async () => {
    const { exitCode, result } = await verify(makeArchive(folder), "--did", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa");
    expect(exitCode).toBe(3);
    expect(result.findings.map(({ rule }) => rule)).toContain("commit/other-did");
  });
});

describe("an archive of several snapshots", () => {
  const second = `${testRev}-2`;

  function makeTwo(): string {
    const archive = makeArchive(folder);
    cpSync(join(archive, "snapshots", testRev), join(archive, "snapshots", second), { recursive: true });
    rewrite(archive, second, () => ({ snapshot: second }));
    return archive;
  }

  test("all of them are proved, and each blob once", async () => {
    const { exitCode, result } = await verify(makeTwo());
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({
      ok: true,
      archive: { snapshots: 2, files: 6, blobs: { checked: 2 } },
      findings: [],
    });
  });

  test("what is wrong with an older one is named with its name", async () => {
    const archive = makeTwo();
    const old = snapshotFile(archive, testRev, "repo");
    writeFileSync(old, readFileSync(old).subarray(0, -1));
    const { exitCode, result } = await verify(archive);
    expect(exitCode).toBe(3);
    expect(result.findings).toContainEqual(expect.objectContaining({ rule: "car/truncated", snapshot: testRev }));
    expect(result.findings).toContainEqual(
      expect.objectContaining({ rule: "archive/file-changed", key: "repo.car", snapshot: testRev }),
    );
    const { stdout } = await run(["verify", archive]);
    expect(stdout).toContain(`in ${testRev}:`);
    rmSync(old);
    expect((await verify(archive)).result.findings).toMatchObject([
      { rule: "archive/file-missing", key: "repo.car", snapshot: testRev },
    ]);
  });

  test("a manifest in the folder of another snapshot is damage", async () => {
    const archive = makeTwo();
    rewrite(archive, second, () => ({ snapshot: testRev }));
    expect((await run(["verify", archive])).exitCode).toBe(3);
  });

  test("files and blobs that nothing names are no harm, and said", async () => {
    const archive = makeArchive(folder, (manifest) => ({ ...manifest, blobs: manifest.blobs }));
    write(blobFile(archive, account.data), "anything");
    writeFileSync(join(archive, "snapshots", testRev, "note.txt"), "mine");
    const { exitCode, result } = await verify(archive);
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({ ok: true, archive: { blobs: { unlisted: 1 } } });
    expect(result.findings).toMatchObject([{ rule: "archive/file-unlisted", severity: "warning", key: "note.txt" }]);
  });
});

test("how to mend what is damaged is said with the whole command", async () => {
  const archive = makeArchive(folder);
  const next = `decamp export ${did} -o ${archive} --recheck --plc-url https://plc.example.com`;
  const args = ["verify", archive, "--plc-url", "https://plc.example.com"];
  expect((await run(args)).stdout).not.toContain("--recheck");
  writeFileSync(blobFile(archive, picture), "another picture");
  const { exitCode, stdout } = await run(args);
  expect(exitCode).toBe(3);
  expect(stdout.trimEnd().split("\n").slice(-2)).toEqual([
    "To fetch again what is damaged, as far as the server still has it:",
    `  ${next}`,
  ]);
  expect(JSON.parse((await run([...args, "--json"])).stdout)).toMatchObject({ ok: false, next });
  rmSync(snapshotFile(archive, testRev, "repo"));
  const gone = await run(args);
  expect(gone.exitCode).toBe(3);
  expect(gone.stderr).toContain(`repo.car is missing.\nHint: `);
  expect(gone.stderr).toContain(`\n  ${next}\n`);
});

test("what an export cannot fetch again is not left to --recheck alone", async () => {
  const archive = makeArchive(folder);
  const later = "3mzzzzzzzzzz2";
  cpSync(join(archive, "snapshots", testRev), join(archive, "snapshots", later), { recursive: true });
  rewrite(archive, later, () => ({ snapshot: later, rev: later }));
  const args = ["verify", archive, "--plc-url", "https://plc.example.com"];
  truncateSync(snapshotFile(archive, testRev, "log"), 5);
  const advice = async (...flags: string[]): Promise<string[]> => {
    const lines = (await run([...args, ...flags])).stdout.trimEnd().split("\n");
    return lines.slice(lines.findLastIndex((line) => line === "") + 1);
  };
  // The newest one is not what its manifest says.
  const both = await advice();
  expect(both.slice(0, 2)).toEqual([
    "To fetch again what is damaged, as far as the server still has it:",
    `  decamp export ${did} -o ${archive} --recheck --plc-url https://plc.example.com`,
  ]);
  expect(both[2]).toContain("another copy of the archive");
  expect(both.at(-1)).toContain(`archive prune ${archive} --release ${testRev}`);
  // Of the newest one alone, everything is still at the server.
  writeFileSync(snapshotFile(archive, testRev, "log"), readFileSync(snapshotFile(archive, later, "log")));
  expect(await advice()).toEqual(both.slice(0, 2));
  // A blob that both need comes back with the newest one.
  writeFileSync(blobFile(archive, picture), "another picture");
  expect(await advice()).toEqual(both.slice(0, 2));
});

test("only older snapshots are damaged: what is not to be had again, another copy has; flags of a private server", async () => {
  const archive = makeArchive(folder, (manifest) => ({ ...manifest, source: "http://localhost:2583" }));
  const second = `${testRev}-2`;
  cpSync(join(archive, "snapshots", testRev), join(archive, "snapshots", second), { recursive: true });
  rewrite(archive, second, () => ({ snapshot: second }));
  truncateSync(snapshotFile(archive, testRev, "log"), 5);
  const next = `decamp export ${did} -o ${archive} --recheck`;
  const lines = (await run(["verify", archive])).stdout.split("\n");
  const at = lines.indexOf("Only older snapshots are damaged. To fetch again what the account still has of that:");
  expect(lines[at + 1]).toBe(`  ${next}`);
  expect(lines[at + 2]).toBe(
    "The archive came from http://localhost:2583. Add --allow-private-hosts, and --plc-url if that has a directory of its own.",
  );
  expect(lines[at + 3]).toContain("another copy of the archive");
  const known = ["--allow-private-hosts", "--plc-url", "http://localhost:2582"];
  expect((await run(["verify", archive, ...known])).stdout).not.toContain("The archive came from");
});

test.each<[string, (archive: string) => void]>([
  ["a blob with other bytes", (archive) => writeFileSync(blobFile(archive, picture), "another picture")],
  ["a repository that is cut off", (archive) => truncateSync(snapshotFile(archive, testRev, "repo"), car.length - 9)],
  ["a repository that is gone", (archive) => rmSync(snapshotFile(archive, testRev, "repo"))],
])("a move that finds %s in its archive names that command, too", async (_, damage) => {
  const archive = makeArchive(folder);
  const [manifest] = await readManifests(archive);
  const prove = async (): Promise<void> =>
    proveSnapshot(archive, manifest!, { did, signingKeys: [key.did] }, new AbortController().signal);
  await prove();
  damage(archive);
  const next = ["export", did, "-o", archive, "--recheck"];
  await expect(prove()).rejects.toMatchObject({ code: "damaged", data: { next } });
});

test("a manifest that cannot be read is damage", async () => {
  const archive = makeArchive(folder);
  writeFileSync(snapshotFile(archive, testRev, "manifest"), "{}");
  const { exitCode, stderr } = await run(["verify", archive]);
  expect(exitCode).toBe(3);
  expect(stderr).toContain("is not a manifest that decamp can read");
});

test("repo and blob commands look into an archive as into a CAR file", async () => {
  const archive = makeArchive(folder);
  expect((await run(["repo", "ls", archive])).stdout).toBe((await run(["repo", "ls", "-"], { input: car })).stdout);
  expect((await run(["blob", "ls", archive])).stdout).toContain(`${picture} 9 image/png`);
});
