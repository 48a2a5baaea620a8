/**
 * An account into an archive: the repository, the blobs, the identity, what is private, and the manifest last. What is
 * there already is not fetched again, and an account in which nothing has changed is not written again.
 */

import type { Cid } from "../../data/cid.ts";
import { isDecampError } from "../../errors.ts";
import { prepareVerifier } from "../../repo/verify.ts";
import { isAnswering } from "../../services/servers/answering.ts";
import { isThere, placeWhole, syncFolders } from "../../services/disk/files.ts";
import { withLock } from "../../services/disk/lock.ts";
import { isMissingMethod } from "../../services/servers/missing-method.ts";
import { inTheWay, readPlainFile } from "../../services/disk/plain-entries.ts";
import { askAhead, type Ahead } from "./ahead.ts";
import { believableManifests } from "../check/believable.ts";
import { inspectAll, inspectNewest, isDamaged, noDamage, type Damage } from "../check/damage.ts";
import { requireArchivedHead } from "./compared-heads.ts";
import { fetchBlobs, type FetchedBlobs, type WantedBlob } from "./fetch-blobs.ts";
import { markFolder, requireArchiveFolder } from "../folder.ts";
import { warnOfFuture } from "./future-rev.ts";
import { holdSnapshot } from "../held.ts";
import {
  formatOf,
  lockFile,
  readmeFile,
  snapshotFile,
  snapshotFiles,
  snapshotFolder,
  snapshotsFolder,
} from "../layout.ts";
import { removeLeftovers } from "../leftovers.ts";
import {
  findUnreadable,
  hasAllBlobs,
  writeManifest,
  type ArchivedFile,
  type Manifest,
  type Most,
} from "../manifest.ts";
import { Mending, type Mended, type Unmended } from "./mend.ts";
import { collectParts, isInSnapshot, type LeftOut, type Part } from "./small-files.ts";
import { isReadme, readmeFor } from "../readme.ts";
import { findShrinkage, type Loss, type Shrinkage } from "../shrink.ts";
import { storeRepo, type StoredRepo } from "./repository.ts";
import { pause, type ExportOptions, type ExportSource, type Head } from "./export-options.ts";
import { listStoredBlobs } from "../stored-blobs.ts";
import { asUnavailable } from "../unavailable.ts";
import { listedBlobs, wantedBlobs } from "./wanted-blobs.ts";

/** What an export has done. */
export interface ExportResult {
  /** The newest snapshot: the new one, or the one that is still true. */
  readonly manifest: Manifest;
  /**
   * `full`: the whole repository was fetched. `incremental`: what was new in it. `present`: the repository was there,
   * and something else was not. `unchanged`: there was nothing to do.
   */
  readonly mode: "full" | "incremental" | "present" | "unchanged";
  /** Whether the revision of the repository lies in the future: the clock of its server was wrong. The data is kept. */
  readonly futureRev: boolean;
  /** What came over the network: bytes of the repository, blobs and their bytes. */
  readonly received: { readonly repoBytes: number; readonly blobs: number; readonly blobBytes: number };
  /** What the new snapshot lacks that there was before, if that is much, and what is held for it: said this once. */
  readonly shrunk?: { readonly losses: readonly Loss[]; readonly held: readonly string[] };
  /** What was missing or damaged in the archive, and is good again. */
  readonly mended: Mended;
  /** That the snapshot lacks something, and nothing that the newest one did not lack before this export. */
  readonly asBefore?: true;
  /** What stays damaged, and is not in the manifest's list of missing blobs. */
  readonly unmended: readonly Unmended[];
  /**
   * What could not be read although somebody signed in for it: it is not in the new snapshot, and may be in an older
   * one.
   */
  readonly leftOut: readonly LeftOut[];
}

/** Does now what takes the first export of a process a while, for whoever has time. */
export function prepareExport(): void {
  prepareVerifier();
}

