/**
 * A rehearsal: a copy of an archive comes back with the real command, on servers of this machine and in a directory of
 * their own. The copy gets an identity of its own: a new genesis, new keys, and a new commit over the same tree. So no
 * key of the real identity is needed, and nothing that is signed here is valid anywhere else.
 */
import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Secp256k1Keypair } from "@atproto/crypto";
import * as dagCbor from "@ipld/dag-cbor";
import { CID } from "multiformats/cid";
import { markFolder } from "../../src/archive/folder.ts";
import {
  archiveName,
  blobsFolder,
  snapshotFile,
  snapshotFiles,
  snapshotFolder,
  type SnapshotPart,
} from "../../src/archive/layout.ts";
import type { ArchivedFile, Manifest } from "../../src/archive/manifest.ts";
import { openSnapshotRepo } from "../../src/archive/open-repo.ts";
import { openSnapshot } from "../../src/archive/open.ts";
import { isCid } from "../../src/data/cid.ts";
import { framedBlocks } from "../../src/repo/car.ts";
import { writeCar, type CarBlock } from "../../src/repo/write/car-write.ts";
import { operation, signed, testCid, testDid, type TestKey } from "../tools/plc.ts";
import { login } from "./account.ts";
import type { NetworkHandle } from "./control.ts";
import { auditLog, didDocument, sendOperation, type AuditEntry } from "./identity.ts";
import type { PdsHandle } from "./pds.ts";
import { listBlobs, listRecords } from "./read.ts";
import { prepareRestore, runDecamp, type Ended } from "./run-decamp.ts";

/** What came of a rehearsal. */
export interface Rehearsal {
  /** the identity that was made for it */
  did: string;
  records: number;
  blobs: number;
  /** what does not agree with the archive; nothing if all came back */
  flaws: string[];
  /** the log of the identity, at the end */
  log: AuditEntry[];
}

/** Nobody listens there. */
const lostServer = "http://localhost:1";
const handle = "rehearsal.example.com";
const password = "only for the rehearsal";

