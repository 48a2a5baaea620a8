/**
 * Whose folder it is: whether one may become, or is, the archive of an account.
 *
 * decamp writes into a folder only when it is new or empty, or when it can be sure that decamp has made it: by the
 * marker, which is written before anything else; by a manifest, in archives of versions that wrote no marker; and where
 * such a version was interrupted before its first manifest, by what it alone writes. What else lies in an archive is
 * somebody else's, and stays.
 */

import * as v from "valibot";
import { decodeCbor, isCborMap } from "../data/cbor.ts";
import { isJsonObject } from "../data/json-object.ts";
import { inTurns } from "../data/slices.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { isDid } from "../identity/names.ts";
import { openCarFile } from "../services/disk/car-file.ts";
import { joinPath, readWhole, writeShared } from "../services/disk/files.ts";
import { holdsOnly, listEntries, plainSize, writeOnce, type Entry } from "../services/disk/plain-entries.ts";
import {
  isOlderPart,
  isOwnRemains,
  lockFile,
  markerFile,
  readmeFile,
  snapshotFile,
  snapshotName,
  snapshotsFolder,
} from "./layout.ts";
import { readableManifests, type Manifest } from "./manifest.ts";
import { isReadme } from "./readme.ts";

const markerSchema = v.object({
  /** What the file is, in a word that no other program writes. */
  type: v.literal("decamp archive"),
  /** 2 as soon as one of its repositories is compressed: then no older version touches it. */
  format: v.picklist([1, 2]),
  did: v.pipe(v.string(), v.check(isDid)),
});

/**
 * Makes sure that nothing else is in the way: the folder is not there, is empty, or is an archive of this account.
 *
 * @returns the manifests of its complete snapshots, oldest first; what cannot be read is as good as lost
 * @throws DecampError `usage` otherwise; `storage`
 */
export async function requireArchiveFolder(path: string, did: string): Promise<Manifest[]> {
  const entries = await listTop(path);
  if (entries.length === 0) {
    return [];
  }
  const owner = await readMarker(path);
  if (owner !== undefined) {
    refuseLinks(path, entries);
  }
  const manifests = entries.some(({ name, kind }) => name === "snapshots" && kind !== "file")
    ? await readableManifests(path)
    : [];
  const known = owner ?? manifests.at(-1)?.did ?? (await begunBy(path, entries.every(isOlder)));
  if (known === undefined && !isFree(entries)) {
    throw new DecampError("usage", `${path} is not empty, and nothing in it shows that it is an archive.`, {
      hint: "Name a folder that does not exist yet, an empty one, or an archive. If an older decamp was interrupted there before its first snapshot was complete, move that folder away: everything is fetched anew.",
      data: { path },
    });
  }
  const other = [known, ...manifests.map((manifest) => manifest.did)].find(
    (one) => one !== undefined && one !== did && one !== anyone,
  );
  if (other !== undefined) {
    throw new DecampError("usage", `${path} is the archive of another account, ${other}.`, {
      hint: "Name another folder: an archive holds one account.",
      data: { path, did: other },
    });
  }
  refuseLinks(path, entries);
  return manifests;
}

/**
 * Marks a folder as the archive of this account, if it is not marked already: before anything else is written into it.
 * To be called only after `requireArchiveFolder`, and to be followed by it once the lock is held: another run may have
 * been faster.
 *
 * @param format 2 if its repositories are to be compressed
 * @throws DecampError `storage`
 */
export async function markFolder(path: string, did: string, format: 1 | 2 = 1): Promise<void> {
  if ((await plainSize(markerFile(path))) === undefined) {
    await writeOnce(markerFile(path), markerText(format, did));
  }
}

/**
 * Marks it as one that has compressed repositories, before the first one is in it. To be called with the lock held.
 *
 * @throws DecampError `usage` for a marker that is none of ours, `storage`
 */
export async function markPacked(path: string, did: string): Promise<void> {
  if ((await parseMarker(path))?.format !== 2) {
    await writeShared(markerFile(path), markerText(2, did));
  }
}

function markerText(format: 1 | 2, did: string): string {
  return `${JSON.stringify({ type: "decamp archive", format, did }, undefined, 2)}\n`;
}

/** The same for a folder that is new or empty. Any other is left as it is. @throws DecampError `storage` */
export async function markIfFree(path: string, did: string): Promise<void> {
  if (isFree(await listEntries(path))) {
    await markFolder(path, did);
  }
}

/**
 * Makes sure that a folder can hold archives: it is not there yet, or is a folder, and is no archive itself, nor begun
 * as one.
 *
 * @throws DecampError `usage` otherwise; `storage`
 */
export async function requireNoArchive(path: string): Promise<void> {
  // Not a list of them: the folder may hold very many archives.
  const isAllOlder = await asFolder(path, async () => holdsOnly(path, isOlder));
  const isMarked = (await readMarker(path)) !== undefined;
  if (isMarked || (await hasSnapshots(path)) || (await begunBy(path, isAllOlder)) !== undefined) {
    throw new DecampError("usage", `${path} is an archive itself.`, {
      hint: "Name the folder that holds the archives, or another one: an archive has no others in it.",
      data: { path },
    });
  }
}

