/** Blobs from a server into the archive, several at a time, each hashed while it is written. */

import { createHash } from "node:crypto";
import { parseCid, type Cid } from "../../data/cid.ts";
import { defaultBudgets, overLimit } from "../../data/budgets.ts";
import { isDecampError, DecampError } from "../../errors.ts";
import { Background, forEachConcurrent } from "../../services/concurrent.ts";
import { listFolder, NewFile, splitPath, syncFolders } from "../../services/disk/files.ts";
import { anyType } from "../../services/http/media-type.ts";
import type { Download } from "../../services/servers/pds.ts";
import { inTheWay, plainSize } from "../../services/disk/plain-entries.ts";
import { provedSize } from "../check/damage.ts";
import { blobFile, blobFolder, blobsFolder } from "../layout.ts";
import type { ArchivedBlob, Missing } from "../manifest.ts";
import { blobGone, isAccountState, isBlobNotFound } from "../unavailable.ts";

/** A blob that is wanted. */
export interface WantedBlob {
  /** As the record or an earlier snapshot says; undefined if nobody does. */
  readonly mimeType?: string;
  /** Bytes, as the record says, which need not be true. */
  readonly size?: number;
  readonly records: readonly string[];
}

export interface FetchedBlobs {
  readonly blobs: ArchivedBlob[];
  readonly missing: Missing[];
  /** What came over the network for it. */
  readonly fetched: { readonly count: number; readonly bytes: number };
}

export interface FetchOptions {
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /**
   * Sizes of blobs that the newest complete snapshot has, whose names are durable: one of this size is taken as it
   * lies. Every other that is there already is hashed. Default none.
   */
  readonly trusted?: ReadonlyMap<Cid, number>;
  /** Waits before a blob is fetched once more. */
  readonly pause: (attempt: number) => Promise<void>;
  /**
   * Whether the server answers at all. One blob that it keeps to itself is missing then; by default that is an error.
   */
  readonly isAnswering?: (signal: AbortSignal) => Promise<boolean>;
  /** That the folder of the archive is made durable by the caller, before a manifest names what has come. */
  readonly isSyncedLater?: boolean;
  /** Told how many are settled, and the bytes of those that are there. */
  readonly onProgress: (done: number, bytes: number) => void;
}

/** Fetches one blob; `busy` is called when the server has too much to do. */
export type OpenBlob = (cid: Cid, signal: AbortSignal, busy: () => void) => Promise<Download>;

/** Why a blob is missing that the server has, and sends wrong each time. */
export const wrongBytes = "the server sends other bytes than the record refers to";

/** How often a blob is fetched whose bytes are wrong or break off. */
const attempts = 3;
/** How often a blob is asked for that gets no answer: each try lasts as long as `Http` waits. */
const silentAttempts = 2;
/** If so many blobs get no answer and none has come, the server is at fault, and the export ends. */
const hopeless = 16;
/** So many blobs that have come may be on their way to the disk while others are fetched. */
const settling = 16;

/**
 * Brings every wanted blob that is not there yet, or is not what its CID says. A blob that the server does not give, or
 * that comes with other bytes again and again, is named as missing, with the reason; nothing of it is kept. A damaged
 * file stays until a good one takes its place.
 *
 * @throws DecampError `storage`; what `open` throws about the server or the account as a whole; the signal's reason
 */
export async function fetchBlobs(
  archive: string,
  wanted: ReadonlyMap<Cid, WantedBlob>,
  open: OpenBlob,
  options: FetchOptions,
): Promise<FetchedBlobs> {
  const blobs: ArchivedBlob[] = [];
  const missing: Missing[] = [];
  const fetched = { count: 0, bytes: 0 };
  let silent = 0;
  let done = 0;
  let bytes = 0;
  const settled = (size: number = 0): void => {
    done += 1;
    bytes += size;
    options.onProgress(done, bytes);
  };
  // Syncing takes longer than fetching, and the server need not wait for it.
  const background = new Background(settling);
  const taken = new TakenNames();
  const each = forEachConcurrent(wanted, options.concurrency, options.signal, async ([cid, want], signal, busy) => {
    const path = blobFile(archive, cid);
    const isTaken = await taken.has(path);
    const found = isTaken ? await plainSize(path) : undefined;
    const isTrusted = found !== undefined && options.trusted?.get(cid) === found;
    const there = found === undefined || isTrusted ? found : await provedSize(archive, cid, signal);
    if (there !== undefined && want.mimeType !== undefined) {
      blobs.push({ cid, size: there, mimeType: want.mimeType });
      settled(there);
      return;
    }
    const obstacle = isTaken && found === undefined ? await inTheWay(path) : undefined;
    if (obstacle !== undefined) {
      missing.push({ cid, reason: `${obstacle} is in its place: move it away`, records: want.records, damaged: true });
      settled();
      return;
    }
    const place = async (): Promise<NewFile> => NewFile.create(path);
    const came = await fetchBlob(place, { cid, want }, async () => open(cid, signal, busy), options, signal);
    if ("file" in came) {
      const { file, mimeType } = came;
      const begun = background.add(async () => {
        await keep(file);
        fetched.count += 1;
        fetched.bytes += file.size;
        blobs.push({ cid, size: file.size, mimeType: want.mimeType ?? mimeType ?? anyType });
        settled(file.size);
      });
      await begun.catch(async (error: unknown) => {
        await file.discard();
        throw error;
      });
      return;
    }
    silent += came.silence === undefined ? 0 : 1;
    if (came.silence !== undefined && silent >= hopeless && fetched.count === 0) {
      throw came.silence;
    }
    if (there === undefined) {
      const damaged = found === undefined ? {} : { damaged: true as const };
      missing.push({ cid, reason: came.reason, records: want.records, ...damaged });
    } else {
      blobs.push({ cid, size: there, mimeType: anyType });
    }
    settled(there);
  });
  // Nothing is written any more when this ends, however it ends.
  try {
    await each;
  } catch (error) {
    await Promise.allSettled([background.end()]);
    throw error;
  }
  await background.end();
  // Blobs that an interrupted run has left are among them: their names may not be durable yet.
  const fresh = blobs.filter(({ cid }) => options.trusted?.has(cid) !== true);
  if (fresh.length > 0) {
    const above = options.isSyncedLater === true ? [] : [archive];
    await syncFolders([...fresh.map(({ cid }) => blobFolder(archive, cid)), blobsFolder(archive), ...above]);
  }
  return { blobs: blobs.sort(byCid), missing: missing.sort(byCid), fetched };
}

