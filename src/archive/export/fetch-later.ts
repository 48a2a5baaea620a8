/**
 * Blobs that an archive lacks, fetched later, from whichever server has them. Each is hashed while it comes; the
 * manifests of all snapshots that lacked it name it then.
 */

import type { Cid } from "../../data/cid.ts";
import { isDecampError } from "../../errors.ts";
import { withLock } from "../../services/disk/lock.ts";
import { anyType } from "../../services/http/media-type.ts";
import { isAnswering } from "../../services/servers/answering.ts";
import type { Pds } from "../../services/servers/pds.ts";
import { believableManifests } from "../check/believable.ts";
import { provedSize } from "../check/damage.ts";
import { requireArchiveFolder } from "../folder.ts";
import { lockFile, repoFile } from "../layout.ts";
import { writeManifest, type ArchivedBlob, type Manifest } from "../manifest.ts";
import { pause, type ExportOptions } from "./export-options.ts";
import { fetchBlobs, type WantedBlob } from "./fetch-blobs.ts";
import { referredBlobs } from "./wanted-blobs.ts";

/** A server that fails like that gives nothing: another one may. */
export const serverFailures = ["server-refused", "unreachable", "bad-answer", "limit-exceeded"] as const;

/** What came of it. */
export interface FetchedLater {
  /** How many blobs the complete snapshots lacked. */
  readonly missing: number;
  /** CIDs of those that are in the archive now, hashed. */
  readonly got: readonly string[];
  /** The sum of their sizes, in bytes. */
  readonly bytes: number;
  /** Those that it still lacks, and what the servers said. */
  readonly left: readonly { readonly cid: string; readonly reason: string }[];
}

/**
 * Fetches what the complete snapshots of an archive lack.
 *
 * @param servers asked one after the other, each for what those before it did not give
 * @param options `signsIn`: called for a server that did not give all; true where the owner was signed in there now:
 *   then it is asked once more
 * @throws DecampError `usage` if the folder holds something else; `locked`, `storage`, `damaged` or `unreadable-file`
 *   for a repository of the archive that cannot be read, `rate-limited`; the signal's reason. What has come is there
 *   for the next run
 */
export async function fetchLater(
  archive: string,
  did: string,
  servers: readonly Pds[],
  options: Pick<ExportOptions, "concurrency" | "signal" | "now" | "sleep" | "lockOwner"> & {
    readonly signsIn?: (pds: Pds) => Promise<boolean>;
  },
): Promise<FetchedLater> {
  const { now, signsIn } = options;
  await requireArchiveFolder(archive, did);
  return withLock(lockFile(archive), options.lockOwner, options, async (signal) => {
    const manifests = await believableManifests(archive, await requireArchiveFolder(archive, did), signal);
    const left = await wantedOf(archive, manifests, signal);
    const missing = left.size;
    const here = new Map<Cid, ArchivedBlob>();
    const said = new Map<Cid, string[]>();
    for (const pds of servers) {
      if (left.size === 0) {
        break;
      }
      const ask = async (): Promise<ReadonlyMap<Cid, string>> =>
        askOne(archive, did, pds, { left, here }, { ...options, signal });
      const seen = await ask();
      const reasons = left.size > 0 && (await signsIn?.(pds)) === true ? await ask() : seen;
      for (const [cid, reason] of reasons) {
        said.set(cid, [...(said.get(cid) ?? []), `${pds.host}: ${reason}`]);
      }
    }
    const updatedAt = new Date(now).toISOString();
    for (const manifest of manifests.filter(({ missing: lacks }) => lacks.some(({ cid }) => here.has(cid)))) {
      await writeManifest(archive, { ...withBlobs(manifest, here), updatedAt });
    }
    return {
      missing,
      got: [...here.keys()].toSorted(),
      bytes: [...here.values()].reduce((sum, { size }) => sum + size, 0),
      left: [...left.keys()]
        .toSorted()
        .map((cid) => ({ cid, reason: said.get(cid)?.join("; ") ?? "there was no server to ask" })),
    };
  });
}

/** What the snapshots lack; type and size as the records say. */
async function wantedOf(
  archive: string,
  manifests: readonly Manifest[],
  signal: AbortSignal,
): Promise<Map<Cid, WantedBlob>> {
  const wanted = new Map<Cid, WantedBlob>();
  for (const manifest of manifests.toReversed()) {
    const fresh = manifest.missing.filter(({ cid }) => !wanted.has(cid));
    if (fresh.length === 0) {
      continue;
    }
    const referred = await referredBlobs(repoFile(archive, manifest), signal, () => undefined);
    fresh.forEach(({ cid, records }) => wanted.set(cid, referred.get(cid) ?? { records }));
  }
  return wanted;
}

/**
 * Asks one server for what is left, and moves what is in the archive then from there to `here`.
 *
 * @returns why the others did not come, each in half a sentence
 */
async function askOne(
  archive: string,
  did: string,
  pds: Pds,
  { left, here }: { readonly left: Map<Cid, WantedBlob>; readonly here: Map<Cid, ArchivedBlob> },
  options: Pick<ExportOptions, "concurrency" | "signal" | "sleep">,
): Promise<ReadonlyMap<Cid, string>> {
  const { concurrency, signal } = options;
  const settle = (blob: ArchivedBlob): void => {
    here.set(blob.cid, blob);
    left.delete(blob.cid);
  };
  try {
    const came = await fetchBlobs(archive, left, async (cid, stop, busy) => pds.getBlob(did, cid, stop, busy), {
      concurrency,
      signal,
      pause: async (attempt) => pause(options, attempt),
      isAnswering: async (stop) => isAnswering(pds, did, stop),
      onProgress: () => undefined,
    });
    came.blobs.forEach(settle);
    return new Map(came.missing.map(({ cid, reason }) => [cid, reason]));
  } catch (error) {
    signal.throwIfAborted();
    if (!isDecampError(error, ...serverFailures)) {
      throw error;
    }
    // It ended in between: what had come until then lies there.
    for (const [cid, { mimeType = anyType }] of left) {
      const size = await provedSize(archive, cid, signal);
      if (size !== undefined) {
        settle({ cid, size, mimeType });
      }
    }
    const reason = error.message.replace(/\.$/, "");
    return new Map([...left.keys()].map((cid) => [cid, reason]));
  }
}

/** A manifest in which those of `here` are no longer missing. */
function withBlobs(manifest: Manifest, here: ReadonlyMap<Cid, ArchivedBlob>): Manifest {
  const added = manifest.missing.flatMap(({ cid }) => here.get(cid) ?? []);
  const blobs = [...manifest.blobs, ...added].toSorted((a, b) => (a.cid < b.cid ? -1 : 1));
  return {
    ...manifest,
    blobs,
    blobBytes: blobs.reduce((sum, { size }) => sum + size, 0),
    missing: manifest.missing.filter(({ cid }) => !here.has(cid)),
  };
}
