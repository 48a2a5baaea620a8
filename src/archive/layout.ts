/**
 * Where the parts of an archive lie:
 *
 *     DIR/blobs/XX/CID                 the bytes of a blob; XX are the last two letters of its CID
 *     DIR/snapshots/REV/repo.car       the repository as the server sent it
 *                      /did.json       the DID document
 *                      /plc-log.json   the audit log of the PLC directory
 *                      /preferences.json   private
 *                      /manifest.json  written last: it says that the snapshot is complete
 *
 *     DIR/certificate.json             after a move: the proof of it
 *
 * Blobs are shared by all snapshots. REV is the revision of the commit.
 */

import type { Cid } from "../data/cid.ts";
import { joinPath } from "../services/files.ts";

/** The parts of a snapshot, by the names of their files. */
export const snapshotFiles = {
  repo: "repo.car",
  document: "did.json",
  log: "plc-log.json",
  preferences: "preferences.json",
  manifest: "manifest.json",
} as const;

export function snapshotsFolder(archive: string): string {
  return joinPath(archive, "snapshots");
}

export function snapshotFile(archive: string, rev: string, part: keyof typeof snapshotFiles): string {
  return joinPath(archive, "snapshots", rev, snapshotFiles[part]);
}

/** Where a repository is kept until it is proved and its revision is known. */
export function incomingRepo(archive: string): string {
  return joinPath(archive, "incoming.car");
}

/** Names in the folder of an archive, those that an interrupted run leaves included. */
export const archiveParts: ReadonlySet<string> = new Set(["snapshots", "blobs", "incoming.car", "incoming.car.part"]);

/** The proof of a move. It holds nothing private. */
export function certificateFile(archive: string): string {
  return joinPath(archive, "certificate.json");
}

export function blobFile(archive: string, cid: Cid): string {
  return joinPath(archive, "blobs", cid.slice(-2), cid);
}
