/**
 * What of an archive is not as its manifests say. An export looks at a part of the newest snapshot each time, so that
 * one that finds nothing new stays quick; with `--recheck` at everything.
 *
 * Which part is looked at follows from the time alone: an export of an account that has not changed writes nothing, so
 * it cannot note how far it came. Exports at any regular rhythm are spread evenly over all files.
 */

import { parseCid, type Cid } from "../../data/cid.ts";
import { isDecampError } from "../../errors.ts";
import { forEachConcurrent } from "../../services/concurrent.ts";
import { joinPath } from "../../services/disk/files.ts";
import { hashFile, type HashedFile } from "../../services/disk/hash-file.ts";
import { plainSize } from "../../services/disk/plain-entries.ts";
import { notPlain } from "../../services/disk/plain-file.ts";
import { blobFile, snapshotFolder } from "../layout.ts";
import type { ArchivedBlob, ArchivedFile, Manifest } from "../manifest.ts";
import { listStoredBlobs } from "../stored-blobs.ts";

/** How much of the newest snapshot an export looks at. */
export interface TurnBudget {
  /** Blobs whose sizes are compared. */
  readonly sizes: number;
  /**
   * Bytes that are hashed; the smallest file counts like one of 128 KiB. A file that alone has more is left to
   * `--recheck`.
   */
  readonly bytes: number;
}

/** To open a file takes as long as to hash so many bytes. */
const leastWeight = 128 << 10;

/** Of a smaller archive everything is looked at, each time. */
export const turnBudget: TurnBudget = { sizes: 2000, bytes: 64 << 20 };

/** So many files are read at once: the disk answers while others are hashed. */
const filesAtOnce = 8;

export interface Damage {
  /** Names of files that are missing or changed, by snapshot. */
  readonly files: ReadonlyMap<string, ReadonlySet<string>>;
  /** Blobs that are missing or changed. */
  readonly blobs: ReadonlySet<Cid>;
}

export const noDamage: Damage = { files: new Map(), blobs: new Set() };

export function isDamaged({ files, blobs }: Damage): boolean {
  return files.size > 0 || blobs.size > 0;
}

/**
 * Looks at the newest snapshot: whether all its files and blobs are there, at as many sizes as the budget has, and at
 * the content of as many files.
 *
 * @param now epoch milliseconds: whose turn it is
 * @throws DecampError `storage`, `unreadable-file`; the signal's reason
 */
export async function inspectNewest(
  archive: string,
  manifest: Manifest,
  { now, signal, budget = turnBudget }: { now: number; signal: AbortSignal; budget?: TurnBudget },
): Promise<Damage> {
  const turn = turnAt(now);
  const { cids } = await listStoredBlobs(archive);
  const blobs = new Set<Cid>();
  for (const { cid } of manifest.blobs) {
    if (!cids.has(cid) && (await plainSize(blobFile(archive, cid))) === undefined) {
      blobs.add(cid);
    }
  }
  for (const { cid, size } of inTurn(manifest.blobs, turn, budget.sizes, () => 1)) {
    if ((await plainSize(blobFile(archive, cid))) !== size) {
      blobs.add(cid);
    }
  }
  const files = new Set<string>();
  for (const [name, { size }] of Object.entries(manifest.files)) {
    if ((await plainSize(joinPath(snapshotFolder(archive, manifest.snapshot), name))) !== size) {
      files.add(name);
    }
  }
  await hashTurn(archive, manifest, { files, blobs }, turn, budget.bytes, signal);
  return { files: files.size === 0 ? new Map() : new Map([[manifest.snapshot, files]]), blobs };
}

/**
 * Proves every file of every snapshot, and every blob that one of them has, by their hashes.
 *
 * @throws DecampError `storage`, `unreadable-file`; the signal's reason
 */
