/**
 * Snapshots that are not as the archive's own rules have them: without manifest, or under another name than their own.
 */

import { listEntries, type Entry } from "../services/disk/plain-entries.ts";
import {
  compareSnapshotNames,
  isRepoName,
  removedManifest,
  snapshotFiles,
  snapshotFolder,
  snapshotName,
  snapshotsFolder,
} from "./layout.ts";
import { findUnreadable, snapshotNames, type Manifest } from "./manifest.ts";

/** What is odd about a snapshot; the words are those of the rules that `verify` names. */
export interface OddSnapshot {
  readonly rule:
    | "archive/unfinished"
    | "archive/manifest-missing"
    | "archive/manifest-lost"
    | "archive/manifest-damaged"
    | "archive/snapshot-name"
    | "archive/snapshot-link";
  readonly snapshot: string;
}

/**
 * Looks through the names in an archive.
 *
 * @param complete the manifests of all complete snapshots, oldest first
 * @param seen what lies where the archive has its snapshots, where that is known
 * @throws DecampError `storage`
 */
export async function findOddSnapshots(
  archive: string,
  complete: readonly Manifest[],
  seen?: readonly Entry[],
): Promise<OddSnapshot[]> {
  const entries = seen ?? (await listEntries(snapshotsFolder(archive)));
  const listed = snapshotNames(entries);
  const odd: OddSnapshot[] = [];
  for (const { snapshot, rev } of complete) {
    if (snapshotName.exec(snapshot)?.[1] !== rev) {
      odd.push({ rule: "archive/snapshot-name", snapshot });
    }
  }
  const known = new Set(complete.map(({ snapshot }) => snapshot));
  const newest = complete.at(-1)?.snapshot;
  for (const [snapshot, error] of await findUnreadable(archive, complete, listed)) {
    known.add(snapshot);
    const isElsewhere = error.data["isElsewhere"] === true;
    odd.push({ rule: isElsewhere ? "archive/snapshot-name" : "archive/manifest-damaged", snapshot });
  }
  for (const snapshot of listed) {
    if (known.has(snapshot)) {
      continue;
    }
    const isNewest = newest === undefined || compareSnapshotNames(snapshot, newest) > 0;
    if (await isOnlyBegun(archive, snapshot)) {
      odd.push({ rule: "archive/unfinished", snapshot });
    } else if (await holdsSnapshot(archive, snapshot)) {
      odd.push({ rule: isNewest ? "archive/manifest-missing" : "archive/manifest-lost", snapshot });
    }
  }
  for (const { name, kind } of entries) {
    if (snapshotName.test(name) && kind !== "folder") {
      odd.push({ rule: "archive/snapshot-link", snapshot: name });
    } else if (!snapshotName.test(name) && (await holdsSnapshot(archive, name))) {
      odd.push({ rule: "archive/snapshot-name", snapshot: name });
    }
  }
  return odd;
}

/**
 * The names under which no snapshot may be written: what is called so is no folder, or a folder lies in it in the place
 * of a file, or it has a manifest that a newer version has written.
 *
 * @param complete the manifests of all complete snapshots
 * @throws DecampError `storage`
 */
export async function listUnusableNames(archive: string, complete: readonly Manifest[]): Promise<string[]> {
  const unreadable = await findUnreadable(archive, complete);
  const names = [...unreadable].flatMap(([name, { data }]) => (data["newer"] === true ? [name] : []));
  for (const { name, kind } of await listEntries(snapshotsFolder(archive))) {
    const inside = kind === "folder" && snapshotName.test(name) ? await listEntries(snapshotFolder(archive, name)) : [];
    if (
      kind !== "folder" ||
      inside.some((one) => one.kind === "folder" && ownFiles.has(one.name.replace(/\.part$/, "")))
    ) {
      names.push(name);
    }
  }
  return names;
}

/**
 * Whether a snapshot without manifest has nothing but its repository, as an export leaves it that is interrupted while
 * it fetches the blobs; or is what is left of one that was being removed. A snapshot that has more was complete once,
 * or nearly.
 */
export async function isOnlyBegun(archive: string, name: string): Promise<boolean> {
  const entries = await listEntries(snapshotFolder(archive, name));
  if (entries.some((entry) => entry.name === removedManifest)) {
    return true;
  }
  return entries.every((entry) => isRepoName(entry.name) || entry.name.endsWith(".part"));
}

const ownFiles: ReadonlySet<string> = new Set(Object.values(snapshotFiles));

async function holdsSnapshot(archive: string, name: string): Promise<boolean> {
  const entries = await listEntries(snapshotFolder(archive, name)).catch(() => []);
  return entries.some(({ name: file }) => ownFiles.has(file));
}
