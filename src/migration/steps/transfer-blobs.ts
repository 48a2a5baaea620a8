/**
 * transfer-blobs: after the import, only what the new server lists as missing; and then every blob is read back from
 * there and hashed. The counters of a server are no proof: one that was uploaded before its record looks present
 * everywhere and cannot be fetched.
 */

import { blobFile } from "../../archive/layout.ts";
import type { ArchivedBlob } from "../../archive/manifest.ts";
import { openSnapshotRepo } from "../../archive/open-repo.ts";
import { bytesText } from "../../data/bytes-text.ts";
import { DecampError } from "../../errors.ts";
import { blobRefsInTurns, type ReferencedBlob } from "../../repo/records.ts";
import { forEachConcurrent } from "../../services/concurrent.ts";
import { openForUpload } from "../../services/disk/files.ts";
import { takeBackArrived } from "../arrived.ts";
import { BlobFailures } from "../blob-failures.ts";
import type { Context, Step } from "../context.ts";
import { blobsStop, describeBlobs, snapshotCar } from "../left-out.ts";
import { isThere, missingThere } from "../missing-there.ts";
import { UploadQuota } from "../upload-quota.ts";
import { lookWhetherHidden } from "../checks/unseen.ts";
import { requireNoneMissing, TakenBlobs } from "./unseen/taken-blobs.ts";

export const transferBlobs: Step = {
  id: "transfer-blobs",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const bytes = await transferNow(context);
    const { there, of } = context.transferred;
    const how = context.isUnseen ? "each taken under its CID" : "each read back and hashed";
    return `${there === of ? "" : `${there} of `}${of} blobs, ${bytesText(bytes)}, ${how}`;
  },
};

/**
 * What the new server does not take is told when all the others are across.
 *
 * How many blobs are on the new server then, proved, of how many that records need, is in the context.
 *
 * @returns their bytes
 * @throws DecampError `incomplete`, or `refused` where it does not keep what it took, unless it may be left out
 */
export async function transferNow(context: Context): Promise<number> {
  const { signal, report, snapshot } = context;
  await lookWhetherHidden(context);
  const refs = await readRefs(context);
  leaveSkipped(context, refs);
  const before = leftOut(context);
  const asked = snapshot.blobs.filter(({ cid }) => refs.has(cid) && !before.has(cid));
  const misses = new Set<string>();
  for await (const cid of missingThere(context, asked)) {
    misses.add(cid);
  }
  const arrived = await takeBackArrived(context, misses);
  const left = leftOut(context);
  const needed = snapshot.blobs.filter(({ cid }) => refs.has(cid) && !left.has(cid));
  // What it does not show is there if it has taken it under its CID, and does not miss it.
  const taken = context.isUnseen ? new TakenBlobs(context) : undefined;
  const missed = wantedBlobs(context, misses, refs, left);
  const wanted = taken === undefined ? missed : needed.filter(({ cid }) => misses.has(cid) || !taken.has(cid));
  const failures = new BlobFailures(context);
  const proved = new Set(needed.flatMap(({ cid }) => (arrived.has(cid) ? [cid] : [])));
  const unarchived = arrived.size - proved.size;
  let bytes = sizeOf(needed.filter(({ cid }) => proved.has(cid)));
  const settle = ({ cid, size }: ArchivedBlob): void => {
    proved.add(cid);
    bytes += size;
    report({ type: "progress", step: "transfer-blobs", unit: "blobs", done: proved.size, total: needed.length, bytes });
  };
  const proveIt = async (blob: ArchivedBlob, either: AbortSignal, busy: () => void): Promise<void> => {
    if (await failures.attempt(blob, either, async () => prove(context, blob, either, busy))) {
      settle(blob);
    }
  };
  const settleSent =
    taken === undefined
      ? proveIt
      : async (blob: ArchivedBlob): Promise<void> => {
          await taken.add(blob.cid);
          settle(blob);
        };
  const quota = new UploadQuota(context, wanted.length);
  try {
    await forEachConcurrent(quota.whileItLasts(wanted), context.uploads, signal, async (blob, either, busy) => {
      let isUploaded = false;
      const lasts = await quota.within(async () => {
        isUploaded = await failures.attempt(blob, either, async () => upload(context, blob, either, busy));
      });
      if (lasts && isUploaded) {
        await settleSent(blob, either, busy);
      }
    });
  } finally {
    await taken?.keep();
  }
  quota.requireLasted();
  const there = needed.filter(({ cid }) => !proved.has(cid) && !failures.all.has(cid));
  if (taken === undefined) {
    await forEachConcurrent(there, context.uploads, signal, proveIt);
  } else {
    there.forEach(settle);
    await requireNoneMissing(context, proved);
  }
  await settleFailures(context, failures.all, refs, proved.size === 0);
  context.owesBlobs &&= context.isUnseen;
  const among = needed.length + unarchived;
  context.transferred = { there: among - failures.all.size, of: among + left.size };
  return bytes;
}

