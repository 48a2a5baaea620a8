/** What a snapshot holds. The file is the last that is written: a snapshot without it is not complete. */

import * as v from "valibot";
import { isCid } from "../data/cid.ts";
import { DecampError } from "../errors.ts";
import { isDid } from "../identity/syntax.ts";
import { listFolder, readWhole } from "../services/files.ts";
import { snapshotFile, snapshotsFolder } from "./layout.ts";

export interface ArchivedBlob {
  readonly cid: string;
  /** Bytes. */
  readonly size: number;
  readonly mimeType: string;
}

export interface ArchivedFile {
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** True for what is not public on the network. */
  readonly private: boolean;
}

/** A blob that could not be had, and who needs it. */
export interface Missing {
  readonly cid: string;
  readonly reason: string;
  /** Paths of records. */
  readonly records: readonly string[];
}

export interface Manifest {
  readonly format: 1;
  /** Name and version of what wrote it. */
  readonly writtenBy: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly did: string;
  readonly handle?: string | undefined;
  /** Origin of the server that the data came from. */
  readonly source: string;
  /** CID of the commit, its revision, and the CID of the top of its tree. */
  readonly commit: string;
  readonly rev: string;
  readonly data: string;
  readonly records: number;
  readonly files: Readonly<Record<string, ArchivedFile>>;
  readonly blobs: readonly ArchivedBlob[];
  readonly missing: readonly Missing[];
}

const cid = v.pipe(v.string(), v.check(isCid));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const schema = v.object({
  format: v.literal(1),
  writtenBy: v.string(),
  createdAt: v.pipe(v.string(), v.isoTimestamp()),
  did: v.pipe(v.string(), v.check(isDid)),
  handle: v.optional(v.string()),
  source: v.pipe(v.string(), v.url()),
  commit: cid,
  rev: v.pipe(v.string(), v.regex(/^[2-7a-z]{13}$/)),
  data: cid,
  records: count,
  files: v.record(
    v.string(),
    v.object({ size: count, sha256: v.pipe(v.string(), v.hash(["sha256"])), private: v.boolean() }),
  ),
  blobs: v.array(v.object({ cid, size: count, mimeType: v.string() })),
  missing: v.array(v.object({ cid, reason: v.string(), records: v.array(v.string()) })),
});

/**
 * Reads a manifest.
 *
 * @throws DecampError `damaged` if it is not one
 */
export function parseManifest(bytes: Uint8Array, path: string): Manifest {
  try {
    return v.parse(schema, JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw new DecampError("damaged", `${path} is not a manifest that decamp can read.`, { cause });
  }
}

/** The manifests of all complete snapshots of an archive, oldest first. */
export async function readManifests(archive: string): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const rev of await listFolder(snapshotsFolder(archive))) {
    const path = snapshotFile(archive, rev, "manifest");
    const bytes = await readWhole(path);
    if (bytes !== undefined) {
      manifests.push(parseManifest(bytes, path));
    }
  }
  return manifests;
}
