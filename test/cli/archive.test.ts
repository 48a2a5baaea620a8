import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { blobFile, snapshotFile } from "../../src/archive/layout.ts";
import type { Manifest } from "../../src/archive/manifest.ts";
import { CidLink } from "../../src/data/cid.ts";
import { makeAccount, testRev } from "../repo/tools/account.ts";
import { makeCar, makeCommit } from "../repo/tools/build.ts";
import { at, auditLog, operation, signed, testDid, testKey } from "../tools/plc.ts";
import { oldPicture, picture, pictures, special } from "./support/car.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-archive-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const key = await testKey("signing");
const genesis = await signed(
  operation(null, { rotationKeys: [key.did], verificationMethods: { atproto: key.did } }),
  key,
);
const did = testDid(genesis);
const account = await makeAccount({ records: special, did });
const commit = await makeCommit(
  { did, version: 3, data: new CidLink(account.data), rev: testRev, prev: null },
  { didKey: key.did, sign: (bytes) => key.sign(bytes) },
);
const car = makeCar(commit.cid, [commit, ...account.blocks.slice(1)]);

function write(path: string, content: string | Uint8Array): { size: number; sha256: string; private: boolean } {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { size: Buffer.byteLength(content), sha256, private: false };
}

/** A good archive in a folder of its own. */
function makeArchive(change: (manifest: Manifest) => Manifest = (manifest) => manifest): string {
  const archive = mkdtempSync(join(folder, "archive-"));
  const files = {
    "repo.car": write(snapshotFile(archive, testRev, "repo"), car),
    "plc-log.json": write(snapshotFile(archive, testRev, "log"), JSON.stringify(auditLog([genesis]))),
  };
  write(blobFile(archive, picture), pictures.new);
  write(blobFile(archive, oldPicture), pictures.old);
  const manifest: Manifest = {
    format: 1,
    snapshot: testRev,
    writtenBy: "test",
    createdAt: at(0),
    did,
    source: "https://old.example.com",
    commit: commit.cid,
    rev: testRev,
    data: account.data,
    records: 3,
    collections: {},
    files,
    blobs: [
      { cid: picture, size: pictures.new.length, mimeType: "image/png" },
      { cid: oldPicture, size: pictures.old.length, mimeType: "image/gif" },
    ],
    blobBytes: pictures.new.length + pictures.old.length,
    missing: [],
  };
  write(snapshotFile(archive, testRev, "manifest"), JSON.stringify(change(manifest)));
  return archive;
}

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
    const archive = makeArchive();
    const { exitCode, result } = await verify(archive);
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({
      ok: true,
      did,
      signature: "valid",
      signingKey: key.did,
      records: 3,
      archive: { files: 2, blobs: { checked: 2, bytes: pictures.new.length + pictures.old.length, unavailable: 0 } },
      findings: [],
    });
    const { stdout } = await run(["verify", archive]);
    expect(stdout).toContain(`The repository of ${did} is genuine and complete.\n`);
    expect(stdout).toContain("Archive       2 files; 2 blobs, 23 bytes\n");
  });

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
  ])("%s: exit code 3, and it is named", async (_name, damage, finding) => {
    const archive = makeArchive();
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
    const archive = makeArchive((manifest) => ({ ...manifest, commit: account.commit.cid }));
    const { exitCode, result } = await verify(archive);
    expect(exitCode).toBe(3);
    expect(result.findings.map(({ rule }) => rule)).toEqual(["archive/commit"]);
  });

  test("a blob that the manifest leaves out", async () => {
    const archive = makeArchive((manifest) => ({ ...manifest, blobs: manifest.blobs.slice(1) }));
    const { exitCode, result } = await verify(archive);
    expect(exitCode).toBe(3);
    expect(result.findings).toMatchObject([{ rule: "archive/blob-unlisted", cid: picture }]);
  });

  test("a blob that the server no longer had is a warning", async () => {
    const archive = makeArchive((manifest) => ({
      ...manifest,
      blobs: manifest.blobs.slice(0, 1),
      missing: [{ cid: oldPicture, reason: "not found", records: ["app.example.note/Ab:c"] }],
    }));
    const { exitCode, result } = await verify(archive);
    expect(exitCode).toBe(0);
    expect(result.findings).toMatchObject([
      { rule: "archive/blob-unavailable", severity: "warning", cid: oldPicture, key: "app.example.note/Ab:c" },
    ]);
  });

  test("the archive of another account than expected", async () => {
    const { exitCode, result } = await verify(makeArchive(), "--did", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa");
    expect(exitCode).toBe(3);
    expect(result.findings.map(({ rule }) => rule)).toContain("commit/other-did");
  });
});

test("a manifest that cannot be read is damage", async () => {
  const archive = makeArchive();
  writeFileSync(snapshotFile(archive, testRev, "manifest"), "{}");
  const { exitCode, stderr } = await run(["verify", archive]);
  expect(exitCode).toBe(3);
  expect(stderr).toContain("is not a manifest that decamp can read");
});

test("repo and blob commands look into an archive as into a CAR file", async () => {
  const archive = makeArchive();
  expect((await run(["repo", "ls", archive])).stdout).toBe((await run(["repo", "ls", "-"], { input: car })).stdout);
  expect((await run(["blob", "ls", archive])).stdout).toContain(`${picture} 9 image/png`);
});
