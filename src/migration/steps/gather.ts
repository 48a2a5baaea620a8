/**
 * gather: what the archive lacks may still be had, from the old server if it answers, or from mirrors that were named.
 * Whatever comes is hashed, so nobody has to be trusted.
 */

import { completeSnapshot, type BlobGiver } from "../../archive/export/complete-snapshot.ts";
import { blobFile } from "../../archive/layout.ts";
import { readableManifests } from "../../archive/manifest.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { defaultDownloads } from "../../services/defaults.ts";
import { openForUpload } from "../../services/disk/files.ts";
import { plainSize } from "../../services/disk/plain-entries.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { Context, Step } from "../context.ts";
import { openAlso } from "../restore/also.ts";
import { judgeBlobs } from "./export.ts";
import { restoringOf } from "../restore/restore-options.ts";

export const gather: Step = {
  id: "gather",
  done: async (context) => {
    const isWhole = context.snapshot.missing.length === 0;
    if (isWhole) {
      await judgeBlobs(context);
    }
    return isWhole;
  },
  run: async (context) => {
    const { archive, snapshot, options, services, signal, report } = context;
    const before = snapshot.missing.length;
    context.snapshot = await completeSnapshot(archive, snapshot, await givers(context), {
      concurrency: options.concurrency ?? defaultDownloads,
      signal,
      now: services.now(),
      lockOwner: services.lockOwner,
      pause: async (attempt) => services.sleep(500 * attempt, signal),
      onFailure: (giver, error) => {
        if (!isDecampError(error) || error.code === "storage") {
          throw error;
        }
        context.warn("blobs-not-asked", `Nothing came from ${giver.name}: ${error.message}`);
      },
      onProgress: (done, total) => report({ type: "progress", step: "gather", unit: "blobs", done, total }),
    });
    await judgeBlobs(context);
    const { missing } = context.snapshot;
    return `${before - missing.length} of ${before} blobs that the archive lacked`;
  },
};

/** The old server, unless it has said that it lacks the account or does not answer, and those that were named. */
async function givers(context: Context): Promise<BlobGiver[]> {
  const { source, where, identity } = context;
  const { also = [] } = restoringOf(context).options;
  const fromServer = (pds: Pds): BlobGiver => ({
    name: pds.host,
    open: async (cid, signal, busy) => pds.getBlob(identity.did, cid, signal, busy),
  });
  const isOut = ["unreachable", "absent"].includes(where.source?.state ?? "");
  const named = also.map(async (what) => {
    const opened = await openAlso(context, what);
    return opened.kind === "server" ? fromServer(opened.pds) : archiveGiver(opened.archive);
  });
  return [...(isOut ? [] : [fromServer(source)]), ...(await Promise.all(named))];
}

/** Another archive, which may be of another account: a blob is what its CID says. */
async function archiveGiver(archive: string): Promise<BlobGiver> {
  const manifests = await readableManifests(archive);
  const types = new Map(manifests.flatMap(({ blobs }) => blobs.map(({ cid, mimeType }) => [cid, mimeType])));
  return {
    name: archive,
    open: async (cid) => {
      const file = blobFile(archive, cid);
      const size = await plainSize(file);
      if (size === undefined) {
        throw new DecampError("server-refused", `${archive} has no blob ${cid}.`, { data: { error: "BlobNotFound" } });
      }
      const mimeType = types.get(cid);
      return {
        bytes: openForUpload(file, size),
        length: size,
        ...(mimeType === undefined ? {} : { mimeType }),
      };
    },
  };
}
