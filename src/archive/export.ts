/**
 * An account into an archive: the repository, the blobs, the identity, what is private, and the manifest last. What is there
 * already is not fetched again, and an account in which nothing has changed is not written again.
 */

import type { Cid } from "../data/cid.ts";
import { isDecampError } from "../errors.ts";
import { prepareVerifier } from "../repo/verify.ts";
import { fileSize, joinPath, readWhole, writeWhole } from "../services/files.ts";
import { takeLock } from "../services/lock.ts";
import { askAhead, type Ahead } from "./ahead.ts";
import { fetchBlobs, type FetchedBlobs, type WantedBlob } from "./fetch-blobs.ts";
import { requireArchiveFolder } from "./folder.ts";
import { lockFile, readmeFile, snapshotFile, snapshotFiles, snapshotFolder } from "./layout.ts";
import { holdSnapshot } from "./held.ts";
import { removeLeftovers } from "./leftovers.ts";
import type { ArchivedBlob, ArchivedFile, Manifest, Most } from "./manifest.ts";
import { collectParts, isInSnapshot, type Part } from "./parts.ts";
import { readmeText } from "./readme.ts";
import { findShrinkage, type Loss, type Shrinkage } from "./shrink.ts";
import { storeRepo, type StoredRepo } from "./repository.ts";
import { pause, type ExportOptions, type ExportSource, type Head } from "./source.ts";
import { listStoredBlobs } from "./stored-blobs.ts";
import { asUnavailable } from "./unavailable.ts";
import { wantedBlobs } from "./wanted-blobs.ts";

/** What an export has done. */
export interface ExportResult {
  /** The newest snapshot: the new one, or the one that is still true. */
  readonly manifest: Manifest;
  /**
   * `full`: the whole repository was fetched. `incremental`: what was new in it. `present`: the repository was there, and
   * something else was not. `unchanged`: there was nothing to do.
   */
  readonly mode: StoredRepo["mode"] | "unchanged";
  /** What came over the network: bytes of the repository, blobs and their bytes. */
  readonly received: { readonly repoBytes: number; readonly blobs: number; readonly blobBytes: number };
  /** What the new snapshot lacks that there was before, if that is much, and what is held for it: said this once. */
  readonly shrunk?: { readonly losses: readonly Loss[]; readonly held: readonly string[] };
}

/** Does now what takes the first export of a process a while, for whoever has time. */
export function prepareExport(): void {
  prepareVerifier();
}

/**
 * Exports an account. Blobs that cannot be had are no error: they stand in the manifest, and the next export tries them
 * again.
 *
 * @param archive a folder; it is made if it does not exist
 * @param early what was asked ahead; left alone if it is about another account
 * @throws DecampError `account-unavailable` and `account-not-found` if the server does not hand it out; `usage` if
 *   the folder holds something else; `refused` if the archive is newer than what the server has; `damaged` when the repository is not genuine or not
 *   whole; `locked`, `storage`, and what the services throw. Whatever is thrown, the archive is as good as before, and the
 *   next export goes on from there
 */
export async function exportAccount(
  archive: string,
  source: ExportSource,
  options: ExportOptions,
  early?: Ahead,
): Promise<ExportResult> {
  const before = await requireArchiveFolder(archive, source.did);
  if (early?.did === source.did) {
    return exportInto(archive, source, early, before, options);
  }
  const ahead = await askAhead(archive, source, options.signal);
  try {
    return await exportInto(archive, source, ahead, before, options);
  } finally {
    ahead.close();
  }
}

async function exportInto(
  archive: string,
  source: ExportSource,
  ahead: Ahead,
  before: readonly Manifest[],
  options: ExportOptions,
): Promise<ExportResult> {
  const last = before.at(-1);
  const parts = collectParts(archive, source, last, options);
  // A repository need not wait for them; whoever needs them gets the error.
  parts.catch(() => undefined);
  const head = await readHead(source, ahead);
  if (last !== undefined && (await isUnchanged(archive, last, head, await parts))) {
    options.report({ type: "step", id: "repository", title: titles.repository, state: "skipped" });
    return { manifest: last, mode: "unchanged", received: { repoBytes: 0, blobs: 0, blobBytes: 0 } };
  }
  const unlock = await takeLock(lockFile(archive), options.lockOwner, options.now);
  try {
    // Another run may have been faster.
    const known = await requireArchiveFolder(archive, source.did);
    return await exportLocked(archive, source, ahead, { head, parts, known }, options);
  } finally {
    await unlock();
  }
}

