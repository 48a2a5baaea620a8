/**
 * The repository of a new snapshot: what is there already, else what is new since the last one, else the whole. Only
 * what is proved gets a place in the archive.
 */

import type { Limits } from "../../data/budgets.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import type { Expectation } from "../../repo/verify.ts";
import { fileSize, linkFile } from "../../services/disk/files.ts";
import { hashFile } from "../../services/disk/hash-file.ts";
import type { Download } from "../../services/servers/pds.ts";
import { inTheWay, plainSize, removeFile } from "../../services/disk/plain-entries.ts";
import { isGoodFile } from "../check/damage.ts";
import {
  proveStored,
  receiveDiff,
  receiveRepo,
  type ProvedRepo,
  type ReceivedRepo,
  type ReceiveOptions,
} from "./fetch-repo.ts";
import { markPacked } from "../folder.ts";
import {
  compareSnapshotNames,
  nextSnapshotName,
  repoEntry,
  repoFile,
  repoPartOf,
  repoParts,
  snapshotFile,
  type RepoPart,
} from "../layout.ts";
import { listSnapshots, type ArchivedFile, type Manifest } from "../manifest.ts";
import { listUnusableNames } from "../odd-snapshots.ts";
import type { Ahead } from "./ahead.ts";
import { attempts, pause, type ExportOptions, type ExportSource, type Head } from "./export-options.ts";
import { asUnavailable } from "../unavailable.ts";

/** The repository of a snapshot that has no manifest yet. */
export interface StoredRepo extends Pick<Manifest, "snapshot" | "commit" | "rev" | "data" | "records" | "collections"> {
  /** The form in which it lies there, and the file. */
  readonly part: RepoPart;
  readonly file: ArchivedFile;
  /** How it came: whole, as what is new, or not at all, because it was there. */
  readonly mode: "full" | "incremental" | "present";
  /** Bytes that came over the network for it. */
  readonly received: number;
  /** Whether it is known that no record refers to a blob. */
  readonly noBlobs: boolean;
}

/**
 * Sees to it that the repository is in the archive: in a snapshot without manifest, or in the last one, if nothing in
 * that has to change.
 *
 * A repository of the last snapshot that is damaged is fetched anew, and takes the place of the old one only when it is
 * proved.
 *
 * @param ahead may have asked for the whole repository; is told to ask for the blobs when a repository comes
 * @param keepLast whether the last snapshot is still true if its commit is
 * @param damaged names of snapshots whose repository is missing or not what was written
 * @param head the commit that the server has; undefined if it does not say
 * @param known all complete snapshots, oldest first
 * @throws DecampError `refused` if the server has an older repository than the archive, `damaged`, `storage`, and what
 *   the services throw
 */