/**
 * Whose archive was begun in a folder, which has no complete snapshot.
 *
 * @returns undefined if none was; without `did` if it does not say whose it is
 * @throws DecampError `usage` for a marker that is none of ours; `storage`
 */
export async function findBegun(path: string): Promise<{ readonly did?: string } | undefined> {
  const did =
    (await readMarker(path)) ?? (await begunBy(path, await asFolder(path, async () => holdsOnly(path, isOlder))));
  return did === undefined ? undefined : did === anyone ? {} : { did };
}

async function hasSnapshots(path: string): Promise<boolean> {
  const names = await listEntries(snapshotsFolder(path)).catch(() => []);
  return names.some(({ name, kind }) => kind === "folder" && snapshotName.test(name));
}

async function listTop(path: string): Promise<Entry[]> {
  return asFolder(path, async () => listEntries(path));
}

/** What a look at a folder finds. @throws DecampError `usage` for what is none */
async function asFolder<T>(path: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (isDecampError(error, "usage") && error.data["reason"] === "ENOTDIR") {
      throw new DecampError("usage", `${path} is no folder.`, { hint: "Name a folder for the archive.", cause: error });
    }
    throw error;
  }
}

/** Whether a folder is as good as empty. */
function isFree(entries: readonly Entry[]): boolean {
  return entries.every(({ name, kind }) => kind === "file" && isOwnRemains(name));
}

/** @throws DecampError `usage` where what decamp would write leads out of the archive */
export function refuseLinks(archive: string, entries: readonly Entry[]): void {
  const link = entries.find(({ name, kind }) => ["blobs", "snapshots", "held"].includes(name) && kind !== "folder");
  if (link !== undefined) {
    throw new DecampError("usage", `${joinPath(archive, link.name)} is no folder, but a link or a file.`, {
      hint: "decamp writes into no folder that a link leads to. Move what it leads to into its place, or name another folder.",
      data: { path: archive },
    });
  }
}

/**
 * Whose archive the marker says that this is; undefined if there is none. @throws DecampError `usage` if it is none of
 * ours
 */
async function readMarker(archive: string): Promise<string | undefined> {
  return (await parseMarker(archive))?.did;
}

async function parseMarker(archive: string): Promise<v.InferOutput<typeof markerSchema> | undefined> {
  const path = markerFile(archive);
  const bytes = await readWhole(path);
  if (bytes === undefined) {
    return undefined;
  }
  try {
    return v.parse(markerSchema, JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw new DecampError("usage", `${path} is not what this version of decamp writes there.`, {
      hint: "Name another folder. If a newer decamp has made this archive, use that one.",
      data: { path: archive },
      cause,
    });
  }
}

/** An archive that was begun, and does not say by whom. */
const anyone = "";

/**
 * Whose archive a version without markers has begun here and not got as far as a manifest; undefined if that is not
 * certain. Nothing else may lie there, and something has to be what only decamp writes: a repository in its place, a
 * lock, or what says how to read an archive.
 *
 * @param isAllOlder whether all that lies in it `isOlder`
 */
async function begunBy(archive: string, isAllOlder: boolean): Promise<string | undefined> {
  if (!isAllOlder) {
    return undefined;
  }
  const snapshots = await listEntries(snapshotsFolder(archive));
  if (!snapshots.every(({ name, kind }) => kind === "folder" && snapshotName.test(name))) {
    return undefined;
  }
  for (const { name } of snapshots) {
    const did = await repositoryOwner(snapshotFile(archive, name, "repo"));
    if (did !== undefined) {
      return did;
    }
  }
  const isOurs = isLock(await textOf(lockFile(archive))) || isReadme(await textOf(readmeFile(archive)));
  return isOurs ? anyone : undefined;
}

const isOlder = ({ name, kind }: Entry): boolean => isOlderPart(name, kind);

async function textOf(path: string): Promise<string> {
  return new TextDecoder().decode(await readWhole(path));
}

function isLock(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return (
      isJsonObject(value) &&
      typeof value["pid"] === "number" &&
      typeof value["host"] === "string" &&
      typeof value["since"] === "string" &&
      /^[0-9a-f]{16}$/.test(String(value["token"]))
    );
  } catch {
    return false;
  }
}

/** Whom a repository is of, by its commit, which is not judged; undefined if there is none. */
async function repositoryOwner(path: string): Promise<string | undefined> {
  if ((await plainSize(path)) === undefined) {
    return undefined;
  }
  const car = openCarFile(path);
  try {
    const { BlockIndex } = await import("../repo/block-index.ts");
    const commit = decodeCbor((await inTurns(BlockIndex.slices(car.source), undefined)).commitBlock(), 8);
    const did = isCborMap(commit) ? commit["did"] : undefined;
    return typeof did === "string" && isDid(did) ? did : undefined;
  } catch (error) {
    if (isDecampError(error, "damaged", "limit-exceeded")) {
      return undefined;
    }
    throw error;
  } finally {
    car.close();
  }
}