function sizeOf(blobs: readonly ArchivedBlob[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

/** CIDs of the blobs that are left out by what is known so far. */
function leftOut({ missingBlobs, notMoved }: Context): ReadonlySet<string> {
  return new Set([...missingBlobs, ...notMoved.values()].map(({ cid }) => cid));
}

type Refs = ReadonlyMap<string, ReferencedBlob>;

/** What the records refer to. */
async function readRefs(context: Context): Promise<Refs> {
  const car = await openSnapshotRepo(context.archive, context.snapshot, { signal: context.signal });
  try {
    return await blobRefsInTurns(car.source, { signal: context.signal });
  } finally {
    car.close();
  }
}

/** Writes down what is skipped because somebody has said so. */
function leaveSkipped(context: Context, refs: Refs): void {
  const { skipBlobs, snapshot, warn } = context;
  const archived = new Map(snapshot.blobs.map(({ cid, size }) => [cid, size]));
  for (const cid of skipBlobs) {
    const ref = refs.get(cid);
    if (ref === undefined) {
      warn("skip-blob-unknown", `No record needs the blob ${cid}, which --skip-blob names.`);
    } else if (!context.notMoved.has(cid)) {
      const size = archived.get(cid);
      context.notMoved.set(cid, {
        cid,
        ...(size === undefined ? {} : { size }),
        reason: "skipped, as you asked",
        records: ref.records,
        archived: size !== undefined,
      });
    }
  }
}

/** Where not a single blob is there, it is hardly about the blobs. */
const noneArrived =
  "No blob arrived at all, so it is hardly about these. Some servers show no blob of an account that is not active: an account that has left such a server and goes back cannot be proved there, and another server is the way. Ask its operator.";

/** @throws DecampError `incomplete`, `refused` for blobs that did not arrive, and may not be left out */
async function settleFailures(
  context: Context,
  failed: ReadonlyMap<string, DecampError>,
  refs: Refs,
  isNone: boolean,
): Promise<void> {
  const { snapshot, target, options, signal, warn } = context;
  if (failed.size === 0) {
    return;
  }
  const blobs = snapshot.blobs.flatMap(({ cid, size }) => {
    const error = failed.get(cid);
    const reason = error?.message.replace(/\.$/, "") ?? "";
    return error === undefined ? [] : [{ cid, size, reason, records: refs.get(cid)?.records ?? [] }];
  });
  const described = await describeBlobs(blobs, snapshotCar(context), signal);
  if (!options.allowMissingBlobs) {
    const isBroken = [...failed.values()].some(({ code }) => code === "refused");
    const sentence = `${target.host} does not take ${blobs.length} of your blobs`;
    throw blobsStop(sentence, blobs, described, {
      code: isBroken ? "refused" : "incomplete",
      ...(isNone && failed.size > 1 ? { hint: noneArrived } : {}),
    });
  }
  for (const blob of blobs) {
    context.notMoved.set(blob.cid, { ...blob, archived: true });
  }
  for (const one of described) {
    warn("blob-not-moved", `${target.host} does not take a blob, which stays in the archive: ${one}.`);
  }
}

/**
 * What the new server misses and the archive has. What no record of the snapshot needs is passed over: a picture whose
 * record was deleted since a first import stays in the list of some servers for good.
 *
 * @throws DecampError `incomplete` if it misses something that a record needs, and that is nowhere
 */
function wantedBlobs(
  context: Context,
  misses: ReadonlySet<string>,
  refs: Refs,
  left: ReadonlySet<string>,
): readonly ArchivedBlob[] {
  const { snapshot, target, warn } = context;
  const archived = new Map(snapshot.blobs.map((blob) => [blob.cid, blob]));
  const wanted: ArchivedBlob[] = [];
  for (const cid of misses) {
    const blob = archived.get(cid);
    if (left.has(cid)) {
      continue;
    }
    if (!refs.has(cid)) {
      warn("blob-not-needed", `${target.host} misses the blob ${cid}, which no record needs: it is passed over.`);
    } else if (blob === undefined) {
      throw new DecampError("incomplete", `${target.host} misses the blob ${cid}, which is not in the archive.`);
    } else {
      wanted.push(blob);
    }
  }
  return wanted;
}

/** Reads a blob back from the new server. @throws DecampError `refused` if it does not come as it was sent */
async function prove(context: Context, blob: ArchivedBlob, signal: AbortSignal, busy: () => void): Promise<void> {
  if (await isThere(context, blob, signal, busy)) {
    return;
  }
  // The server lists the blob and does not give it: a second upload helps, now that its record is there.
  await upload(context, blob, signal, busy);
  if (!(await isThere(context, blob, signal, busy))) {
    throw new DecampError("refused", `${context.target.host} does not give back the blob ${blob.cid}.`, {
      hint: "Run the same command again; if it stays like this, ask the operator of the new server why.",
      data: { cid: blob.cid },
    });
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