const titles = {
  repository: "Export the repository",
  blobs: "Export the blobs",
  manifest: "Complete the snapshot",
} as const;

/** What is known before anything is written. */
interface Beginning {
  readonly head: Head | undefined;
  /** On their way. */
  readonly parts: Promise<readonly Part[]>;
  /** All complete snapshots, oldest first. */
  readonly known: readonly Manifest[];
}

async function exportLocked(
  archive: string,
  source: ExportSource,
  ahead: Ahead,
  { head, parts, known }: Beginning,
  options: ExportOptions,
): Promise<ExportResult> {
  const { report } = options;
  const last = known.at(-1);
  report({ type: "step", id: "repository", title: titles.repository, state: "start" });
  // If only blobs are missing, they are added to the snapshot that is there.
  const keepLast =
    last !== undefined && (await parts).every((part) => isInSnapshot(part, last)) && (await isStored(archive, last));
  const repo = await storeRepo(archive, source, ahead, head, known, keepLast, options);
  report({ type: "step", id: "repository", title: titles.repository, state: "done", detail: describeRepo(repo) });

  report({ type: "step", id: "blobs", title: titles.blobs, state: "start" });
  // A snapshot that is completed goes on having what its server may not list any more.
  const ours = repo.snapshot === last?.snapshot ? last.blobs : [];
  const blobs = await bringBlobs(archive, source, ahead, repo, { known, ours }, options);
  report({ type: "step", id: "blobs", title: titles.blobs, state: "done", detail: describeBlobs(blobs) });

  const received = { repoBytes: repo.received, blobs: blobs.fetched.count, blobBytes: blobs.fetched.bytes };
  if (repo.snapshot === last?.snapshot) {
    const isComplete = JSON.stringify([blobs.blobs, blobs.missing]) === JSON.stringify([last.blobs, last.missing]);
    if (isComplete) {
      return { manifest: last, mode: "unchanged", received };
    }
    const updatedAt = new Date(options.now).toISOString();
    const manifest = { ...last, updatedAt, ...blobFacts(blobs) };
    await writeManifest(archive, manifest);
    return { manifest, mode: "present", received };
  }
  report({ type: "step", id: "manifest", title: titles.manifest, state: "start" });
  const shrinkage = findShrinkage(known, { ...repo, ...blobs });
  await hold(archive, shrinkage, repo.snapshot, options.now);
  const manifest = await complete(archive, source, { repo, parts: await parts, blobs, most: shrinkage.most }, options);
  await removeLeftovers(archive);
  report({ type: "step", id: "manifest", title: titles.manifest, state: "done", detail: manifest.snapshot });
  const { losses, holders: held } = shrinkage;
  return { manifest, mode: repo.mode, received, ...(losses.length === 0 ? {} : { shrunk: { losses, held } }) };
}

/** Keeps what still has that which is gone, before there is a snapshot without it. */
async function hold(archive: string, { losses, holders }: Shrinkage, by: string, now: number): Promise<void> {
  for (const name of holders) {
    await holdSnapshot(archive, name, { since: new Date(now).toISOString(), by, losses });
  }
}

/** Writes what a snapshot has beside repository and blobs, the manifest last. */
async function complete(
  archive: string,
  source: ExportSource,
  {
    repo,
    parts,
    blobs,
    most,
  }: { repo: StoredRepo; parts: readonly Part[]; blobs: FetchedBlobs; most: Most | undefined },
  options: ExportOptions,
): Promise<Manifest> {
  const { snapshot } = repo;
  const files: Record<string, ArchivedFile> = { [snapshotFiles.repo]: repo.file };
  await Promise.all(parts.map(async ({ part, text }) => writeWhole(snapshotFile(archive, snapshot, part), text)));
  for (const { part, described } of parts) {
    files[snapshotFiles[part]] = described;
  }
  const readme = readmeFile(archive);
  if (Buffer.from((await readWhole(readme)) ?? []).toString() !== readmeText) {
    await writeWhole(readme, readmeText);
  }
  const { handle, pds } = source;
  const status = pds.account?.active === false ? (pds.account.status ?? "inactive") : undefined;
  const manifest: Manifest = {
    format: 1,
    snapshot,
    writtenBy: options.writtenBy,
    createdAt: new Date(options.now).toISOString(),
    did: source.did,
    ...(handle === undefined ? {} : { handle }),
    source: pds.origin,
    ...(status === undefined ? {} : { status }),
    commit: repo.commit,
    rev: repo.rev,
    data: repo.data,
    records: repo.records,
    collections: repo.collections,
    files,
    ...blobFacts(blobs),
    ...(parts.some(({ part }) => part === "document") ? {} : { documentUnavailable: true }),
    ...(most === undefined ? {} : { most }),
  };
  await writeManifest(archive, manifest);
  return manifest;
}