/** Brings a copy of the archive back at `target`. @param show whether the command's own output is shown */
export async function rehearse(
  archive: string,
  { plcUrl, target }: Pick<NetworkHandle, "plcUrl"> & { target: PdsHandle },
  show = false,
): Promise<Rehearsal> {
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-rehearsal-"));
  try {
    requireGood(await runDecamp(["verify", archive], { show }), "the archive is not in order");
    const { archive: root, manifest } = await openSnapshot(archive);
    const rotationKey = await Secp256k1Keypair.create({ exportable: true });
    const { did, copy } = await copyWithOwnIdentity(root, manifest, folder, {
      plcUrl,
      rotationKey: asTestKey(rotationKey),
      signingKey: asTestKey(await Secp256k1Keypair.create()),
    });
    requireGood(await runDecamp(["verify", copy], { show }), "the copy is not in order");
    const newHandle = `rehearsal-${did.slice(-8)}${target.handleDomain}`;
    const args = await prepareRestore(folder, copy, {
      did,
      plcUrl,
      target,
      rotationKey: Buffer.from(await rotationKey.export()).toString("hex"),
      account: { handle: newHandle, email: `${did.slice(-8)}@rehearsal.example.com`, password },
    });
    requireGood(await runDecamp([...args, "--allow-missing-blobs"], { show }), "the restore did not end well", [0, 6]);
    await login(target, newHandle, password);
    const reader = { url: target.url, did };
    const [records, blobs, log] = await Promise.all([listRecords(reader), listBlobs(reader), auditLog(plcUrl, did)]);
    const there = new Set(blobs);
    const lacking = manifest.blobs.filter(({ cid }) => !there.has(cid));
    const flaws = [
      ...(records.length === manifest.records ? [] : [`${records.length} of ${manifest.records} records came back`]),
      ...(lacking.length === 0 ? [] : [`${lacking.length} of ${manifest.blobs.length} blobs did not come back`]),
      ...manifest.missing.map(({ cid }) => `the archive lacks the blob ${cid}`),
    ];
    return { did, records: records.length, blobs: blobs.length, flaws, log };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A key pair, as the tools for operations take it. */
export function asTestKey(pair: Secp256k1Keypair): TestKey {
  return { did: pair.did(), sign: async (data) => pair.sign(data) };
}

function requireGood({ code, stderr }: Ended, what: string, good: readonly number[] = [0]): void {
  if (code === null || !good.includes(code)) {
    throw new Error(`${what} (exit code ${code ?? "none"}): ${stderr}`);
  }
}

/**
 * The same tree and blobs, as the archive of an identity that is made here.
 *
 * @param root the archive, and `manifest` of the snapshot
 * @param folder where the copy is made
 * @param identity `home` is the URL of the server that it names; one that nobody has, unless given
 */
export async function copyWithOwnIdentity(
  root: string,
  manifest: Manifest,
  folder: string,
  identity: { plcUrl: string; rotationKey: TestKey; signingKey: TestKey; home?: string },
): Promise<{ did: string; copy: string }> {
  const { plcUrl, rotationKey, signingKey, home = lostServer } = identity;
  const genesis = await signed(
    operation(null, {
      rotationKeys: [rotationKey.did],
      verificationMethods: { atproto: signingKey.did },
      alsoKnownAs: [`at://${handle}`],
      services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: home } },
    }),
    rotationKey,
  );
  const did = testDid(genesis);
  await sendOperation(plcUrl, did, genesis);
  const copy = path.join(folder, archiveName(did));
  const { snapshot } = manifest;
  await mkdir(snapshotFolder(copy, snapshot), { recursive: true });
  await markFolder(copy, did);
  await cp(blobsFolder(root), blobsFolder(copy), { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") {
      throw error;
    }
  });
  const files: Record<string, ArchivedFile> = {};
  const describe = async (part: SnapshotPart, isPrivate = false): Promise<void> => {
    const hash = createHash("sha256");
    let size = 0;
    for await (const piece of createReadStream(snapshotFile(copy, snapshot, part))) {
      hash.update(piece as Buffer);
      size += (piece as Buffer).length;
    }
    files[snapshotFiles[part]] = { size, sha256: hash.digest("hex"), private: isPrivate };
  };
  const put = async (part: SnapshotPart, bytes: Uint8Array, isPrivate = false): Promise<void> => {
    await writeFile(snapshotFile(copy, snapshot, part), bytes);
    await describe(part, isPrivate);
  };
  const commit = await writeWithOtherCommit(snapshotFile(copy, snapshot, "repo"), root, manifest, did, signingKey);
  await describe("repo");
  await put("log", Buffer.from(JSON.stringify(await auditLog(plcUrl, did))));
  await put("document", Buffer.from(JSON.stringify(await didDocument(plcUrl, did))));
  if (manifest.files[snapshotFiles.preferences] !== undefined) {
    await put("preferences", await readFile(snapshotFile(root, snapshot, "preferences")), true);
  }
  const own: Manifest = { ...manifest, did, handle, source: home, commit, files };
  await writeFile(snapshotFile(copy, snapshot, "manifest"), JSON.stringify(own));
  return { did, copy };
}

/** Writes the repository with a commit of this identity in place of its own. @returns the CID of that commit */
async function writeWithOtherCommit(
  to: string,
  root: string,
  manifest: Manifest,
  did: string,
  signing: TestKey,
): Promise<string> {
  const file = await openSnapshotRepo(root, manifest);
  const out = openSync(to, "wx", 0o600);
  try {
    const old = CID.parse(manifest.commit).bytes;
    const isOld = ({ cid }: CarBlock): boolean => Buffer.compare(cid, old) === 0;
    const blocks = function* (): Generator<CarBlock> {
      for (const { bytes, start, end } of framedBlocks(file.source)) {
        yield { cid: bytes.subarray(start - 36, start), data: bytes.subarray(start, end) };
      }
    };
    const found = commitIn(blocks(), isOld);
    const { sig: _sig, ...unsigned } = dagCbor.decode<Record<string, unknown>>(found);
    const content = { ...unsigned, did };
    const commit = { ...content, sig: await signing.sign(dagCbor.encode(content)) };
    const cid = testCid(commit);
    if (!isCid(cid)) {
      throw new Error("the new commit has no CID");
    }
    const first = { cid: CID.parse(cid).bytes, data: dagCbor.encode(commit) };
    const all = function* (): Generator<CarBlock> {
      yield first;
      for (const block of blocks()) {
        if (!isOld(block)) {
          yield block;
        }
      }
    };
    for (const piece of writeCar(cid, all())) {
      writeSync(out, piece);
    }
    return cid;
  } finally {
    closeSync(out);
    file.close();
  }
}

/** A copy of the block that is looked for. */
function commitIn(blocks: Iterable<CarBlock>, isIt: (block: CarBlock) => boolean): Uint8Array {
  for (const block of blocks) {
    if (isIt(block)) {
      return Uint8Array.from(block.data);
    }
  }
  throw new Error("the repository has no commit");
}
