/** Blobs that a complete snapshot lacks, from wherever they can still be had. Each byte is hashed; the rest stays. */

import { writeWhole } from "../../services/disk/files.ts";
import { withLock, type LockOwner } from "../../services/disk/lock.ts";
import { fetchBlobs, type FetchedBlobs, type FetchOptions, type OpenBlob } from "./fetch-blobs.ts";
import { lockFile, snapshotFile } from "../layout.ts";
import type { Manifest } from "../manifest.ts";

/** Somebody who may have them. */
export interface BlobGiver {
  /** What it is called in a sentence. */
  readonly name: string;
  readonly open: OpenBlob;
}

export interface CompleteOptions extends Pick<FetchOptions, "concurrency" | "signal" | "pause"> {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly lockOwner: LockOwner;
  /** Told why nothing can be had from one of them. */
  readonly onFailure: (giver: BlobGiver, error: unknown) => void;
  /** Told how many of the blobs that were missing are there by now. */
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Asks one after another for what is missing.
 *
 * @returns the manifest as it is by then
 * @throws DecampError `locked` while another run works on the archive, `storage`; the signal's reason
 */
export async function completeSnapshot(
  archive: string,
  manifest: Manifest,
  givers: readonly BlobGiver[],
  { now, lockOwner, onFailure, onProgress, ...options }: CompleteOptions,
): Promise<Manifest> {
  if (manifest.missing.length === 0 || givers.length === 0) {
    return manifest;
  }
  return withLock(lockFile(archive), lockOwner, { now, signal: options.signal }, async (signal) => {
    let whole = manifest;
    for (const giver of givers) {
      const wanted = new Map(whole.missing.map(({ cid, records }) => [cid, { records }]));
      try {
        const came = await fetchBlobs(archive, wanted, giver.open, {
          ...options,
          signal,
          isAnswering: async () => Promise.resolve(true),
          onProgress: (done) => onProgress(done, wanted.size),
        });
        whole = withBlobs(whole, came);
      } catch (error) {
        signal.throwIfAborted();
        onFailure(giver, error);
      }
      if (whole.missing.length === 0) {
        break;
      }
    }
    if (whole.missing.length < manifest.missing.length) {
      whole = { ...whole, updatedAt: new Date(now).toISOString() };
      const path = snapshotFile(archive, whole.snapshot, "manifest");
      await writeWhole(path, `${JSON.stringify(whole, undefined, 2)}\n`);
    }
    return whole;
  });
}

/** The manifest with what has come. Why the account's own server did not give a blob stays the reason. */
function withBlobs(manifest: Manifest, came: Pick<FetchedBlobs, "blobs" | "missing">): Manifest {
  const blobs = [...manifest.blobs, ...came.blobs].sort((a, b) => (a.cid < b.cid ? -1 : 1));
  const missing = new Set(came.missing.map(({ cid }) => cid));
  return {
    ...manifest,
    blobs,
    blobBytes: blobs.reduce((sum, { size }) => sum + size, 0),
    missing: manifest.missing.filter(({ cid }) => missing.has(cid)),
  };
}
