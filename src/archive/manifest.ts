/** What a snapshot holds. The file is the last that is written: a snapshot without it is not complete. */

import * as v from "valibot";
import { isCid } from "../data/cid.ts";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { isDid, isPlcDid } from "../identity/names.ts";
import { readWhole, writeWhole } from "../services/disk/files.ts";
import { listEntries, type Entry } from "../services/disk/plain-entries.ts";
import { contentAtOnce } from "../services/disk/quick-look.ts";
import {
  compareSnapshotNames,
  repoPartOf,
  snapshotFile,
  snapshotFiles,
  snapshotName,
  snapshotsFolder,
} from "./layout.ts";
import { refuseFile } from "./no-archive.ts";

/** A blob of a snapshot. */
export interface ArchivedBlob {
  readonly cid: string;
  /** Bytes. */
  readonly size: number;
  readonly mimeType: string;
}

/** A file of a snapshot. */
export interface ArchivedFile {
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** True for what is not public on the network. */
  readonly private: boolean;
  /** What the file unpacks to, if it is a repository that is compressed; its size in bytes, SHA-256 in hexadecimal. */
  readonly car?: { readonly size: number; readonly sha256: string } | undefined;
}

/** A blob that could not be had, and who needs it. */
export interface Missing {
  readonly cid: string;
  readonly reason: string;
  /** Paths of records. */
  readonly records: readonly string[];
  /** True if its file in the archive was found to be damaged, and lies there still; unset if there is none. */
  readonly damaged?: true | undefined;
}

/** What an account had more of before, while that was not yet a loss that is reported; see shrink.ts. */
export interface Most {
  readonly records?: number | undefined;
  readonly blobs?: number | undefined;
  readonly collections?: Readonly<Record<string, number>> | undefined;
}

/** What a snapshot holds. */
export interface Manifest {
  /** 2 if the repository is compressed, which older versions cannot read. */
  readonly format: 1 | 2;
  /** Name of the snapshot, which is that of its folder. */
  readonly snapshot: string;
  /** Name and version of what wrote it. */
  readonly writtenBy: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** When blobs were added that could not be had before, ISO 8601. */
  readonly updatedAt?: string | undefined;
  readonly did: string;
  readonly handle?: string | undefined;
  /** Origin of the server that the data came from. */
  readonly source: string;
  /**
   * Why the account was not active there, in the server's word, such as `deactivated`; unset if it was, or is not
   * known.
   */
  readonly status?: string | undefined;
  /** CID of the commit, its revision, and the CID of the top of its tree. */
  readonly commit: string;
  readonly rev: string;
  readonly data: string;
  readonly records: number;
  /** Records by collection. */
  readonly collections: Readonly<Record<string, number>>;
  /** By name: every file of the snapshot but this one. */
  readonly files: Readonly<Record<string, ArchivedFile>>;
  /** What the records refer to, and what the server listed beside that; in the order of the CIDs. */
  readonly blobs: readonly ArchivedBlob[];
  /** The sum of the sizes, in bytes. */
  readonly blobBytes: number;
  readonly missing: readonly Missing[];
  /**
   * Paths of records that cannot be read to their end, the first thousand: whether they need blobs that are not in
   * `blobs` is not known. Unset where a version of decamp wrote this that did not look for blobs in records that break
   * the data model.
   */
  readonly unreadRecords?: readonly string[] | undefined;
  /** True if the directory did not give out the DID document, which the log says all of; unset if it is there. */
  readonly documentUnavailable?: boolean | undefined;
  /** Unset if the account never had more. */
  readonly most?: Most | undefined;
}

