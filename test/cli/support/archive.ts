/** A small good archive, and ways to change it. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { blobFile, snapshotFile } from "../../../src/archive/layout.ts";
import type { Manifest } from "../../../src/archive/manifest.ts";
import { CidLink } from "../../../src/data/cid.ts";
import { makeAccount, testRev } from "../../repo/tools/account.ts";
import { makeCar, makeCommit } from "../../repo/tools/build.ts";
import { at, auditLog, operation, signed, testDid, testKey, type Json } from "../../tools/plc.ts";
import { oldPicture, picture, pictures, special } from "./car.ts";

export const key = await testKey("signing");
const genesis = await signed(
  operation(null, { rotationKeys: [key.did], verificationMethods: { atproto: key.did } }),
  key,
);
export const did: string = testDid(genesis);
export const account = await makeAccount({ records: special, did });
const commit = await makeCommit(
  { did, version: 3, data: new CidLink(account.data), rev: testRev, prev: null },
  { didKey: key.did, sign: (bytes) => key.sign(bytes) },
);
export const car: Buffer = makeCar(commit.cid, [commit, ...account.blocks.slice(1)]);

/** Writes a file, and describes it as a manifest does. */
export function write(path: string, content: string | Uint8Array): { size: number; sha256: string; private: boolean } {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { size: Buffer.byteLength(content), sha256, private: false };
}

/** What the directory would make of the genesis. */
export const documentParts: object = {
  verificationMethod: [
    { id: `${did}#atproto`, type: "Multikey", controller: did, publicKeyMultibase: key.did.slice("did:key:".length) },
  ],
  service: [{ id: "#atproto_pds", type: "AtprotoPersonalDataServer", serviceEndpoint: "https://old.example.com" }],
};

/** A good archive in a folder of its own. */
export function makeArchive(folder: string, change: (manifest: Manifest) => Manifest = (manifest) => manifest): string {
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
export function rewrite(archive: string, snapshot: string, change: (manifest: Manifest) => Partial<Manifest>): void {
  const path = snapshotFile(archive, snapshot, "manifest");
  const manifest = JSON.parse(readFileSync(path, "utf8")) as Manifest;
  writeFileSync(path, JSON.stringify({ ...manifest, ...change(manifest) }));
}

/** An archive whose log has these operations, an hour apart. */
export function archiveWithLog(folder: string, operations: readonly Json[]): string {
  const archive = makeArchive(folder);
  const log = write(snapshotFile(archive, testRev, "log"), JSON.stringify(auditLog(operations)));
  rewrite(archive, testRev, ({ files }) => ({ files: { ...files, "plc-log.json": log } }));
  return archive;
}