export async function storeRepo(
  archive: string,
  source: ExportSource,
  ahead: Ahead,
  head: Head | undefined,
  known: readonly Manifest[],
  { keepLast, damaged }: { readonly keepLast: boolean; readonly damaged: ReadonlySet<string> },
  options: ExportOptions,
): Promise<StoredRepo> {
  // A revision that lies in the future is told by the export, and no reason to lose the data.
  const expectation = { did: source.did, signingKeys: source.signingKeys };
  const taken = new Set([...known.map(({ snapshot }) => snapshot), ...(await listUnusableNames(archive, known))]);
  const newest = known.at(-1);
  const last = await intact(archive, newest, { keepLast, damaged }, options.signal);
  const reuse = async (manifest: Manifest): Promise<StoredRepo> =>
    keepLast ? presentRepo(manifest, manifest.snapshot) : linkRepo(archive, manifest, taken);
  if (last !== undefined && last.commit === head?.cid) {
    return reuse(last);
  }
  const unfinished = await findUnfinished(archive, taken, last, expectation, source.pds.limits, options.signal);
  if (unfinished !== undefined && unfinished.commit === head?.cid) {
    checkOrder(unfinished, newest, source, archive);
    return unfinished;
  }
  const base = last !== undefined && (unfinished === undefined || unfinished.rev <= last.rev) ? last : unfinished;
  const came = base === undefined ? undefined : await receiveNews(archive, source, ahead, base, expectation, options);
  if (came === "unchanged" && base !== undefined) {
    return "files" in base ? reuse(base) : base;
  }
  const mode = came === undefined || came === "unchanged" ? "full" : "incremental";
  const { repo, file, received } =
    came === undefined || came === "unchanged" ? await receiveAll(archive, source, ahead, expectation, options) : came;
  try {
    checkOrder(repo, newest, source, archive);
    const finished = await file.finish();
    const { part } = finished;
    const isMended =
      keepLast &&
      newest?.commit === repo.commit &&
      (await inTheWay(snapshotFile(archive, newest.snapshot, part))) === undefined;
    const snapshot = isMended ? newest.snapshot : nextSnapshotName(repo.rev, taken);
    if (part === "packedRepo") {
      await markPacked(archive, source.did);
    }
    // The names in a new snapshot are made durable together, before its manifest is written.
    await file.keep(snapshot, part, !isMended);
    if (!isMended) {
      // What an interrupted run has left there in the other form.
      await removeFile(snapshotFile(archive, snapshot, part === "repo" ? "packedRepo" : "repo"));
    }
    return { ...factsOf(repo), snapshot, ...finished, mode, received };
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** @throws DecampError `refused` if the repository is not newer than the newest one that is archived */
function checkOrder(
  { rev, commit }: { rev: string; commit: string },
  last: Pick<Manifest, "rev" | "commit"> | undefined,
  { pds }: ExportSource,
  archive: string,
): void {
  if (last === undefined || rev > last.rev || commit === last.commit) {
    return;
  }
  const what =
    rev === last.rev
      ? "another commit of the same revision"
      : `an older repository (${rev}) than this archive (${last.rev})`;
  throw new DecampError("refused", `${pds.host} has ${what}.`, {
    hint: `Ask its operator why. To keep what the server has now, export it into another folder than ${archive}.`,
    data: { host: pds.host, rev, archived: last.rev },
  });
}

type Facts = Pick<StoredRepo, "commit" | "rev" | "data" | "records" | "collections" | "noBlobs">;

function factsOf({ commit, rev, data, records, report }: ProvedRepo): Facts {
  // The blobs of a record that has a fault are not counted.
  const noBlobs = report.blobs.referenced === 0 && report.findings.length === 0;
  return { commit, rev, data, records, collections: report.collections, noBlobs };
}

/**
 * The snapshot, if its repository is what was written: by its size, and by its hash where a new snapshot is about to
 * build on it that names the hash once more.
 */
async function intact(
  archive: string,
  manifest: Manifest | undefined,
  { keepLast, damaged }: { readonly keepLast: boolean; readonly damaged: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const file = manifest === undefined ? undefined : repoEntry(manifest);
  if (manifest === undefined || file === undefined || damaged.has(manifest.snapshot)) {
    return undefined;
  }
  const path = repoFile(archive, manifest);
  const isGood = keepLast ? (await fileSize(path)) === file.size : await isGoodFile(path, file, signal);
  return isGood ? manifest : undefined;
}

/** The repository of a complete snapshot once more, for a new one of the same commit. */
async function linkRepo(archive: string, last: Manifest, taken: ReadonlySet<string>): Promise<StoredRepo> {
  const snapshot = nextSnapshotName(last.rev, taken);
  for (const part of repoParts) {
    await removeFile(snapshotFile(archive, snapshot, part));
  }
  await linkFile(repoFile(archive, last), snapshotFile(archive, snapshot, repoPartOf(last)));
  return presentRepo(last, snapshot);
}

function presentRepo(of: Manifest, snapshot: string): StoredRepo {
  const { commit, rev, data, records, collections } = of;
  const file = fileOf(of);
  const part = repoPartOf(of);
  return {
    snapshot,
    commit,
    rev,
    data,
    records,
    collections,
    part,
    file,
    mode: "present",
    received: 0,
    noBlobs: false,
  };
}

function fileOf(manifest: Manifest): ArchivedFile {
  const file = repoEntry(manifest);
  if (file === undefined) {
    throw new DecampError("damaged", `The manifest of the snapshot ${manifest.snapshot} names no repository.`);
  }
  return file;
}

/**
 * The newest repository that an interrupted run has left, proved once more; one that is older than `last` is of no use.
 */
async function findUnfinished(
  archive: string,
  taken: ReadonlySet<string>,
  last: Manifest | undefined,
  expectation: Expectation,
  limits: Limits,
  signal: AbortSignal,
): Promise<StoredRepo | undefined> {
  const names = (await listSnapshots(archive)).filter(
    (name) => !taken.has(name) && (last === undefined || compareSnapshotNames(name, last.snapshot) > 0),
  );
  for (const snapshot of names.toSorted(compareSnapshotNames).toReversed()) {
    for (const part of repoParts) {
      const found = await proveUnfinished(snapshotFile(archive, snapshot, part), part, expectation, limits, signal);
      if (found !== undefined && snapshot.startsWith(found.rev)) {
        return { ...found, snapshot };
      }
    }
  }
  return undefined;
}

/** The repository in a file, if it is whole and genuine. */
async function proveUnfinished(
  path: string,
  part: RepoPart,
  expectation: Expectation,
  limits: Limits,
  signal: AbortSignal,
): Promise<Omit<StoredRepo, "snapshot"> | undefined> {
  if ((await plainSize(path)) === undefined) {
    return undefined;
  }
  const repo = await proveStored(path, expectation, signal, limits);
  const hashed = await hashFile(path, signal);
  // What is compressed under the name of what is not, or the other way round, was put there by somebody else.
  if (repo === undefined || hashed === undefined || (repo.unpacked === undefined) !== (part === "repo")) {
    return undefined;
  }
  const sha256 = Buffer.from(hashed.sha256).toString("hex");
  const car = repo.unpacked === undefined ? {} : { car: repo.unpacked };
  const file = { size: hashed.size, sha256, private: false, ...car };
  return { ...factsOf(repo), part, file, mode: "present", received: 0 };
}

/**
 * What is new since `base`, as a whole repository; undefined if that does not work, and the whole has to be fetched.
 */
async function receiveNews(
  archive: string,
  source: ExportSource,
  ahead: Ahead,
  base: Manifest | StoredRepo,
  expectation: Expectation,
  options: ExportOptions,
): Promise<ReceivedRepo | "unchanged" | undefined> {
  const { part, file } = "files" in base ? { part: repoPartOf(base), file: fileOf(base) } : base;
  const { commit } = base;
  const before = { path: snapshotFile(archive, base.snapshot, part), size: file.car?.size, commit };
  try {
    const news = await persist(source, ahead, options, base.rev, async (download) =>
      receiveDiff(archive, before, download, expectation, receiveOptions(options)),
    );
    return news ?? "unchanged";
  } catch (error) {
    if (!isDecampError(error, "damaged", "server-refused", "bad-answer", "limit-exceeded")) {
      throw error;
    }
    options.report({
      type: "warning",
      code: "full-export",
      message: `What is new since ${base.rev} cannot be had alone, so the whole repository is fetched. ${error.message}`,
    });
    return undefined;
  }
}

async function receiveAll(
  archive: string,
  source: ExportSource,
  ahead: Ahead,
  expectation: Expectation,
  options: ExportOptions,
): Promise<ReceivedRepo> {
  return persist(source, ahead, options, undefined, async (download) =>
    receiveRepo(archive, download, expectation, receiveOptions(options)),
  );
}

/** For receiving a repository, as an export is told to. */
export function receiveOptions({ signal, report, compress }: ExportOptions): ReceiveOptions {
  return {
    signal,
    compress,
    onProgress: (done) => report({ type: "progress", step: "repository", unit: "bytes", done }),
  };
}

/** Fetches a repository, again if it breaks off, and once more if it comes broken. */
export async function persist<T>(
  { pds, did }: ExportSource,
  ahead: Pick<Ahead, "takeRepo" | "askBlobs">,
  options: ExportOptions,
  since: string | undefined,
  receive: (download: Download) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    let begun = false;
    try {
      const early = since === undefined ? ahead.takeRepo() : undefined;
      const download = await (early ?? pds.getRepo(did, options.signal, since));
      begun = true;
      // The server hands the account out: it is worth asking for the blobs.
      ahead.askBlobs();
      return await receive(download);
    } catch (error) {
      options.signal.throwIfAborted();
      const brokeOff = begun && isDecampError(error, "unreachable") && attempt < attempts;
      const cameBroken = since === undefined && isDecampError(error, "damaged") && attempt < 2;
      if (!brokeOff && !cameBroken) {
        throw asUnavailable(error, pds, did);
      }
      await pause(options, attempt);
    }
  }
}