const cid = v.pipe(v.string(), v.check(isCid));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const sha256 = v.pipe(v.string(), v.hash(["sha256"]));
const fileName = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+$/));
const entriesBefore = {
  format: v.picklist([1, 2]),
  snapshot: v.pipe(v.string(), v.regex(snapshotName)),
  writtenBy: v.string(),
  createdAt: v.pipe(v.string(), v.isoTimestamp()),
  updatedAt: v.optional(v.pipe(v.string(), v.isoTimestamp())),
  did: v.pipe(v.string(), v.check(isDid)),
  handle: v.optional(v.string()),
  source: v.pipe(v.string(), v.url()),
  status: v.optional(v.string()),
  commit: cid,
  rev: v.pipe(v.string(), v.regex(/^[2-7a-z]{13}$/)),
  data: cid,
  records: count,
  collections: v.record(v.string(), count),
  files: v.record(
    fileName,
    v.object({ size: count, sha256, private: v.boolean(), car: v.optional(v.object({ size: count, sha256 })) }),
  ),
};
const entriesAfter = {
  blobBytes: count,
  missing: v.array(
    v.object({ cid, reason: v.string(), records: v.array(v.string()), damaged: v.optional(v.literal(true)) }),
  ),
  unreadRecords: v.optional(v.array(v.string())),
  documentUnavailable: v.optional(v.boolean()),
  most: v.optional(
    v.object({
      records: v.optional(count),
      blobs: v.optional(count),
      collections: v.optional(v.record(v.string(), count)),
    }),
  ),
};
const schema = v.object({
  ...entriesBefore,
  blobs: v.array(v.object({ cid, size: count, mimeType: v.string() })),
  ...entriesAfter,
});
/** A list of blobs can be long: here its entries are left to `isArchivedBlob`, which takes a part of the time. */
const quickSchema = v.object({ ...entriesBefore, blobs: v.array(v.unknown()), ...entriesAfter });

/** Whether the number of the format is that of the form in which the repository lies there. */
function fitsFormat({ format, files }: Pick<Manifest, "format" | "files">): boolean {
  const packed = files[snapshotFiles.packedRepo];
  const isPlain = packed === undefined && Object.values(files).every(({ car }) => car === undefined);
  return format === 1 ? isPlain : packed?.car !== undefined && files[snapshotFiles.repo] === undefined;
}

/** A manifest of so many bytes is read at once: very many are. A longer one would hold everything else up. */
const short = 1 << 20;

const strictText = new TextDecoder("utf-8", { fatal: true });

