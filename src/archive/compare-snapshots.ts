/** What is different between two snapshots, be they of one archive or of two. */

import type { Cid } from "../data/cid.ts";
import { collect } from "../data/slices.ts";
import { diffInTurns, type RecordChange } from "../repo/diff.ts";
import type { RepoSource } from "../repo/source.ts";
import { isRepoName } from "./layout.ts";
import { openSnapshotRepo, withRepo } from "./open-repo.ts";
import type { OpenSnapshot } from "./open.ts";

/** A file beside the repository, or a blob, that is not the same in both. */
export interface PartChange {
  readonly kind: "added" | "changed" | "removed";
  /** Name of the file, or CID of the blob. */
  readonly name: string;
}

/**
 * The records that are different, in the order of their paths.
 *
 * @throws DecampError `damaged`, `unreadable-file`; the signal's reason
 */
export async function* compareRecords(
  before: OpenSnapshot,
  after: OpenSnapshot,
  signal: AbortSignal,
): AsyncGenerator<RecordChange> {
  if (before.manifest.commit === after.manifest.commit) {
    return;
  }
  const left = await openSnapshotRepo(before.archive, before.manifest, { signal });
  try {
    const right = await openSnapshotRepo(after.archive, after.manifest, { signal });
    try {
      yield* diffInTurns(left.source, right.source, { signal });
    } finally {
      right.close();
    }
  } finally {
    left.close();
  }
}

/**
 * What is different in a repository that is in no archive, such as one that a server gave out.
 *
 * @param source that repository, proved
 * @throws DecampError `damaged`, `unreadable-file`; the signal's reason
 */
export async function changesSince(
  { archive, manifest }: OpenSnapshot,
  source: RepoSource,
  signal: AbortSignal,
): Promise<RecordChange[]> {
  return withRepo(archive, manifest, async (repo) => collect(diffInTurns(repo, source, { signal })));
}

/** The files that are different, by what the manifests say: identity, preferences, account. */
export function compareFiles(before: OpenSnapshot, after: OpenSnapshot): PartChange[] {
  const old = before.manifest.files;
  const now = after.manifest.files;
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  return names
    .filter((name) => !isRepoName(name) && old[name]?.sha256 !== now[name]?.sha256)
    .map((name) => ({
      kind: old[name] === undefined ? "added" : now[name] === undefined ? "removed" : "changed",
      name,
    }));
}

/** The blobs that only one of the two has, in the order of their CIDs. */
export function compareBlobs(before: OpenSnapshot, after: OpenSnapshot): PartChange[] {
  const old = cidsOf(before);
  const now = cidsOf(after);
  return [...new Set([...old, ...now])]
    .filter((cid) => !(old.has(cid) && now.has(cid)))
    .sort()
    .map((cid) => ({ kind: old.has(cid) ? "removed" : "added", name: cid }));
}

function cidsOf({ manifest }: OpenSnapshot): Set<Cid> {
  return new Set(manifest.blobs.map(({ cid }) => cid));
}
