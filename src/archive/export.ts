/** An account into an archive: the repository, the blobs, the preferences, the identity, and the manifest last. */

import { hash } from "node:crypto";
import { isCid, type Cid } from "../data/cid.ts";
import { DecampError, isDecampError } from "../errors.ts";
import type { DidDocument } from "../identity/did-document.ts";
import type { VerifiedLog } from "../plc/log.ts";
import { readBlobRefs } from "../repo/records.ts";
import { openCarFile } from "../services/car-file.ts";
import { writeWhole } from "../services/files.ts";
import type { Pds } from "../services/pds.ts";
import { fetchBlobs, type WantedBlob } from "./fetch-blobs.ts";
import { fetchRepo } from "./fetch-repo.ts";
import { snapshotFile, snapshotFiles } from "./layout.ts";
import type { ArchivedFile, Manifest } from "./manifest.ts";

/** What is exported, and what is known of it. */
export interface ExportSource {
  readonly did: string;
  /** Signed in, if preferences and what is not public are to come along. */
  readonly pds: Pds;
  readonly document: DidDocument;
  /** The verified audit log, and the same as the directory sent it. */
  readonly log: VerifiedLog;
  readonly rawLog: unknown;
}

export interface ExportOptions {
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Name and version of what writes the archive. */
  readonly writtenBy: string;
  readonly onProgress: (progress: { unit: "bytes" | "blobs"; done: number; total?: number }) => void;
}

/**
 * Exports an account. What is in the archive already is not fetched again.
 *
 * @returns the manifest of the new snapshot; `missing` names the blobs that could not be had
 * @throws DecampError `damaged` when the repository is not genuine or not whole, `storage`, and what the services throw
 */
export async function exportAccount(archive: string, source: ExportSource, options: ExportOptions): Promise<Manifest> {
  const { did, pds, log } = source;
  const { signal, onProgress } = options;
  const { repo, file } = await fetchRepo(
    archive,
    await pds.getRepo(did, signal),
    { did, signingKeys: log.signingKeys, now: options.now },
    signal,
    (done) => onProgress({ unit: "bytes", done }),
  );
  const wanted = await wantedBlobs(archive, repo.rev, pds, did, signal);
  const { blobs, missing } = await fetchBlobs(archive, wanted, async (cid, either) => pds.getBlob(did, cid, either), {
    concurrency: options.concurrency,
    signal,
    onProgress: (done) => onProgress({ unit: "blobs", done, total: wanted.size }),
  });
  const files: Record<string, ArchivedFile> = { [snapshotFiles.repo]: file };
  const keep = async (part: "document" | "log" | "preferences", value: unknown): Promise<void> => {
    const text = `${JSON.stringify(value, undefined, 2)}\n`;
    await writeWhole(snapshotFile(archive, repo.rev, part), text);
    files[snapshotFiles[part]] = describe(text, part === "preferences");
  };
  await keep("document", source.document.raw);
  await keep("log", source.rawLog);
  if (pds.isSignedIn) {
    await keep("preferences", { preferences: await readPreferences(pds, signal) });
  }
  const { handle } = source.document;
  const manifest: Manifest = {
    format: 1,
    writtenBy: options.writtenBy,
    createdAt: new Date(options.now).toISOString(),
    did,
    ...(handle === undefined ? {} : { handle }),
    source: pds.origin,
    commit: repo.commit,
    rev: repo.rev,
    data: repo.data,
    records: repo.records,
    files,
    blobs,
    missing,
  };
  await writeWhole(snapshotFile(archive, repo.rev, "manifest"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  return manifest;
}

/** What the records refer to, and what the server lists beside that. */
async function wantedBlobs(
  archive: string,
  rev: string,
  pds: Pds,
  did: string,
  signal: AbortSignal,
): Promise<Map<Cid, WantedBlob>> {
  const car = await openCarFile(snapshotFile(archive, rev, "repo"));
  let wanted: Map<Cid, WantedBlob>;
  try {
    wanted = new Map(readBlobRefs(car.source, { signal }));
  } finally {
    car.close();
  }
  for await (const cid of pds.listBlobs(did, signal)) {
    if (!isCid(cid)) {
      throw new DecampError("bad-answer", `${pds.host} lists a blob under a name that is no CID.`);
    }
    if (!wanted.has(cid)) {
      wanted.set(cid, { records: [] });
    }
  }
  return wanted;
}

/** The preferences; none where the server keeps none. */
async function readPreferences(pds: Pds, signal: AbortSignal): Promise<readonly unknown[]> {
  try {
    return await pds.getPreferences(signal);
  } catch (error) {
    if (isDecampError(error, "server-refused") && error.data["status"] === 404) {
      return [];
    }
    throw error;
  }
}

const sha256 = (bytes: Uint8Array): string => hash("sha256", bytes, "hex");

function describe(text: string, isPrivate: boolean): ArchivedFile {
  const bytes = Buffer.from(text);
  return { size: bytes.length, sha256: sha256(bytes), private: isPrivate };
}