/**
 * Exports an account. Blobs that cannot be had are no error: they stand in the manifest, and the next export tries them
 * again. What was damaged since the last time is fetched again, as far as that is noticed: the sizes of the newest
 * snapshot, the content of a part of it each time, and with `recheck` of everything.
 *
 * @param archive a folder; it is made if it does not exist
 * @param early what was asked ahead; left alone if it is about another account
 * @throws DecampError `account-unavailable` and `account-not-found` if the server does not hand it out; `usage` if the
 *   folder holds something else; `identity-invalid` with rule `plc/seen-head` if the log lacks the head of the one in
 *   the archive; `refused` if the archive is newer than what the server has; `damaged` when the repository is not
 *   genuine or not whole; `locked`, `storage`, and what the services throw. Whatever is thrown, the archive is as good
 *   as before, and the next export goes on from there
 */
export async function exportAccount(
  archive: string,
  source: ExportSource,
  options: ExportOptions,
  early?: Ahead,
): Promise<ExportResult> {
  const readable = await requireArchiveFolder(archive, source.did);
  if (source.log !== undefined) {
    await requireArchivedHead(archive, readable, source.log.verified);
  }
  await warnOfUnreadable(archive, readable, options);
  const before = await believableManifests(archive, readable, options.signal);
  warnOfUnbelievable(readable.slice(before.length), options);
  if (early?.did === source.did) {
    return judged(await exportInto(archive, source, early, before, options), before.at(-1), options);
  }
  const ahead = await askAhead(archive, source, options.signal);
  try {
    return judged(await exportInto(archive, source, ahead, before, options), before.at(-1), options);
  } finally {
    ahead.close();
  }
}

/** Says which snapshots count as if they were not there. */
async function warnOfUnreadable(
  archive: string,
  readable: readonly Manifest[],
  { report }: ExportOptions,
): Promise<void> {
  for (const [snapshot, error] of await findUnreadable(archive, readable)) {
    report({
      type: "warning",
      code: "manifest-damaged",
      message: `The snapshot ${snapshot} counts as one that has lost its manifest. ${error.message} ${error.hint}`,
    });
  }
}

function warnOfUnbelievable(manifests: readonly Manifest[], { report }: ExportOptions): void {
  for (const { snapshot } of manifests) {
    report({
      type: "warning",
      code: "manifest-damaged",
      message: `The snapshot ${snapshot} counts as one that has lost its manifest, which does not describe the repository beside it.`,
    });
  }
}

/** Warns of a revision that lies in the future, and compares with the snapshot that was the newest one. */
function judged(result: Exported, before: Manifest | undefined, options: ExportOptions): ExportResult {
  const { manifest } = result;
  return {
    ...result,
    ...(lacksAsBefore(manifest, before) ? { asBefore: true } : {}),
    futureRev: warnOfFuture(manifest.rev, options),
  };
}

function lacksAsBefore(manifest: Manifest, before: Manifest | undefined): boolean {
  const { missing, unreadRecords = [] } = manifest;
  const known = new Set([...(before?.missing.map(({ cid }) => cid) ?? []), ...(before?.unreadRecords ?? [])]);
  return !hasAllBlobs(manifest) && [...missing.map(({ cid }) => cid), ...unreadRecords].every((one) => known.has(one));
}

type Exported = Omit<ExportResult, "futureRev" | "asBefore">;

async function exportInto(
  archive: string,
  source: ExportSource,
  ahead: Ahead,
  before: readonly Manifest[],
  options: ExportOptions,
): Promise<Exported> {
  const last = before.at(-1);
  const collected = collectParts(archive, source, last, options);
  const parts = collected.then((all) => all.parts);
  // The repository does not wait for the small files. An error of theirs is thrown where they are awaited.
  parts.catch(() => undefined);
  const isRecheck = options.recheck === true;
  const inspected = last === undefined || isRecheck ? noDamage : inspectNewest(archive, last, options);
  Promise.resolve(inspected).catch(() => undefined);
  const head = await readHead(source, ahead);
  const damage = await inspected;
  if (
    last !== undefined &&
    !isRecheck &&
    !isDamaged(damage) &&
    isUnchanged(last, head, await parts) &&
    isFromHere(last, source, options)
  ) {
    options.report({ type: "step", id: "repository", title: titles.repository, state: "skipped" });
    const { leftOut } = await collected;
    const mended = { files: 0, blobs: 0 };
    return { manifest: last, mode: "unchanged", received: nothing, mended, unmended: [], leftOut };
  }
  const isNew = !(await isThere(archive));
  await markFolder(archive, source.did, options.compress === undefined ? 1 : 2);
  return withLock(lockFile(archive), options.lockOwner, options, async (signal) => {
    // Another run may have been faster.
    const readable = await requireArchiveFolder(archive, source.did);
    const known = await believableManifests(archive, readable, signal);
    const beginning = { head, parts, known, damage, isNew };
    const result = await exportLocked(archive, source, ahead, beginning, { ...options, signal });
    return { ...result, leftOut: (await collected).leftOut };
  });
}

