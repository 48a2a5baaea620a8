/** export and verify: the account into the archive, and the archive proved from the disk. */

import { exportAccount } from "../../archive/export/export-account.ts";
import { wrongBytes } from "../../archive/export/fetch-blobs.ts";
import { proveSnapshot } from "../../archive/export/fetch-repo.ts";
import { carSize } from "../../archive/layout.ts";
import { readManifests, type Missing } from "../../archive/manifest.ts";
import { openSnapshotRepo } from "../../archive/open-repo.ts";
import { lossText } from "../../archive/shrink.ts";
import type { BlobsAhead } from "../../archive/export/export-options.ts";
import { isGone } from "../../archive/unavailable.ts";
import { bytesText } from "../../data/bytes-text.ts";
import { DecampError } from "../../errors.ts";
import { isFutureRev } from "../../repo/commit.ts";
import { timeOfRev } from "../../repo/head.ts";
import { blobRefsInTurns } from "../../repo/records.ts";
import { defaultDownloads } from "../../services/defaults.ts";
import { requireSpace } from "../checks/space.ts";
import type { Context, Step } from "../context.ts";
import { blobsStop, describeBlobs, skips, snapshotCar, type FailedBlob } from "../left-out.ts";

export const exportStep: Step = {
  id: "export",
  done: async (context) => {
    const { identity, source, signal, archive } = context;
    const newest = (await readManifests(archive)).findLast(({ did }) => did === identity.did);
    if (newest === undefined || newest.missing.length > 0) {
      return false; // whatever the old server has now
    }
    if (newest.commit !== (await source.latestCommit(identity.did, signal)).cid) {
      return false;
    }
    context.snapshot = newest;
    return true;
  },
  run: async (context) => {
    await exportNow(context);
    const { records, blobs, blobBytes } = context.snapshot;
    const bytes = (carSize(context.snapshot) ?? 0) + blobBytes;
    return `${records} records, ${blobs.length} blobs, ${bytesText(bytes)}`;
  },
};

export const verify: Step = {
  id: "verify",
  done: () => Promise.resolve(false),
  run: async (context) => {
    requireKnownTime(context);
    await proveNow(context);
    await judgeBlobs(context);
    return `commit ${context.snapshot.commit}`;
  },
};