/** Which names are there already. Each folder is listed once: to look for every file alone takes longer. */
class TakenNames {
  readonly #folders = new Map<string, Promise<ReadonlySet<string> | undefined>>();

  /** Whether there may be something of that name, or of that of its part. */
  async has(path: string): Promise<boolean> {
    const { folder, name } = splitPath(path);
    let names = this.#folders.get(folder);
    if (names === undefined) {
      names = listFolder(folder).then(
        (all) => new Set(all),
        () => undefined,
      );
      this.#folders.set(folder, names);
    }
    const there = await names;
    return there === undefined || there.has(name) || there.has(`${name}.part`);
  }
}

function byCid(a: { cid: string }, b: { cid: string }): number {
  return a.cid < b.cid ? -1 : 1;
}

/**
 * Fetches one blob, until it is what its CID says, or cannot be had.
 *
 * @param place makes the file that it is written into, anew for every try; one that did not come is discarded
 * @returns the whole file, proved, for the caller to keep or to discard; or why there is none, in half a sentence, and
 *   `silence` where there was no answer at all
 * @throws DecampError `storage`; what `open` throws about the server or the account as a whole; the signal's reason
 */
export async function fetchBlob(
  place: () => Promise<NewFile>,
  { cid, want }: { readonly cid: Cid; readonly want: Pick<WantedBlob, "size"> },
  open: () => Promise<Download>,
  { pause, isAnswering }: Pick<FetchOptions, "pause" | "isAnswering">,
  signal: AbortSignal,
): Promise<{ file: NewFile; mimeType?: string | undefined } | { reason: string; silence?: DecampError }> {
  for (let attempt = 1; ; attempt += 1) {
    let begun = false;
    try {
      const download = await open();
      begun = true;
      return { file: await receive(place, cid, download, want), mimeType: download.mimeType };
    } catch (error) {
      signal.throwIfAborted();
      // A refusal, or an answer of another kind, is final for this blob. Short or wrong bytes are worth another try.
      const isRefusal =
        isDecampError(error, "server-refused", "bad-answer", "limit-exceeded") && !isAccountState(error);
      const isBroken = isDecampError(error, "damaged") || (begun && isDecampError(error, "unreachable"));
      // Without any answer, while the server answers other requests, the fault is with this blob, too.
      const isSilent = !begun && isDecampError(error, "unreachable") && (await isAnswering?.(signal)) === true;
      if (!isDecampError(error) || (!isRefusal && !isBroken && !isSilent)) {
        throw error;
      }
      if (isRefusal || attempt >= (isSilent ? silentAttempts : attempts)) {
        return { reason: reasonOf(error), ...(isSilent ? { silence: error } : {}) };
      }
      await pause(attempt);
    }
  }
}

/**
 * Writes a blob into a file that has no name yet. The hash alone proves it: the size in the record may be wrong. But
 * what goes far beyond that size is not waited for.
 *
 * @throws DecampError `damaged` if it is not what the CID says, `limit-exceeded` if it is far larger than the record
 *   says
 */
async function receive(
  place: () => Promise<NewFile>,
  cid: Cid,
  download: Download,
  { size = 0 }: Pick<WantedBlob, "size">,
): Promise<NewFile> {
  const { limits = defaultBudgets } = download;
  const most = size > 0 ? size + limits.blobExcess : Infinity;
  const file = await place();
  try {
    for await (const bytes of download.bytes) {
      if (Math.max(download.length ?? 0, file.size + bytes.length) > most) {
        throw overLimit("blobExcess", `Its record says that it has ${size} bytes, and the server sends`, most, "bytes");
      }
      await file.write(bytes);
    }
    if (!isDigestOf(cid, file.digest())) {
      throw new DecampError("damaged", wrongBytes);
    }
    return file;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

async function keep(file: NewFile): Promise<void> {
  try {
    await file.place();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** In half a sentence, without a full stop. That a blob is gone is said in one way, and of no other refusal. */
function reasonOf(error: DecampError): string {
  if (isBlobNotFound(error)) {
    return blobGone;
  }
  // A person who wants it all the same has to know how.
  const how = error.code === "limit-exceeded" ? ` ${error.hint}` : "";
  return `${error.message}${how}`.replace(/\.$/, "");
}

/**
 * Reads a blob to its end and hashes it, without keeping it. What is longer than the blob is read no further.
 *
 * @returns whether the bytes are those that `cid` names
 */
export async function isGenuineBlob(
  { cid, size }: Pick<ArchivedBlob, "cid" | "size">,
  download: Download,
): Promise<boolean> {
  const hash = createHash("sha256");
  let came = 0;
  for await (const bytes of download.bytes) {
    came += bytes.length;
    if (came > size) {
      return false;
    }
    hash.update(bytes);
  }
  return isDigestOf(cid, hash.digest());
}

function isDigestOf(cid: Cid, digest: Uint8Array): boolean {
  return Buffer.compare(parseCid(cid).digest, digest) === 0;
}
