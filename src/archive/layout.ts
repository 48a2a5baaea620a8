/**
 * Where the parts of an archive lie:
 *
 *     DIR/decamp.json                   written first: it says that the folder is an archive, and whose
 *     DIR/README.txt                    says what this is, to whoever finds it
 *     DIR/blobs/XX/CID                  the bytes of a blob; XX are the last two letters of its CID
 *     DIR/snapshots/NAME/repo.car       the repository; or repo.car.zst, compressed
 *                       /did.json       the DID document
 *                       /plc-log.json   the audit log of the PLC directory (not for a did:web)
 *                       /preferences.json   private
 *                       /account.json       private
 *                       /manifest.json  written last: it says that the snapshot is complete
 *     DIR/held/NAME.json                keeps a snapshot from being removed
 *     DIR/lock                          while a run is at work
 *     DIR/certificate.json              after a move: the proof of it
 *
 * Blobs are shared by all snapshots. NAME is the revision of the commit; where only something else has changed, the
 * same with -2, -3 and so on behind it. What ends in .part is not finished. docs/ARCHIVE.md has the whole of it.
 */

import { hash } from "node:crypto";
import type { Cid } from "../data/cid.ts";
import { joinPath } from "../services/disk/files.ts";

/** The parts of a snapshot, by the names of their files. */
export const snapshotFiles = {
  repo: "repo.car",
  packedRepo: "repo.car.zst",
  document: "did.json",
  log: "plc-log.json",
  preferences: "preferences.json",
  account: "account.json",
  manifest: "manifest.json",
} as const;

export type SnapshotPart = keyof typeof snapshotFiles;

/** The form in which a repository lies in a snapshot: as it is, or compressed. */
export type RepoPart = "repo" | "packedRepo";

export const repoParts: readonly RepoPart[] = ["repo", "packedRepo"];

/** Whether a file of a snapshot is its repository, by its name. */
export function isRepoName(name: string): boolean {
  return repoParts.some((part) => snapshotFiles[part] === name);
}

/** What a manifest says of the files of its snapshot, by their names. */
interface WithFiles<File = unknown> {
  readonly files: Readonly<Record<string, File>>;
}

/** The number of the format of a snapshot, by the form of its repository. */
export function formatOf(part: RepoPart): 1 | 2 {
  return part === "packedRepo" ? 2 : 1;
}

/** The form in which the repository of a snapshot lies there, by its manifest. */
export function repoPartOf({ files }: WithFiles): RepoPart {
  return files[snapshotFiles.packedRepo] === undefined ? "repo" : "packedRepo";
}

/** What a manifest says of the file of the repository; undefined if it names none. */
export function repoEntry<File>(manifest: WithFiles<File>): File | undefined {
  return manifest.files[snapshotFiles[repoPartOf(manifest)]];
}

/** Where the repository of a snapshot lies, by its manifest. */
export function repoFile(archive: string, manifest: WithFiles & { readonly snapshot: string }): string {
  return snapshotFile(archive, manifest.snapshot, repoPartOf(manifest));
}

/** How many bytes the repository has, as it is and not compressed; undefined if the manifest names none. */
export function carSize(
  manifest: WithFiles<{ readonly size: number; readonly car?: { readonly size: number } | undefined }>,
): number | undefined {
  const entry = repoEntry(manifest);
  return entry?.car?.size ?? entry?.size;
}

/** What the manifest is called from the moment at which its snapshot is no more, until the rest of it is removed. */
export const removedManifest = "manifest.json.removed";

/** A snapshot's name: the revision of its commit, and a number from the second one of the same revision on. */
export const snapshotName: RegExp = /^([2-7a-z]{13})(?:-([1-9][0-9]{0,8}))?$/;

/** The order of snapshots by their names: the older one first. */
export function compareSnapshotNames(a: string, b: string): number {
  const [, revA = "", numberA = "1"] = snapshotName.exec(a) ?? [];
  const [, revB = "", numberB = "1"] = snapshotName.exec(b) ?? [];
  return revA === revB ? Number(numberA) - Number(numberB) : revA < revB ? -1 : 1;
}

/** The name of the next snapshot of this revision: behind all that are there, also where some are gone between them. */
export function nextSnapshotName(rev: string, taken: Iterable<string>): string {
  let last = 0;
  for (const name of taken) {
    const [, of, number = "1"] = snapshotName.exec(name) ?? [];
    last = of === rev ? Math.max(last, Number(number)) : last;
  }
  return last === 0 ? rev : `${rev}-${last + 1}`;
}

/** File systems take names of so many letters, and hosts have up to 253. */
const longestName = 255;

/** So many letters of a longer name stay: before it has to be room for `removing-`, and behind it for a checksum. */
const keptOfName = 180;

/**
 * A name that file systems take: one that is too long has its beginning and the SHA-256 of all of it, with a letter
 * between them that no host has.
 */
