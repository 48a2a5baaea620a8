/**
 * transfer-blobs: after the import, only what the new server lists as missing; and then every blob is read back from there
 * and hashed. The counters of a server are no proof: one that was uploaded before its record looks present everywhere and
 * cannot be fetched.
 */

import { isGenuineBlob } from "../../archive/fetch-blobs.ts";
import { blobFile, snapshotFile } from "../../archive/layout.ts";
import type { ArchivedBlob } from "../../archive/manifest.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { readBlobRefs } from "../../repo/records.ts";
import { openCarFile } from "../../services/car-file.ts";
import { forEachConcurrent } from "../../services/concurrent.ts";
import { openForUpload } from "../../services/files.ts";
import type { Context, Step } from "../context.ts";

export const transferBlobs: Step = {
  id: "transfer-blobs",
  done: (context) => Promise.resolve(context.moved),
  run: async (context) => {
    const count = await transferNow(context);
    return `${count} blobs, each read back and hashed`;
  },
};

/** @returns how many blobs are on the new server, proved */
export async function transferNow(context: Context): Promise<number> {
  const { snapshot, target, options, signal, report } = context;
  const archived = new Map(snapshot.blobs.map((blob) => [blob.cid, blob]));
  const absent = new Set(context.missingBlobs.map(({ cid }) => cid));
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
  const needed = (await neededBlobs(context)).filter(({ cid }) => !absent.has(cid));
  const total = wanted.length + needed.length;
  let done = 0;
  const progress = (): void => {
    done += 1;
    report({ type: "progress", step: "transfer-blobs", unit: "blobs", done, total });
  };
  await forEachConcurrent(wanted, options.concurrency, signal, async (blob, either) => {
    await upload(context, blob, either);
    progress();
  });
  await forEachConcurrent(needed, options.concurrency, signal, async (blob, either) => {
    if (!(await isThere(context, blob.cid, either))) {
      // Listed as present, and yet not to be had: a second upload, now that its record is there, makes it so.
      await upload(context, blob, either);
      if (!(await isThere(context, blob.cid, either))) {
        throw new DecampError("refused", `${target.host} does not give back the blob ${blob.cid}.`, {
          hint: "Your account is still on your old server. Ask the operator of the new one why it loses blobs.",
          data: { cid: blob.cid },
        });
      }
    }
    progress();
  });
  return needed.length;
}

/** The archived blobs that records refer to. */
async function neededBlobs({ archive, snapshot, signal }: Context): Promise<ArchivedBlob[]> {
  const car = await openCarFile(snapshotFile(archive, snapshot.rev, "repo"));
  try {
    const refs = readBlobRefs(car.source, { signal });
    return snapshot.blobs.filter(({ cid }) => refs.has(cid));
  } finally {
    car.close();
  }
}

async function upload(
  { archive, target }: Context,
  { cid, size, mimeType }: ArchivedBlob,
  signal: AbortSignal,
): Promise<void> {
  const body = { length: size, open: () => openForUpload(blobFile(archive, cid)) };
  const stored = await target.uploadBlob(body, mimeType, signal);
  if (stored !== cid) {
    throw new DecampError("refused", `${target.host} stored the blob ${cid} as ${stored}.`, {
      hint: "Your account is still on your old server. Run the same command again; if it stays like this, do not move there.",
    });
  }
}

async function isThere({ target, identity }: Context, cid: string, signal: AbortSignal): Promise<boolean> {
  try {
    return await isGenuineBlob(cid, await target.getBlob(identity.did, cid, signal));
  } catch (error) {
    if (isDecampError(error, "server-refused")) {
      return false;
    }
    throw error;
  }
}