const nothing: ExportResult["received"] = { repoBytes: 0, blobs: 0, blobBytes: 0 };

const titles = {
  recheck: "Prove what is in the archive",
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
  /** What was found in the newest snapshot; with `recheck` all is looked at once more. */
  readonly damage: Damage;
  /** Whether the archive was made just now. */
  readonly isNew: boolean;
}

async function exportLocked(
  archive: string,
  source: ExportSource,
  ahead: Ahead,
  { head, parts, known, damage, isNew }: Beginning,
  options: ExportOptions,
): Promise<Omit<Exported, "leftOut">> {
  const { report } = options;
  const mending = await beginMending(archive, known, damage, options);
  const updatedAt = new Date(options.now).toISOString();
  const write = async (manifest: Manifest): Promise<void> => writeManifest(archive, manifest);
  await mending.fromParts(parts, updatedAt, write);
  report({ type: "step", id: "repository", title: titles.repository, state: "start" });
  // If only blobs are missing, they are added to the snapshot that is there.
  const keepLast =
    mending.last !== undefined &&
    (await parts).every((part) => isInSnapshot(part, mending.last)) &&
    isFromHere(mending.last, source, options);
  const damaged = mending.damagedRepos;
  const repo = await storeRepo(archive, source, ahead, head, known, { keepLast, damaged }, options);
  await parts; // without them there is no snapshot: that is to be known before the blobs are fetched
  await mending.fromRepo(repo, updatedAt, write);
  await mending.fromTwins();
  const { last } = mending;
  const found =
    head === undefined ? `, by the repository itself: ${source.pds.host} did not name its newest commit` : "";
  const detail = `${describeRepo(repo)}${found}`;
  report({ type: "step", id: "repository", title: titles.repository, state: "done", detail });

  report({ type: "step", id: "blobs", title: titles.blobs, state: "start" });
  const { blobs, others } = await bringBlobs(archive, source, ahead, repo, mending, options);
  report({ type: "step", id: "blobs", title: titles.blobs, state: "done", detail: describeBlobs(blobs) });

  const stillBad = [...blobs.missing, ...others.missing].filter(({ cid }) => mending.blobs.has(cid)).length;
  const outcome: Omit<Exported, "manifest" | "mode" | "leftOut"> = {
    received: {
      repoBytes: repo.received,
      blobs: blobs.fetched.count + others.fetched.count,
      blobBytes: blobs.fetched.bytes + others.fetched.bytes,
    },
    mended: { files: mending.mended, blobs: mending.blobs.size - stillBad },
    unmended: [...mending.unmended(), ...others.missing.map(({ cid, reason }) => ({ cid, reason }))],
  };
  if (last !== undefined && repo.snapshot === last.snapshot) {
    const facts = blobFacts(blobs);
    const isSame = (key: "blobs" | "missing" | "unreadRecords"): boolean =>
      JSON.stringify(facts[key]) === JSON.stringify(last[key]);
    const isComplete = isSame("blobs") && isSame("missing");
    const isMended = outcome.mended.files + outcome.mended.blobs > 0;
    const mode = isComplete && !isMended ? "unchanged" : repo.mode;
    if (isComplete && isSame("unreadRecords")) {
      return { manifest: last, mode, ...outcome };
    }
    const manifest = { ...last, ...(isComplete ? {} : { updatedAt }), ...facts };
    await writeManifest(archive, manifest);
    return { manifest, mode, ...outcome };
  }
  report({ type: "step", id: "manifest", title: titles.manifest, state: "start" });
  const shrinkage = findShrinkage(mending.manifests, { ...repo, ...blobs });
  await hold(archive, shrinkage, repo.snapshot, options.now);
  const manifest = await complete(archive, source, { repo, parts: await parts, blobs, most: shrinkage.most }, options);
  if (!isNew) {
    await removeLeftovers(archive);
  }
  report({ type: "step", id: "manifest", title: titles.manifest, state: "done", detail: manifest.snapshot });
  const { losses, holders: held } = shrinkage;
  return { manifest, mode: repo.mode, ...outcome, ...(losses.length === 0 ? {} : { shrunk: { losses, held } }) };
}

