import { createHash } from "node:crypto";
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** What the directory would make of the genesis. */
const documentParts = {
  verificationMethod: [
    { id: `${did}#atproto`, type: "Multikey", controller: did, publicKeyMultibase: key.did.slice("did:key:".length) },
  ],
  service: [{ id: "#atproto_pds", type: "AtprotoPersonalDataServer", serviceEndpoint: "https://old.example.com" }],
};

/** A good archive in a folder of its own. */
function makeArchive(change: (manifest: Manifest) => Manifest = (manifest) => manifest): string {
  const archive = mkdtempSync(join(folder, "archive-"));
  const document = { id: did, alsoKnownAs: ["at://alice.example.com"], ...documentParts };
  const files = {
    "repo.car": write(snapshotFile(archive, testRev, "repo"), car),
    "did.json": write(snapshotFile(archive, testRev, "document"), JSON.stringify(document)),
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

/** Another manifest in its place. */
function rewrite(archive: string, snapshot: string, change: (manifest: Manifest) => Partial<Manifest>): void {
  const path = snapshotFile(archive, snapshot, "manifest");
  const manifest = JSON.parse(readFileSync(path, "utf8")) as Manifest;
  writeFileSync(path, JSON.stringify({ ...manifest, ...change(manifest) }));
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

describe("an archive of several snapshots", () => {
  const second = `${testRev}-2`;

  function makeTwo(): string {
    const archive = makeArchive();
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
  });

  test("a manifest in the folder of another snapshot is damage", async () => {
    const archive = makeTwo();
    rewrite(archive, second, () => ({ snapshot: testRev }));
    expect((await run(["verify", archive])).exitCode).toBe(3);
  });

  test("files and blobs that nothing names are no harm, and said", async () => {
    const archive = makeArchive((manifest) => ({ ...manifest, blobs: manifest.blobs }));
    write(blobFile(archive, account.data), "anything");
    writeFileSync(join(archive, "snapshots", testRev, "note.txt"), "mine");
    const { exitCode, result } = await verify(archive);
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({ ok: true, archive: { blobs: { unlisted: 1 } } });
    expect(result.findings).toMatchObject([{ rule: "archive/file-unlisted", severity: "warning", key: "note.txt" }]);
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