/** Exports what the old server has now. @throws DecampError as `exportAccount` and `judgeBlobs` */
export async function exportNow(context: Context): Promise<void> {
  const { archive, identity, source, options, services, signal, report } = context;
  const { did, handle, document } = identity;
  const { manifest, shrunk } = await exportAccount(
    archive,
    {
      did,
      handle,
      pds: source,
      signingKeys: context.expectation.signingKeys ?? [],
      ...(identity.log === undefined ? {} : { log: { verified: identity.log, raw: identity.rawLog } }),
      document: () => Promise.resolve(document),
    },
    {
      concurrency: options.concurrency ?? defaultDownloads,
      signal,
      now: services.now(),
      sleep: services.sleep,
      writtenBy: services.writtenBy,
      beforeBlobs: async (blobs) => {
        await refuseTooLarge(context, blobs);
        await requireSpace(context, blobs.bytes);
      },
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
  requireKnownTime(context);
  await judgeBlobs(context);
}

/**
 * A revision in the future goes along with the account. The next one has to be greater, so all that is written at the
 * new server lies in the future, too, until the clock has come there; whoever judges revisions by the clock passes it
 * over until then.
 *
 * @throws DecampError `refused` unless that is accepted
 */
export function requireKnownTime({ snapshot, archive, options, services, switched }: Context): void {
  const { rev } = snapshot;
  if (options.acceptFutureRev || switched || !isFutureRev(rev, services.now())) {
    return;
  }
  const until = timeOfRev(rev);
  throw new DecampError(
    "refused",
    `The revision of the repository, ${rev}, lies in the future: it names ${until ?? "no time"}, because the clock of its server was wrong when it was written, or that of this machine is wrong now.`,
    {
      hint: `The archive in ${archive} has the data. If the account moves like this, every revision that the new server makes has to be greater still, and relays may pass over what is written there until that time. Move it then; or now, with --accept-future-rev.`,
      data: { reason: "future-rev", rev, until, archive },
    },
  );
}

/**
 * Looks at the blobs of the snapshot: those that could not be had, and those that the new server would not take. All of
 * them are told at once.
 *
 * @throws DecampError `damaged` if the old server sends other bytes for one, `incomplete` otherwise, unless they may be
 *   left out
 */
export async function judgeBlobs(context: Context): Promise<void> {
  const { snapshot, source, options, signal, warn } = context;
  context.notMoved.clear();
  const needed = snapshot.missing.filter(({ records }) => records.length > 0);
  for (const blob of needed.filter(({ cid }) => context.skipBlobs.has(cid))) {
    context.notMoved.set(blob.cid, { ...blob, archived: false });
  }
  const missing = needed.filter(({ cid }) => !context.skipBlobs.has(cid));
  context.missingBlobs = missing;
  const tooLarge = await tooLargeBlobs(context);
  if (options.allowMissingBlobs) {
    for (const one of tooLarge.length === 0 ? [] : await describeBlobs(tooLarge, snapshotCar(context), signal)) {
      warn("blob-not-moved", `A blob is too large for your new server, and stays in the archive: ${one}.`);
    }
    for (const blob of tooLarge) {
      context.notMoved.set(blob.cid, { ...blob, archived: true });
    }
    return;
  }
  const failed = [...missing, ...tooLarge];
  if (failed.length === 0) {
    return;
  }
  const wrong = missing.filter(({ reason }) => reason === wrongBytes);
  throw blobsStop(
    [
      ...(missing.length === 0
        ? []
        : [
            context.restoring === undefined
              ? whatIsMissing(source.host, missing, wrong)
              : `The archive lacks ${missing.length} of the blobs that records need`,
          ]),
      ...(tooLarge.length === 0 ? [] : [whatIsTooLarge(context, tooLarge.length)]),
    ].join(". "),
    failed,
    await describeBlobs(failed, snapshotCar(context), signal),
    {
      code: wrong.length > 0 ? "damaged" : "incomplete",
      ...(tooLarge.length === 0 ? {} : { hint: askForMore }),
      data: {
        missing: missing.map(({ cid }) => cid),
        gone: missing.filter((blob) => isGone(blob)).map(({ cid }) => cid),
        wrong: wrong.map(({ cid }) => cid),
        tooLarge: tooLarge.map(({ cid }) => cid),
      },
    },
  );
}

/** Archived blobs that records need, that the new server says it does not take, and nobody has said to leave behind. */
async function tooLargeBlobs(context: Context): Promise<FailedBlob[]> {
  const { snapshot, targetDescription, skipBlobs, signal } = context;
  const { blobUploadLimit: limit = Number.POSITIVE_INFINITY } = targetDescription;
  const large = snapshot.blobs.filter(({ cid, size }) => size > limit && !skipBlobs.has(cid));
  if (large.length === 0) {
    return [];
  }
  const car = await openSnapshotRepo(context.archive, snapshot, { signal });
  try {
    const refs = await blobRefsInTurns(car.source, { signal });
    return large.flatMap(({ cid, size }) => {
      const records = refs.get(cid)?.records;
      return records === undefined ? [] : [{ cid, size, records, reason: tooLargeReason(context) }];
    });
  } finally {
    car.close();
  }
}

/**
 * Before they are fetched: by what the records say of their sizes, which need not be true. @throws DecampError
 * `incomplete`
 */
async function refuseTooLarge(context: Context, { wanted, car }: BlobsAhead): Promise<void> {
  const { targetDescription, signal } = context;
  const { blobUploadLimit: limit = Number.POSITIVE_INFINITY } = targetDescription;
  const large = [...wanted].flatMap(([cid, { size = 0, records }]): FailedBlob[] =>
    size > limit && records.length > 0 && !skips(context, { cid })
      ? [{ cid, size, records, reason: tooLargeReason(context) }]
      : [],
  );
  if (large.length > 0 && car !== undefined) {
    throw blobsStop(whatIsTooLarge(context, large.length), large, await describeBlobs(large, car, signal), {
      hint: askForMore,
      data: { tooLarge: large.map(({ cid }) => cid) },
    });
  }
}

const askForMore = "Its operator can raise the limit (PDS_BLOB_UPLOAD_LIMIT).";

function whatIsTooLarge({ target, targetDescription }: Context, count: number): string {
  return `${count} of your blobs are larger than the ${targetDescription.blobUploadLimit ?? 0} bytes that ${target.host} takes`;
}

function tooLargeReason({ target, targetDescription }: Context): string {
  return `larger than the ${targetDescription.blobUploadLimit ?? 0} bytes that ${target.host} takes`;
}

/** Which blobs the old server says that it does not have, and which could not be had for another reason. */
function whatIsMissing(host: string, needed: readonly Missing[], wrong: readonly Missing[]): string {
  const gone = needed.filter((blob) => isGone(blob));
  const others = needed.length - gone.length;
  if (wrong.length > 0 && wrong.length === needed.length) {
    return `Your old server sends other bytes than it should for ${wrong.length} of the blobs that records need`;
  }
  if (others === 0) {
    return `Your old server no longer has ${gone.length} of the blobs that records need`;
  }
  const more = gone.length === 0 ? "" : `. It says that it no longer has ${gone.length} more`;
  return `${others} of the blobs that records need could not be had from ${host}${more}`;
}

/** Proves the snapshot from the disk: what will be imported. @throws DecampError `damaged` */
export async function proveNow(
  { archive, snapshot, expectation, source, signal: whole }: Context,
  signal: AbortSignal = whole,
): Promise<void> {
  await proveSnapshot(archive, snapshot, expectation, signal, source.limits);
}