/** Holds the snapshots that still have what the account has lost, before a snapshot without it is written. */
async function hold(archive: string, { losses, holders }: Shrinkage, by: string, now: number): Promise<void> {
  for (const name of holders) {
    await holdSnapshot(archive, name, { since: new Date(now).toISOString(), by, losses });
  }
}

/**
 * Begins to mend: the damage that was found before, as far as it is still there; with `recheck`, all that is found now.
 */
async function beginMending(
  archive: string,
  known: readonly Manifest[],
  damage: Damage,
  { recheck, signal, report }: ExportOptions,
): Promise<Mending> {
  if (recheck !== true) {
    const mending = new Mending(archive, known, damage, signal);
    await mending.lookAgain();
    return mending;
  }
  report({ type: "step", id: "recheck", title: titles.recheck, state: "start" });
  const found = await inspectAll(archive, known, signal, (done, total) =>
    report({ type: "progress", step: "recheck", unit: "blobs", done, total }),
  );
  const detail = isDamaged(found) ? "damage was found" : "all is well";
  report({ type: "step", id: "recheck", title: titles.recheck, state: "done", detail });
  return new Mending(archive, known, found, signal);
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
  }: { repo: StoredRepo; parts: readonly Part[]; blobs: BroughtBlobs; most: Most | undefined },
  options: ExportOptions,
): Promise<Manifest> {
  const { snapshot } = repo;
  const files: Record<string, ArchivedFile> = { [snapshotFiles[repo.part]]: repo.file };
  await Promise.all(parts.map(async ({ part, text }) => placeWhole(snapshotFile(archive, snapshot, part), text)));
  for (const { part, described } of parts) {
    files[snapshotFiles[part]] = described;
  }
  await placeReadme(archive, repo.part === "packedRepo");
  await syncFolders([snapshotFolder(archive, snapshot), snapshotsFolder(archive), archive]);
  const { handle, pds } = source;
  const status = pds.account?.active === false ? (pds.account.status ?? "inactive") : options.status;
  const manifest: Manifest = {
    format: formatOf(repo.part),
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

/** Says how to read the archive. What somebody else has written under that name stays. */
async function placeReadme(archive: string, isPacked: boolean): Promise<void> {
  const path = readmeFile(archive);
  const there = await readPlainFile(path);
  const text = new TextDecoder().decode(there);
  const isFree = there === undefined && (await inTheWay(path)) === undefined;
  const wanted = readmeFor(text, isPacked);
  if (isFree || (text !== wanted && isReadme(text))) {
    await placeWhole(path, wanted);
  }
}

function blobFacts({
  blobs,
  missing,
  unreadRecords,
}: BroughtBlobs): Pick<Manifest, "blobs" | "blobBytes" | "missing" | "unreadRecords"> {
  return {
    blobs,
    blobBytes: blobs.reduce((sum, { size }) => sum + size, 0),
    missing,
    unreadRecords: unreadRecords.slice(0, mostNamed),
  };
}

/**
 * The head as the server has it; undefined if it does not say: to a session that may only read what an account holds,
 * or because it has no such method. Then the repository says it.
 */
async function readHead({ pds, did }: ExportSource, ahead: Ahead): Promise<Head | undefined> {
  try {
    return await ahead.head;
  } catch (error) {
    const unavailable = asUnavailable(error, pds, did);
    const toldNobody = unavailable === error && isMissingMethod(error);
    // Some refuse it of a deactivated account, and give its owner the repository all the same.
    if (toldNobody || (pds.isSignedIn && isDecampError(error, "server-refused"))) {
      return undefined;
    }
    throw unavailable;
  }
}

function isFromHere(last: Manifest, { pds }: ExportSource, { fromHere }: ExportOptions): boolean {
  return fromHere !== true || last.source === pds.origin;
}

/** Whether the newest snapshot is what would be written now. */
function isUnchanged(last: Manifest, head: Head | undefined, parts: readonly Part[]): boolean {
  return (
    last.commit === head?.cid &&
    last.missing.length === 0 &&
    // Versions that have not looked into all records have not written which they could not read.
    last.unreadRecords !== undefined &&
    parts.every((part) => isInSnapshot(part, last))
  );
}

/** So many records are named in a manifest that cannot be read to their end. */
const mostNamed = 1000;

interface BroughtBlobs extends FetchedBlobs {
  /** Paths of records that cannot be read to their end. */
  readonly unreadRecords: readonly string[];
}

/** Brings the blobs of the snapshot, and the damaged ones that only `others`, older snapshots, have. */
async function bringBlobs(
  archive: string,
  source: ExportSource,
  ahead: Ahead,
  repo: StoredRepo,
  { manifests, last, blobs: damaged }: Mending,
  options: ExportOptions,
): Promise<{ blobs: BroughtBlobs; others: FetchedBlobs }> {
  const { pds, did } = source;
  const { signal, concurrency, report } = options;
  const car = repo.noBlobs ? undefined : snapshotFile(archive, repo.snapshot, repo.part);
  const list = listedBlobs(ahead.takeBlobs(), source, report);
  const unreadRecords: string[] = [];
  const wanted = await wantedBlobs(car, list, source, manifests, signal, (path) => unreadRecords.push(path));
  if (unreadRecords.length > 0) {
    const more = unreadRecords.length === 1 ? "" : ` and ${unreadRecords.length - 1} more`;
    const message = `Records cannot be read to their end (${unreadRecords[0] ?? ""}${more}): whether they need blobs is not known.`;
    report({ type: "warning", code: "blobs-unknown", message });
  }
  if (repo.snapshot === last?.snapshot) {
    // A snapshot that stays keeps what it has, whatever the server lists by now.
    last.blobs.forEach(({ cid, mimeType }) => wanted.has(cid) || wanted.set(cid, { mimeType, records: [] }));
  }
  const onlyOthers = new Map<Cid, WantedBlob>();
  // What only older snapshots have is hashed before the manifest of a new one has it: only the newest one was looked
  // at.
  const trusted = new Map(last?.blobs.filter(({ cid }) => !damaged.has(cid)).map(({ cid, size }) => [cid, size]));
  for (const { blobs } of manifests) {
    for (const { cid, mimeType } of blobs) {
      if (damaged.has(cid) && !wanted.has(cid)) {
        onlyOthers.set(cid, { mimeType, records: [] });
      }
    }
  }
  if (options.beforeBlobs !== undefined) {
    await options.beforeBlobs({ bytes: await bytesToFetch(archive, wanted), wanted, car });
  }
  const total = wanted.size + onlyOthers.size;
  const bring = async (which: ReadonlyMap<Cid, WantedBlob>, before: number): Promise<FetchedBlobs> =>
    fetchBlobs(archive, which, async (cid, either, busy) => pds.getBlob(did, cid, either, busy), {
      concurrency,
      signal,
      trusted,
      // A new snapshot does that, when it is completed.
      isSyncedLater: repo.snapshot !== last?.snapshot,
      pause: async (attempt) => pause(options, attempt),
      isAnswering: async (either) => isAnswering(pds, did, either),
      onProgress: (done, bytes) =>
        report({ type: "progress", step: "blobs", unit: "blobs", done: before + done, total, bytes }),
    });
  try {
    return {
      blobs: { ...(await bring(wanted, 0)), unreadRecords },
      others: await bring(onlyOthers, wanted.size),
    };
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