function fitting(name: string): string {
  return name.length <= longestName ? name : `${name.slice(0, keptOfName)}~${hash("sha256", name, "hex")}`;
}

/** What the archive of an account is called among those of others: no two DIDs have the same. */
export function archiveName(did: string): string {
  return fitting(did.replaceAll("%3A", "_").replaceAll(":", "-"));
}

const removing = "removing-";

/** What the archive of an account is called from the moment at which it is no more, until all of it is removed. */
export function removingName(name: string): string {
  return fitting(`${removing}${name}`);
}

/** Whether a folder among archives is one that is being removed. */
export function isBeingRemoved(name: string): boolean {
  return name.startsWith(`${removing}did-`);
}

export function readmeFile(archive: string): string {
  return joinPath(archive, "README.txt");
}

export function snapshotsFolder(archive: string): string {
  return joinPath(archive, "snapshots");
}

export function snapshotFolder(archive: string, name: string): string {
  return joinPath(archive, "snapshots", name);
}

export function snapshotFile(archive: string, name: string, part: SnapshotPart): string {
  return joinPath(archive, "snapshots", name, snapshotFiles[part]);
}

/** Where a repository is kept until it is proved and its revision is known. */
export function incomingRepo(archive: string): string {
  return joinPath(archive, "incoming.car");
}

/** Where it is compressed meanwhile. */
export function incomingPackedRepo(archive: string): string {
  return joinPath(archive, "incoming.car.zst");
}

/** Where the blocks are kept that are new, until they are put together with what was there. */
export function incomingDiff(archive: string): string {
  return joinPath(archive, "incoming-diff.car");
}

/**
 * Where a repository is kept that is only looked at.
 *
 * @param token 16 hexadecimal digits that nobody else has drawn
 */
export function passingRepo(archive: string, token: string): string {
  return joinPath(archive, `passing-${token}.car`);
}

/**
 * Where a repository is kept that an import has replaced, and that had records which are nowhere else.
 *
 * @param rev its revision
 */
export function replacedRepo(archive: string, rev: string): string {
  return joinPath(archive, `replaced-${rev}.car`);
}

/** Holds a mark for each snapshot that is held. */
export function heldFolder(archive: string): string {
  return joinPath(archive, "held");
}

/** While it is there, the snapshot stays. */
export function heldFile(archive: string, name: string): string {
  return joinPath(heldFolder(archive), `${name}.json`);
}

/** What says that a folder is an archive, and whose. */
export function markerFile(archive: string): string {
  return joinPath(archive, "decamp.json");
}

/**
 * Names of files that were never finished, at the top of an archive. Older versions looked at `passing.car` and the
 * like.
 */
const unfinishedFile =
  /^(?:(?:README\.txt|certificate\.json|incoming\.car(?:\.zst)?|incoming-diff\.car|passing(?:-also)?\.car)\.part|(?:decamp\.json\.|passing-)[0-9a-f]{16}(?:\.car)?\.part)$/;

/** Whether a file of this name, at the top of an archive, is what an interrupted run has left there. */
export function isUnfinishedFile(name: string): boolean {
  return unfinishedFile.test(name);
}

/** The same for a folder that nobody has marked yet: only names that no other program gives. */
export function isOwnRemains(name: string): boolean {
  return /^(?:decamp\.json\.[0-9a-f]{16}|passing-[0-9a-f]{16}\.car)\.part$/.test(name);
}

/** Whether older versions, which marked nothing, made a file or folder of this name at the top of an archive. */
export function isOlderPart(name: string, kind: "file" | "folder" | "other"): boolean {
  return kind === "folder"
    ? name === "blobs" || name === "snapshots"
    : kind === "file" &&
        (isUnfinishedFile(name) ||
          /^(?:README\.txt|certificate\.json|lock(?:\.[0-9a-f]{16}(?:\.old)?)?|replaced-[a-z0-9]+\.car)$/.test(name));
}

export function lockFile(archive: string): string {
  return joinPath(archive, "lock");
}

/** The proof of a move. It holds nothing private. */
export function certificateFile(archive: string): string {
  return joinPath(archive, "certificate.json");
}

export function blobsFolder(archive: string): string {
  return joinPath(archive, "blobs");
}

export function blobFile(archive: string, cid: Cid): string {
  return blobFiles(archive)(cid);
}

/** `blobFile` for very many blobs of one archive: to join the parts anew takes as long as a look at the disk. */
export function blobFiles(archive: string): (cid: Cid) => string {
  const folder = blobsFolder(archive);
  return (cid) => `${folder}/${cid.slice(-2)}/${cid}`;
}

/** The folder that a blob shares with others. */
export function blobFolder(archive: string, cid: Cid): string {
  return joinPath(blobsFolder(archive), cid.slice(-2));
}