/** Writes the manifest of a snapshot: whole, or as it was. @throws DecampError `storage` */
export async function writeManifest(archive: string, manifest: Manifest): Promise<void> {
  await writeWhole(snapshotFile(archive, manifest.snapshot, "manifest"), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/**
 * Reads a manifest.
 *
 * @throws DecampError `damaged` if it is not one
 */
export function parseManifest(bytes: Uint8Array, path: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(strictText.decode(bytes));
    const manifest = v.parse(schema, value);
    if (!fitsFormat(manifest)) {
      throw new TypeError("the files are not those of the format");
    }
    return manifest;
  } catch (cause) {
    throw new DecampError("damaged", `${path} is not a manifest that decamp can read.`, {
      hint: "If a newer decamp has written it, use that one. Else an export writes it anew, if its snapshot is the newest one and the server still has that revision.",
      data: { path, newer: isJsonObject(value) && Number(value["format"]) > 2 },
      cause,
    });
  }
}

/**
 * Reads a manifest for whoever reads very many, and needs no reason why one cannot be read.
 *
 * @returns undefined if it is not one
 */
export function parseSoundManifest(bytes: Uint8Array): Manifest | undefined {
  try {
    const { output, success } = v.safeParse(quickSchema, JSON.parse(strictText.decode(bytes)));
    if (!success) {
      return undefined;
    }
    const { blobs } = output;
    return fitsFormat(output) && blobs.every(isArchivedBlob) ? { ...output, blobs } : undefined;
  } catch {
    return undefined;
  }
}

function isArchivedBlob(value: unknown): value is ArchivedBlob {
  const { cid: name, size, mimeType } = isJsonObject(value) ? value : {};
  return typeof name === "string" && isCid(name) && Number.isSafeInteger(size) && typeof mimeType === "string";
}

/** Whether all blobs are there that the records need, as far as can be known. */
export function hasAllBlobs({ missing, unreadRecords = [] }: Pick<Manifest, "missing" | "unreadRecords">): boolean {
  return missing.length === 0 && unreadRecords.length === 0;
}

/** The names of the files that a snapshot has to have, and that its manifest does not name. */
export function partsLeftOut(manifest: Pick<Manifest, "did" | "files" | "documentUnavailable">): string[] {
  const { did, files, documentUnavailable = false } = manifest;
  const { document, log } = snapshotFiles;
  return [
    snapshotFiles[repoPartOf(manifest)],
    ...(isPlcDid(did) ? [log] : []),
    ...(isPlcDid(did) && documentUnavailable ? [] : [document]),
  ].filter((name) => files[name] === undefined);
}

/** Whether the snapshot holds what only the owner can see. */
export function hasPrivateParts({ files }: Pick<Manifest, "files">): boolean {
  return Object.values(files).some((file) => file.private);
}

/**
 * The names of the snapshots in an archive, complete or not, oldest first. A link or a file that is called like one is
 * left out.
 */
export async function listSnapshots(archive: string): Promise<string[]> {
  return snapshotNames(await listSnapshotEntries(archive));
}

/** Whatever lies where an archive has its snapshots. @throws DecampError `unreadable-file`, `storage` */
export async function listSnapshotEntries(archive: string): Promise<Entry[]> {
  return listEntries(snapshotsFolder(archive)).catch(async (error: unknown) => {
    await refuseFile(archive);
    throw error;
  });
}

/** Those of the snapshots, oldest first. */
export function snapshotNames(entries: readonly Entry[]): string[] {
  return entries
    .filter(({ name, kind }) => kind === "folder" && snapshotName.test(name))
    .map(({ name }) => name)
    .sort(compareSnapshotNames);
}

/**
 * The manifest of a snapshot; undefined if it is not complete.
 *
 * @throws DecampError `damaged` if it cannot be read, or belongs to another folder; `storage`
 */
export async function readManifest(archive: string, name: string): Promise<Manifest | undefined> {
  const path = snapshotFile(archive, name, "manifest");
  const seen = contentAtOnce(path, short);
  const sound = seen === undefined ? undefined : parseSoundManifest(seen);
  if (sound?.snapshot === name) {
    return sound;
  }
  const bytes = await readWhole(path).catch((error: unknown) => {
    if (isDecampError(error, "unreadable-file")) {
      throw new DecampError("damaged", error.message, {
        hint: "Move away what lies there. Then an export writes the manifest anew, if its snapshot is the newest one and the server still has that revision.",
        data: { path },
        cause: error,
      });
    }
    throw error;
  });
  if (bytes === undefined) {
    return undefined;
  }
  const manifest = parseManifest(bytes, path);
  if (manifest.snapshot !== name) {
    throw new DecampError(
      "damaged",
      `${path} belongs to the snapshot ${manifest.snapshot}, and lies in another folder.`,
      { hint: "Give the folder its name back.", data: { path, isElsewhere: true } },
    );
  }
  return manifest;
}

/**
 * The manifests of all complete snapshots of an archive, oldest first. One that cannot be read is as good as lost, and
 * passed over: `findUnreadable` names it.
 *
 * @param listed what `listSnapshots` says of it, where that is known
 * @throws DecampError `storage`
 */
export async function readableManifests(archive: string, listed?: readonly string[]): Promise<Manifest[]> {
  const names = listed ?? (await listSnapshots(archive));
  const manifests = await Promise.all(names.map(async (name) => tryManifest(archive, name)));
  return manifests.flatMap((manifest) => (manifest === undefined || isDecampError(manifest) ? [] : [manifest]));
}

/**
 * The snapshots that have a manifest which cannot be read, oldest first, and why.
 *
 * @param readable the manifests that can be
 * @param listed what `listSnapshots` says of the archive, where that is known
 * @throws DecampError `storage`
 */
export async function findUnreadable(
  archive: string,
  readable: readonly Manifest[],
  listed?: readonly string[],
): Promise<ReadonlyMap<string, DecampError>> {
  const known = new Set(readable.map(({ snapshot }) => snapshot));
  const unreadable = new Map<string, DecampError>();
  for (const name of (listed ?? (await listSnapshots(archive))).filter((one) => !known.has(one))) {
    const error = await tryManifest(archive, name);
    if (isDecampError(error)) {
      unreadable.set(name, error);
    }
  }
  return unreadable;
}

/**
 * The same manifests, for whoever goes on from the newest snapshot.
 *
 * @throws DecampError `damaged` if the manifest of the newest one cannot be read; `storage`
 */
export async function readManifests(archive: string): Promise<Manifest[]> {
  const manifests = await readableManifests(archive);
  const newest = manifests.at(-1)?.snapshot;
  for (const [name, error] of await findUnreadable(archive, manifests)) {
    if (newest === undefined || compareSnapshotNames(name, newest) > 0) {
      throw error;
    }
  }
  return manifests;
}

/** The manifest, or what is wrong with it; undefined if there is none. @throws DecampError `storage` */
async function tryManifest(archive: string, name: string): Promise<Manifest | DecampError | undefined> {
  try {
    return await readManifest(archive, name);
  } catch (error) {
    // The disk cannot read it any more.
    const isLost = isDecampError(error, "storage") && error.data["reason"] === "EIO";
    if (isLost || isDecampError(error, "damaged")) {
      return error;
    }
    throw error;
  }
}
