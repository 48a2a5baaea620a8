/**
 * transfer-blobs: after the import, only what the new server lists as missing; and then every blob is read back from there
 * and hashed. The counters of a server are no proof: one that was uploaded before its record looks present everywhere and
 * cannot be fetched.
 */

import { isGenuineBlob } from "../../archive/fetch-blobs.ts";
import { blobFile, snapshotFile } from "../../archive/layout.ts";
import type { ArchivedBlob } from "../../archive/manifest.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { blobRefsInTurns } from "../../repo/records.ts";
import { openCarFile } from "../../services/car-file.ts";
import { forEachConcurrent } from "../../services/concurrent.ts";
import { openForUpload } from "../../services/files.ts";
import type { Context, Step } from "../context.ts";
import { UploadQuota } from "../upload-quota.ts";

export const transferBlobs: Step = {
  id: "transfer-blobs",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const count = await transferNow(context);
    return `${count} blobs, each read back and hashed`;
  },
};

/** @returns how many blobs are on the new server, proved */
export async function transferNow(context: Context): Promise<number> {
  const { options, signal, report } = context;
  const absent = new Set(context.missingBlobs.map(({ cid }) => cid));
  const wanted = await wantedBlobs(context, absent);
  const needed = (await neededBlobs(context)).filter(({ cid }) => !absent.has(cid));
  const proved = new Set<string>();
  const settle = ({ cid }: ArchivedBlob): void => {
    proved.add(cid);
    report({ type: "progress", step: "transfer-blobs", unit: "blobs", done: proved.size, total: needed.length });
  };
  const quota = new UploadQuota(context, wanted.length);
  await forEachConcurrent(quota.whileItLasts(wanted), options.concurrency, signal, async (blob, either, busy) => {
    if (await quota.within(async () => upload(context, blob, either, busy))) {
      await prove(context, blob, either, busy);
      settle(blob);
    }
  });
  quota.requireLasted();
  const there = needed.filter(({ cid }) => !proved.has(cid));
  await forEachConcurrent(there, options.concurrency, signal, async (blob, either, busy) => {
    await prove(context, blob, either, busy);
    settle(blob);
  });
  return needed.length;
}

/** What the new server misses and the archive has. @throws DecampError `incomplete` if it misses something else */
async function wantedBlobs(
  { snapshot, target, signal }: Context,
  absent: ReadonlySet<string>,
): Promise<readonly ArchivedBlob[]> {
  const archived = new Map(snapshot.blobs.map((blob) => [blob.cid, blob]));
  const wanted: ArchivedBlob[] = [];
  for await (const cid of target.listMissingBlobs(signal)) {
    const blob = archived.get(cid);
    if (blob === undefined && !absent.has(cid)) {
      throw new DecampError("incomplete", `${target.host} misses the blob ${cid}, which is not in the archive.`);
    }
    if (blob !== undefined) {
      wanted.push(blob);
    }
  }
  return wanted;
}

/** Reads a blob back from the new server. @throws DecampError `refused` if it does not come as it was sent */
async function prove(context: Context, blob: ArchivedBlob, signal: AbortSignal, busy: () => void): Promise<void> {
  if (await isThere(context, blob.cid, signal, busy)) {
    return;
  }
  // Listed as present, and yet not to be had: a second upload, now that its record is there, makes it so.
  await upload(context, blob, signal, busy);
  if (!(await isThere(context, blob.cid, signal, busy))) {
    throw new DecampError("refused", `${context.target.host} does not give back the blob ${blob.cid}.`, {
      hint: "Run the same command again; if it stays like this, ask the operator of the new server why.",
      data: { cid: blob.cid },
    });
  }
}

/** The archived blobs that records refer to. */
async function neededBlobs({ archive, snapshot, signal }: Context): Promise<ArchivedBlob[]> {
  const car = openCarFile(snapshotFile(archive, snapshot.snapshot, "repo"));
  try {
    const refs = await blobRefsInTurns(car.source, { signal });
    return snapshot.blobs.filter(({ cid }) => refs.has(cid));
  } finally {
    car.close();
  }
}

async function upload(
  { archive, target }: Context,
  { cid, size, mimeType }: ArchivedBlob,
  signal: AbortSignal,
  busy: () => void,
): Promise<void> {
  const body = { length: size, open: () => openForUpload(blobFile(archive, cid), size) };
  const stored = await target.uploadBlob(body, mimeType, signal, busy);
  if (stored !== cid) {
    throw new DecampError("refused", `${target.host} stored the blob ${cid} as ${stored}.`, {
      hint: "A CID is the hash of the bytes, so these are others. Run the same command again; if it stays like this, ask the operator of the new server before you trust it with the account.",
    });
  }
}

async function isThere(
  { target, identity }: Context,
  cid: string,
  signal: AbortSignal,
  busy: () => void,
): Promise<boolean> {
  try {
    return await isGenuineBlob(cid, await target.getBlob(identity.did, cid, signal, busy));
  } catch (error) {
    if (isDecampError(error, "server-refused")) {
      return false;
    }
    throw error;
  }
}