async function writeManifest(archive: string, manifest: Manifest): Promise<void> {
  await writeWhole(snapshotFile(archive, manifest.snapshot, "manifest"), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

function blobFacts({ blobs, missing }: FetchedBlobs): Pick<Manifest, "blobs" | "blobBytes" | "missing"> {
  return { blobs, blobBytes: blobs.reduce((sum, { size }) => sum + size, 0), missing };
}

/** The head as the server has it. A session that may only read what an account holds is not told: then undefined. */
async function readHead({ pds, did }: ExportSource, ahead: Ahead): Promise<Head | undefined> {
  try {
    return await ahead.head;
  } catch (error) {
    const unavailable = asUnavailable(error, pds, did);
    if (unavailable === error && pds.isSignedIn && isDecampError(error, "server-refused")) {
      return undefined;
    }
    throw unavailable;
  }
}

/** Whether the newest snapshot is what would be written now, and all of it is on the disk. */
async function isUnchanged(
  archive: string,
  last: Manifest,
  head: Head | undefined,
  parts: readonly Part[],
): Promise<boolean> {
  return (
    last.commit === head?.cid &&
    last.missing.length === 0 &&
    parts.every((part) => isInSnapshot(part, last)) &&
    (await isStored(archive, last)) &&
    (await listStoredBlobs(archive)).hasAll(last.blobs.map(({ cid }) => cid))
  );
}

/** Whether the files of a snapshot are there, in the sizes that they should have. */
async function isStored(archive: string, { snapshot, files }: Manifest): Promise<boolean> {
  const sizes = await Promise.all(
    Object.values(snapshotFiles).map(async (name) => {
      const expected = files[name]?.size;
      return expected === undefined || (await fileSize(joinPath(snapshotFolder(archive, snapshot), name))) === expected;
    }),
  );
  return sizes.every(Boolean);
}

async function bringBlobs(
  archive: string,
  source: ExportSource,
  ahead: Ahead,
  repo: StoredRepo,
  { known, ours }: { known: readonly Manifest[]; ours: readonly ArchivedBlob[] },
  options: ExportOptions,
): Promise<FetchedBlobs> {
  const { pds, did } = source;
  const { signal, concurrency, report } = options;
  const car = repo.noBlobs ? undefined : snapshotFile(archive, repo.snapshot, "repo");
  const wanted = await wantedBlobs(car, ahead.takeBlobs(), source, known, signal);
  for (const { cid, mimeType } of ours) {
    if (!wanted.has(cid)) {
      wanted.set(cid, { mimeType, records: [] });
    }
  }
  await options.beforeBlobs?.(await bytesToFetch(archive, wanted));
  try {
    return await fetchBlobs(archive, wanted, async (cid, either, busy) => pds.getBlob(did, cid, either, busy), {
      concurrency,
      signal,
      kept: new Set(known.flatMap(({ blobs }) => blobs.map(({ cid }) => cid))),
      pause: async (attempt) => pause(options, attempt),
      onProgress: (done) => report({ type: "progress", step: "blobs", unit: "blobs", done, total: wanted.size }),
    });
  } catch (error) {
    throw asUnavailable(error, pds, did);
  }
}

async function bytesToFetch(archive: string, wanted: ReadonlyMap<Cid, WantedBlob>): Promise<number> {
  const { cids } = await listStoredBlobs(archive);
  let bytes = 0;
  for (const [cid, { size = 0 }] of wanted) {
    bytes += size > 0 && !cids.has(cid) ? size : 0;
  }
  return bytes;
}

function describeRepo({ mode, records }: StoredRepo): string {
  const how = { full: "", incremental: ", only what is new was fetched", present: ", unchanged" }[mode];
  return `${records} records${how}`;
}

function describeBlobs({ blobs, missing, fetched }: FetchedBlobs): string {
  const gone = missing.length === 0 ? "" : `, ${missing.length} missing`;
  return `${blobs.length} blobs, ${fetched.count} new${gone}`;
}
