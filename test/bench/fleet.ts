/**
 * Very many small accounts, each with an identity, a signed repository and blobs of its own, and the archive that an
 * export makes of one: written without waiting for the disk, so that a night over 100,000 of them can be measured.
 */
import { createHash, hash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { encodeCbor } from "../../src/data/cbor.ts";
import { CidLink, cidFor, type Cid } from "../../src/data/cid.ts";
import { readmeText } from "../../src/archive/readme.ts";
import { documentOf } from "../cli/support/directory.ts";
import { testNow, tid } from "../repo/tools/account.ts";
import {
  buildTree,
  makeCar,
  makeCommit,
  makeSigner,
  treeBlocks,
  type Block,
  type Signer,
} from "../repo/tools/build.ts";
import { auditLog, operation, signed, servedAt, testDid, testKey, type TestEntry, type TestKey } from "../tools/plc.ts";

/** What an account has. */
export interface FleetSize {
  readonly records: number;
  readonly blobs: number;
  /** bytes of each blob */
  readonly blobSize: number;
}

export interface FleetAccount {
  readonly did: string;
  readonly handle: string;
  readonly log: readonly TestEntry[];
  readonly document: object;
  readonly commit: Cid;
  readonly rev: string;
  readonly data: Cid;
  readonly blocks: readonly Block[];
  readonly blobs: readonly Cid[];
}

const collections = { note: "app.example.note", picture: "app.example.picture" } as const;
const mimeType = "image/jpeg";

/** Makes accounts at a server. All have the same keys. */
export class Fleet {
  readonly #origin: string;
  readonly #size: FleetSize;
  readonly #owner: TestKey;
  readonly #signer: Signer;

  private constructor(origin: string, size: FleetSize, owner: TestKey, signer: Signer) {
    this.#origin = origin;
    this.#size = size;
    this.#owner = owner;
    this.#signer = signer;
  }

  static async create(origin: string, size: FleetSize): Promise<Fleet> {
    return new Fleet(origin, size, await testKey("fleet owner"), await makeSigner("k256", "fleet"));
  }

  /** @param version how often it has written something since the beginning */
  async account(index: number, version: number = 0): Promise<FleetAccount> {
    const handle = `a${index}.fleet.example`;
    const content = {
      rotationKeys: [this.#owner.did],
      verificationMethods: { atproto: this.#signer.didKey },
      alsoKnownAs: [`at://${handle}`],
      ...servedAt(this.#origin),
    };
    const genesis = await signed(operation(null, content), this.#owner);
    const did = testDid(genesis);
    const blobs = Array.from({ length: this.#size.blobs }, (_, number) => cidFor("raw", this.blob(did, number)));
    const made = Date.UTC(2026, 0, 1) * 1000;
    const notes = Array.from({ length: this.#size.records + version }, (_, number) => ({
      key: `${collections.note}/${tid(made + index * 1000 + number)}`,
      value: { $type: collections.note, text: `Note ${number} of account ${index}`, createdAt: "2026-01-01T00:00:00Z" },
    }));
    const pictures = blobs.map((cid, number) => ({
      key: `${collections.picture}/${tid(made + index * 1000 + number)}`,
      value: {
        $type: collections.picture,
        image: { $type: "blob", ref: new CidLink(cid), mimeType, size: this.#size.blobSize },
      },
    }));
    const records = new Map<Cid, Block>();
    const leaves = [...notes, ...pictures].map(({ key, value }, number) => {
      const bytes = encodeCbor(value);
      const cid = cidFor("dag-cbor", bytes);
      records.set(cid, { cid, bytes, rev: number });
      return { key, value: cid };
    });
    const { root, blocks } = treeBlocks(buildTree(leaves), records);
    const rev = tid(testNow * 1000 + version);
    const commit = await makeCommit({ did, version: 3, data: new CidLink(root), rev, prev: null }, this.#signer);
    return {
      did,
      handle,
      log: auditLog([genesis]),
      document: documentOf(did, genesis),
      commit: commit.cid,
      rev,
      data: root,
      blocks: [commit, ...blocks],
      blobs,
    };
  }

  /** The bytes of a blob: noise from its name. */
  blob(did: string, number: number): Buffer {
    const bytes = Buffer.alloc(this.#size.blobSize);
    let block = createHash("sha256").update(`${did} ${number}`).digest();
    for (let at = 0; at < bytes.length; at += block.length) {
      block.copy(bytes, at);
      block = createHash("sha256").update(block).digest();
    }
    return bytes;
  }

  /** Writes what an export leaves of an account, into a folder of archives. */
  writeArchive(folder: string, account: FleetAccount): void {
    const { did, handle, log, document, commit, rev, data, blocks, blobs } = account;
    const archive = path.join(folder, did.replaceAll(":", "-"));
    const snapshot = path.join(archive, "snapshots", rev);
    mkdirSync(snapshot, { recursive: true });
    writeFileSync(
      path.join(archive, "decamp.json"),
      `${JSON.stringify({ type: "decamp archive", format: 1, did }, undefined, 2)}\n`,
    );
    writeFileSync(path.join(archive, "README.txt"), readmeText);
    const files: Record<string, object> = {};
    const write = (name: string, bytes: Uint8Array): void => {
      writeFileSync(path.join(snapshot, name), bytes);
      files[name] = { size: bytes.length, sha256: hash("sha256", bytes, "hex"), private: false };
    };
    write("repo.car", makeCar(commit, blocks));
    write("plc-log.json", json(log));
    write("did.json", json(document));
    blobs.forEach((cid, number) => {
      const shelf = path.join(archive, "blobs", cid.slice(-2));
      mkdirSync(shelf, { recursive: true });
      writeFileSync(path.join(shelf, cid), this.blob(did, number));
    });
    const entries = Object.entries({
      [collections.note]: this.#size.records,
      [collections.picture]: blobs.length,
    }).filter(([, records]) => records > 0);
    const manifest = {
      format: 1,
      snapshot: rev,
      writtenBy: "decamp bench",
      createdAt: "2026-03-01T00:00:00.000Z",
      did,
      handle,
      source: this.#origin,
      commit,
      rev,
      data,
      records: entries.reduce((sum, [, records]) => sum + records, 0),
      collections: Object.fromEntries(entries),
      files,
      blobs: blobs
        .map((cid) => ({ cid, size: this.#size.blobSize, mimeType }))
        .sort((a, b) => (a.cid < b.cid ? -1 : 1)),
      blobBytes: blobs.length * this.#size.blobSize,
      missing: [],
      unreadRecords: [],
    };
    writeFileSync(path.join(snapshot, "manifest.json"), json(manifest));
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}