export async function inspectAll(
  archive: string,
  manifests: readonly Manifest[],
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<Damage> {
  const damage = { files: new Map<string, Set<string>>(), blobs: new Set<Cid>() };
  for (const manifest of manifests) {
    const bad = new Set<string>();
    for (const [name, file] of Object.entries(manifest.files)) {
      const path = joinPath(snapshotFolder(archive, manifest.snapshot), name);
      const isGood =
        (await isGoodFile(path, file, signal)) &&
        (file.car === undefined || (await unpacksTo(file.car, archive, manifest, signal)));
      if (!isGood) {
        bad.add(name);
      }
    }
    if (bad.size > 0) {
      damage.files.set(manifest.snapshot, bad);
    }
  }
  const listed = new Set<Cid>();
  manifests.forEach(({ blobs }) => blobs.forEach(({ cid }) => listed.add(cid)));
  let done = 0;
  await forEachConcurrent(listed, filesAtOnce, signal, async (cid, either) => {
    if (!(await isGoodBlob(archive, cid, either))) {
      damage.blobs.add(cid);
    }
    done += 1;
    onProgress(done, listed.size);
  });
  return damage;
}

/** Whether a file is what its manifest says. */
export async function isGoodFile(
  path: string,
  { size, sha256 }: Pick<ArchivedFile, "size" | "sha256">,
  signal: AbortSignal,
): Promise<boolean> {
  const found = (await plainSize(path)) === size ? await hashStored(path, signal) : undefined;
  return typeof found === "object" && found.size === size && Buffer.from(found.sha256).toString("hex") === sha256;
}

/** Whether the compressed repository of a snapshot unpacks to what its manifest says. */
async function unpacksTo(
  { sha256 }: NonNullable<ArchivedFile["car"]>,
  archive: string,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<boolean> {
  const { hashCar, openSnapshotRepo } = await import("../open-repo.ts");
  try {
    const car = await openSnapshotRepo(archive, manifest, { signal });
    return await hashCar(car, signal)
      .then((found) => found.sha256 === sha256)
      .finally(() => car.close());
  } catch (error) {
    if (isDecampError(error, "damaged", "limit-exceeded")) {
      return false;
    }
    throw error;
  }
}

/** Whether a blob is there, and what its CID says. */
export async function isGoodBlob(archive: string, cid: Cid, signal: AbortSignal): Promise<boolean> {
  return (await provedSize(archive, cid, signal)) !== undefined;
}

/** The size in bytes of a blob that is there and what its CID says; else undefined. */
export async function provedSize(archive: string, cid: Cid, signal: AbortSignal): Promise<number | undefined> {
  const path = blobFile(archive, cid);
  const found = (await plainSize(path)) === undefined ? undefined : await hashStored(path, signal);
  return typeof found === "object" && Buffer.compare(found.sha256, parseCid(cid).digest) === 0 ? found.size : undefined;
}

/**
 * Hashes a file of the archive; undefined if it is gone, `unreadable` if the disk cannot read it any more, or it is no
 * plain file.
 */
export async function hashStored(path: string, signal: AbortSignal): Promise<HashedFile | "unreadable" | undefined> {
  try {
    return await hashFile(path, signal);
  } catch (error) {
    const reason = isDecampError(error, "unreadable-file") ? error.data["reason"] : undefined;
    if (reason === "ENOTDIR") {
      return undefined;
    }
    if (reason === "EIO" || reason === "ELOOP" || reason === notPlain) {
      return "unreadable";
    }
    throw error;
  }
}

type Item = { readonly name: string; readonly file: ArchivedFile } | { readonly blob: ArchivedBlob };

/** Hashes the files whose turn it is, and adds what is bad. What is bad by its size needs no hash. */
async function hashTurn(
  archive: string,
  { snapshot, files, blobs }: Manifest,
  bad: { readonly files: Set<string>; readonly blobs: Set<Cid> },
  turn: number,
  budget: number,
  signal: AbortSignal,
): Promise<void> {
  const items: Item[] = [
    ...Object.entries(files)
      .filter(([name]) => !bad.files.has(name))
      .map(([name, file]) => ({ name, file })),
    ...blobs.filter(({ cid }) => !bad.blobs.has(cid)).map((blob) => ({ blob })),
  ].filter((item) => weightOf(item) <= budget);
  await forEachConcurrent(inTurn(items, turn, budget, weightOf), filesAtOnce, signal, async (item, either) => {
    if ("blob" in item) {
      const { cid, size } = item.blob;
      if ((await provedSize(archive, cid, either)) !== size) {
        bad.blobs.add(cid);
      }
    } else if (!(await isGoodFile(joinPath(snapshotFolder(archive, snapshot), item.name), item.file, either))) {
      bad.files.add(item.name);
    }
  });
}

function weightOf(item: Item): number {
  return Math.max(leastWeight, "blob" in item ? item.blob.size : item.file.size);
}

const hour = 3_600_000;
const goldenRatio = (1 + Math.sqrt(5)) / 2;

/**
 * Where a turn begins, from 0 to below 1: the hour times an irrational number, without the whole part. These values are
 * spread evenly whatever the step is, so exports every day or every week come to every file.
 *
 * @param now epoch milliseconds
 */
export function turnAt(now: number): number {
  return (Math.floor(now / hour) * goldenRatio) % 1;
}

/**
 * The items whose turn it is: from a place in the ring of all on, for as long as their weights are within the budget.
 *
 * @param turn where to begin, as a share of all weights
 */
export function* inTurn<T>(
  items: readonly T[],
  turn: number,
  budget: number,
  weightOf: (item: T) => number,
): Generator<T> {
  const total = items.reduce((sum, item) => sum + weightOf(item), 0);
  if (total <= budget) {
    yield* items;
    return;
  }
  let first = 0;
  for (let before = 0; first < items.length; first += 1) {
    before += weightOf(items[first]!);
    if (before > turn * total) {
      break;
    }
  }
  let left = budget;
  for (let step = 0; step < items.length; step += 1) {
    const item = items[(first + step) % items.length]!;
    left -= weightOf(item);
    if (left < 0) {
      return;
    }
    yield item;
  }
}
