/** Whether a whole archive is good: every snapshot with its repository, and every blob once. */
import type { Cid } from "../../data/cid.ts";
import { isDecampError } from "../../errors.ts";
import type { Finding, RepoReport } from "../../repo/report.ts";
import type { RepoSource } from "../../repo/source.ts";
import { verifyRepo, type Expectation, type VerifyOptions } from "../../repo/verify.ts";
import type { CarFile } from "../../services/disk/car-file.ts";
import { plainSize } from "../../services/disk/plain-entries.ts";
import {
  archivedKeys,
  archiveFinding,
  checkSnapshot,
  type ArchiveFinding,
  type CheckOptions,
  type SnapshotReport,
} from "./check-snapshot.ts";
import { repoFile, repoPartOf, snapshotFiles } from "../layout.ts";
import { readableManifests, type Manifest } from "../manifest.ts";
import { openSnapshotRepo } from "../open-repo.ts";
import { findOddSnapshots } from "../odd-snapshots.ts";
import { listStoredBlobs } from "../stored-blobs.ts";

/** A finding, and in which snapshot, if that is not the newest one. */
export type AnyFinding = (Finding | ArchiveFinding) & { readonly snapshot?: string };

/** What was found out about an archive. */
export interface ArchiveReport {
  readonly snapshots: number;
  /** Files beside the blobs that were checked, in all snapshots. */
  readonly files: number;
  readonly blobs: {
    readonly checked: number;
    readonly bytes: number;
    /** Blobs that the server did not have when the newest snapshot was made. */
    readonly unavailable: number;
    /** Blobs in the store that no snapshot needs. */
    readonly unlisted: number;
  };
  readonly findings: readonly AnyFinding[];
}

/**
 * Checks an archive; the repository of the newest snapshot is for the caller, who has reported on it.
 *
 * @param newest the newest snapshot, its repository, and what was found out about it
 * @param expectation what the older repositories should be; without keys, those of the log in each snapshot
 * @throws DecampError `unreadable-file`, `storage`; the signal's reason
 */
export async function checkArchive(
  archive: string,
  newest: { manifest: Manifest; source: RepoSource; report: RepoReport },
  expectation: Expectation,
  options: Omit<CheckOptions, "goodBlobs"> & Pick<VerifyOptions, "limits">,
): Promise<ArchiveReport> {
  const { signal, limits } = options;
  const goodBlobs = new Map<Cid, number>();
  const first = await checkSnapshot(archive, newest.manifest, newest, { ...options, goodBlobs });
  const findings: AnyFinding[] = [...first.findings];
  let { files } = first;
  const manifests = await readableManifests(archive);
  const listed = new Set(newest.manifest.blobs.map(({ cid }) => cid));
  for (const manifest of manifests) {
    const { snapshot } = manifest;
    if (snapshot === newest.manifest.snapshot) {
      continue;
    }
    manifest.blobs.forEach(({ cid }) => listed.add(cid));
    const keys = (await archivedKeys(archive, manifest)).map(({ didKey }) => didKey);
    const signingKeys = expectation.signingKeys ?? (keys.length === 0 ? undefined : keys);
    const expected = { ...expectation, did: manifest.did, ...(signingKeys === undefined ? {} : { signingKeys }) };
    const report = await checkOlder(archive, manifest, expected, { signal, limits, goodBlobs });
    files += report.files;
    findings.push(...report.findings.map((finding) => ({ ...finding, snapshot })));
  }
  for (const { rule, snapshot } of await findOddSnapshots(archive, manifests)) {
    findings.push({ ...archiveFinding(rule), snapshot });
  }
  const stored = await listStoredBlobs(archive);
  return {
    snapshots: manifests.length,
    files,
    blobs: {
      checked: listed.size,
      bytes: [...goodBlobs.values()].reduce((sum, size) => sum + size, 0),
      unavailable: first.blobs.unavailable,
      unlisted: [...stored.cids].filter((cid) => !listed.has(cid)).length,
    },
    findings,
  };
}

async function checkOlder(
  archive: string,
  manifest: Manifest,
  expectation: Expectation,
  options: { signal: AbortSignal; limits: VerifyOptions["limits"] | undefined; goodBlobs: Map<Cid, number> },
): Promise<{ files: SnapshotReport["files"]; findings: (Finding | ArchiveFinding)[] }> {
  const key = snapshotFiles[repoPartOf(manifest)];
  if ((await plainSize(repoFile(archive, manifest))) === undefined) {
    return { files: 0, findings: [archiveFinding("archive/file-missing", { key })] };
  }
  const car = await openUndamaged(archive, manifest, options.signal);
  if (car === undefined) {
    return { files: 0, findings: [archiveFinding("archive/file-changed", { key })] };
  }
  try {
    const { signal, limits = {}, goodBlobs } = options;
    const report = await verifyRepo(car.source, expectation, { signal, limits });
    const repo = { source: car.source, report };
    const rest = await checkSnapshot(archive, manifest, repo, { signal, goodBlobs });
    return { files: rest.files, findings: [...report.findings, ...rest.findings] };
  } finally {
    car.close();
  }
}

/** Undefined if the file is compressed, and cannot be unpacked. */
async function openUndamaged(archive: string, manifest: Manifest, signal: AbortSignal): Promise<CarFile | undefined> {
  try {
    return await openSnapshotRepo(archive, manifest, { signal });
  } catch (error) {
    if (repoPartOf(manifest) === "packedRepo" && isDecampError(error, "damaged", "limit-exceeded")) {
      return undefined;
    }
    throw error;
  }
}
