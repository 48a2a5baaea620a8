/**
 * What can be said beforehand of the size of a move, and of the time: by what the archive has, and in a dry run by a
 * sample that the old server gives. What nobody knows is left out. It stops no move.
 */

import { carSize, repoFile, repoPartOf } from "../../archive/layout.ts";
import type { Manifest } from "../../archive/manifest.ts";
import { forEachConcurrent } from "../../services/concurrent.ts";
import { defaultDownloads } from "../../services/defaults.ts";
import { fileSize } from "../../services/disk/files.ts";
import { freeSpace } from "../../services/disk/free-space.ts";
import type { Download } from "../../services/servers/pds.ts";
import type { Context } from "../context.ts";
import { reckon, type Forecast, type Measured, type Taken } from "./forecast.ts";

/** Of one download no more is read (bytes): what it announces says the rest. */
const mostRead = { blob: 1 << 18, repo: 4 << 20 };

/** After so long (milliseconds) the sample has to do. */
const patience = 4000;

/** What the disk and the archive say. @param held the newest snapshot of the archive, if it has one */
export async function foreseeByArchive(
  { archive }: Pick<Context, "archive">,
  held: Manifest | undefined,
): Promise<Forecast> {
  const [free, size] = await Promise.all([freeSpace(archive), held === undefined ? undefined : heldCar(archive, held)]);
  return {
    ...(free === undefined ? {} : { free }),
    ...(size === undefined ? {} : { repoBytes: size }),
    ...(held === undefined ? {} : { blobBytes: held.blobBytes }),
  };
}

/** Bytes of the repository that are sent; undefined if it is not there. */
async function heldCar(archive: string, held: Manifest): Promise<number | undefined> {
  const size = await fileSize(repoFile(archive, held));
  return size === undefined || repoPartOf(held) === "repo" ? size : carSize(held);
}

/** The same, and in a dry run what a sample says where nothing is in the archive. */
export async function foresee(context: Context, held: Manifest | undefined): Promise<Forecast> {
  const { blobs, options, switched } = context;
  const known = await foreseeByArchive(context, held);
  return !options.dryRun || switched || blobs === undefined || held !== undefined
    ? known
    : { ...reckon(await measure(context), blobs), ...known };
}

/** Fetches a sample, and the start of the repository. */
async function measure({ source, identity, sample, options, services, signal }: Context): Promise<Measured> {
  const { did } = identity;
  const until = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  const started = services.now();
  const blobs: Taken[] = [];
  const limit = options.concurrency ?? defaultDownloads;
  const fetched = forEachConcurrent(sample.taken(), limit, until, async (cid, either) => {
    blobs.push(await take(async () => source.getBlob(did, cid, either), mostRead.blob));
  });
  await fetched.catch(() => undefined); // it took too long: what has come by then has to do
  const repo = await take(async () => source.getRepo(did, until), mostRead.repo);
  signal.throwIfAborted();
  return { repo, blobs, took: services.now() - started };
}

/** Reads a download, but not more of it than needs be. One that fails has given what it has. */
async function take(open: () => Promise<Download>, most: number): Promise<Taken> {
  let read = 0;
  let size: number | undefined;
  try {
    const download = await open();
    size = download.length;
    for await (const piece of download.bytes) {
      read += piece.length;
      if (read >= most) {
        return { read, size };
      }
    }
    return { read, size: read };
  } catch {
    return { read, size: undefined };
  }
}
