/** export and verify: the account into the archive, and the archive proved from the disk. */

import { exportAccount } from "../../archive/export.ts";
import { wrongBytes } from "../../archive/fetch-blobs.ts";
import { proveSnapshot } from "../../archive/fetch-repo.ts";
import { readManifests, type Missing } from "../../archive/manifest.ts";
import { lossText } from "../../archive/shrink.ts";
import { isGone } from "../../archive/unavailable.ts";
import { DecampError } from "../../errors.ts";
import { requireSpace } from "../checks/space.ts";
import type { Context, Step } from "../context.ts";

export const exportStep: Step = {
  id: "export",
  done: async (context) => {
    const { identity, source, signal, archive } = context;
    const { cid } = await source.latestCommit(identity.did, signal);
    const newest = (await readManifests(archive)).findLast(({ did }) => did === identity.did);
    if (newest === undefined || newest.commit !== cid || newest.missing.length > 0) {
      return false;
    }
    context.snapshot = newest;
    return true;
  },
  run: async (context) => {
    await exportNow(context);
    const { records, blobs } = context.snapshot;
    return `${records} records, ${blobs.length} blobs`;
  },
};

export const verify: Step = {
  id: "verify",
  done: () => Promise.resolve(false),
  run: async (context) => {
    await proveNow(context);
    checkLimits(context);
    return `commit ${context.snapshot.commit}`;
  },
};

/** What the new server will not take, before anything is made there. @throws DecampError `server-refused` */
function checkLimits(context: Context): void {
  const { snapshot, target, targetDescription } = context;
  const { blobUploadLimit: limit = Number.POSITIVE_INFINITY } = targetDescription;
  const tooLarge = snapshot.blobs.filter(({ size }) => size > limit);
  const [first] = tooLarge;
  if (first !== undefined) {
    throw new DecampError(
      "server-refused",
      `${tooLarge.length} of your blobs are larger than the ${limit} bytes that ${target.host} takes, such as ${first.cid} (${first.size} bytes).`,
      {
        hint: "Ask its operator to raise the limit (PDS_BLOB_UPLOAD_LIMIT), then run the same command again.",
        data: { limit, blobs: tooLarge.map(({ cid }) => cid) },
      },
    );
  }
}

/** Exports what the old server has now. @throws DecampError `incomplete` when blobs are missing and nobody allowed it */
export async function exportNow(context: Context): Promise<void> {
  const { archive, identity, source, options, services, signal, report } = context;
  const { did, handle, log, rawLog, document } = identity;
  const { manifest, shrunk } = await exportAccount(
    archive,
    {
      did,
      handle,
      pds: source,
      signingKeys: log.signingKeys,
      log: { verified: log, raw: rawLog },
      document: () => Promise.resolve(document),
    },
    {
      concurrency: options.concurrency,
      signal,
      now: services.now(),
      sleep: services.sleep,
      writtenBy: services.writtenBy,
      beforeBlobs: async (bytes) => requireSpace(context, bytes),
      lockOwner: services.lockOwner,
      report: (event) => {
        if (event.type === "progress") {
          report({ ...event, step: "export" });
        } else if (event.type === "warning") {
          context.warn(event.code, event.message);
        }
      },
    },
  );
  context.snapshot = manifest;
  if (shrunk !== undefined) {
    // What the old server has now is what moves; what it had is kept.
    const held = shrunk.held.join(" and ");
    context.warn(
      "shrunk",
      `Gone since the archive was made: ${lossText(shrunk.losses)}. It holds ${held}, which has that.`,
    );
  }
  const needed = manifest.missing.filter(({ records }) => records.length > 0);
  context.missingBlobs = needed;
  if (needed.length > 0 && !options.allowMissingBlobs) {
    const wrong = needed.filter(({ reason }) => reason === wrongBytes);
    const [sample] = wrong;
    if (sample !== undefined) {
      throw new DecampError(
        "damaged",
        `Your old server sends other bytes than it should for ${wrong.length} of the blobs that records need, such as ${sample.cid}, needed by ${sample.records[0] ?? ""}.`,
        {
          hint: "Run it again later, or go on without them with --allow-missing-blobs.",
          data: { wrong: wrong.map(({ cid }) => cid) },
        },
      );
    }
    throw new DecampError("incomplete", whatIsMissing(source.host, needed), {
      hint: "Run it again later, or go on without them with --allow-missing-blobs.",
      data: {
        missing: needed.map(({ cid }) => cid),
        gone: needed.filter((blob) => isGone(blob)).map(({ cid }) => cid),
      },
    });
  }
}

/** Which blobs the old server says that it does not have, and which could not be had for another reason. */
function whatIsMissing(host: string, needed: readonly Missing[]): string {
  const gone = needed.filter((blob) => isGone(blob));
  const others = needed.filter((blob) => !isGone(blob));
  const [sample] = others.length === 0 ? gone : others;
  const such = `such as ${sample?.cid ?? ""} (${sample?.reason ?? ""}), needed by ${sample?.records[0] ?? ""}`;
  if (others.length === 0) {
    return `Your old server no longer has ${gone.length} of the blobs that records need, ${such}.`;
  }
  const more = gone.length === 0 ? "" : ` It says that it no longer has ${gone.length} more.`;
  return `${others.length} of the blobs that records need could not be had from ${host}, ${such}.${more}`;
}

/** Proves the snapshot from the disk: what will be imported. @throws DecampError `damaged` */
export async function proveNow({ archive, identity, snapshot, services, signal }: Context): Promise<void> {
  const { did, log } = identity;
  const expectation = { did, signingKeys: log.signingKeys, now: services.now() };
  await proveSnapshot(archive, snapshot, expectation, signal);
}
