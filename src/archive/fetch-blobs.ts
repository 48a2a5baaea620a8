/** Blobs from a server into the archive, several at a time, each hashed while it is written. */

import { createHash } from "node:crypto";
import { parseCid, type Cid } from "../data/cid.ts";
import { isDecampError, DecampError } from "../errors.ts";
import { forEachConcurrent } from "../services/concurrent.ts";
import { fileSize, NewFile } from "../services/files.ts";
import type { Download } from "../services/pds.ts";
import { blobFile } from "./layout.ts";
import type { ArchivedBlob, Missing } from "./manifest.ts";

/** A blob that is wanted. */
export interface WantedBlob {
  /** As the record says; undefined if no record refers to it. */
  readonly mimeType?: string;
  readonly records: readonly string[];
}

/** How often a blob is fetched that comes broken. */
const attempts = 3;

/**
 * Brings every wanted blob that is not there yet. A blob that the server does not have, or that comes with other bytes
 * again and again, is named as missing; nothing of it is kept.
 *
 * @param open fetches one blob
 * @param onProgress is told how many are settled
 */
export async function fetchBlobs(
  archive: string,
  wanted: ReadonlyMap<Cid, WantedBlob>,
  open: (cid: Cid, signal: AbortSignal) => Promise<Download>,
  options: { concurrency: number; signal: AbortSignal; onProgress: (done: number) => void },
): Promise<{ blobs: ArchivedBlob[]; missing: Missing[] }> {
  const blobs: ArchivedBlob[] = [];
  const missing: Missing[] = [];
  let done = 0;
  await forEachConcurrent(wanted, options.concurrency, options.signal, async ([cid, want], signal) => {
    const there = await fileSize(blobFile(archive, cid));
    const kept =
      there === undefined ? await fetchBlob(archive, cid, open, signal) : { size: there, mimeType: want.mimeType };
    if ("reason" in kept) {
      missing.push({ cid, reason: kept.reason, records: want.records });
    } else {
      const mimeType = want.mimeType ?? kept.mimeType ?? "application/octet-stream";
      blobs.push({ cid, size: kept.size, mimeType });
    }
    done += 1;
    options.onProgress(done);
  });
  return { blobs: blobs.sort(byCid), missing: missing.sort(byCid) };
}

function byCid(a: { cid: string }, b: { cid: string }): number {
  return a.cid < b.cid ? -1 : 1;
}

async function fetchBlob(
  archive: string,
  cid: Cid,
  open: (cid: Cid, signal: AbortSignal) => Promise<Download>,
  signal: AbortSignal,
): Promise<{ size: number; mimeType?: string | undefined } | { reason: string }> {
  let reason = "";
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    try {
      const download = await open(cid, signal);
      const file = await NewFile.create(blobFile(archive, cid));
      try {
        const digest = await receive(download, async (bytes) => file.write(bytes));
        if (!isDigestOf(cid, digest)) {
          throw new DecampError("damaged", "the server sends other bytes than the record refers to");
        }
        await file.keep();
        return { size: file.size, mimeType: download.mimeType };
      } catch (error) {
        await file.discard();
        throw error;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (isDecampError(error, "server-refused")) {
        return { reason: String(error.data["detail"] ?? error.data["error"]) };
      }
      if (isDecampError(error) && error.code !== "damaged") {
        throw error; // the server as a whole, or the disk
      }
      reason = isDecampError(error) ? error.message : "the transfer broke off";
    }
  }
  return { reason };
}

/**
 * Reads a blob to its end and hashes it, without keeping it.
 *
 * @returns whether the bytes are those that `cid` names
 */
export async function isGenuineBlob(cid: Cid, download: Download): Promise<boolean> {
  return isDigestOf(cid, await receive(download, () => undefined));
}

async function receive(download: Download, take: (bytes: Uint8Array) => Promise<void> | undefined): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of download.bytes) {
    hash.update(bytes);
    await take(bytes);
  }
  return hash.digest("hex");
}

function isDigestOf(cid: Cid, digest: string): boolean {
  return Buffer.from(parseCid(cid).digest).toString("hex") === digest;
}
