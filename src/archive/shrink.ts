/**
 * Whether an account has lost much since it was archived before: more than a fifth of its records or blobs, or a
 * collection as a whole. Snapshots are compared by what their manifests count; no repository is read for it.
 *
 * A loss that comes bit by bit is a loss, too. So each count is compared with the largest one since it was last
 * reported, which is handed on from manifest to manifest: it does not matter which snapshots are still there.
 */

import type { Manifest, Most } from "./manifest.ts";

/** A collection that was never larger may vanish without a word. */
const smallestCollection = 20;

/** What has become fewer. Counts before and now. */
export interface Loss {
  readonly what: "records" | "blobs" | "collection";
  /** The name of the collection. */
  readonly collection?: string | undefined;
  readonly before: number;
  readonly now: number;
}

/** What is compared of a snapshot. */
export type Counted = Pick<Manifest, "records" | "collections" | "blobs" | "missing">;

export interface Shrinkage {
  readonly losses: readonly Loss[];
  /**
   * The snapshots that still have what was lost, oldest first: the newest one, and where it came bit by bit, the last
   * one that had all.
   */
  readonly holders: readonly string[];
  /** For the manifest of the new snapshot; undefined if nothing was ever more than it is now. */
  readonly most: Most | undefined;
}

/**
 * Compares a new snapshot with those before it.
 *
 * @param known all complete snapshots, oldest first
 */
export function findShrinkage(known: readonly Manifest[], now: Counted): Shrinkage {
  const last = known.at(-1);
  if (last === undefined) {
    return { losses: [], holders: [], most: undefined };
  }
  const blobs = blobCount(now);
  const before = {
    records: Math.max(last.records, last.most?.records ?? 0),
    blobs: Math.max(blobCount(last), last.most?.blobs ?? 0),
    collections: largest(last.collections, last.most?.collections ?? {}),
  };
  const lostRecords = lostMuch(before.records, now.records);
  const lostBlobs = lostMuch(before.blobs, blobs);
  const gone = Object.entries(before.collections).filter(
    ([name, count]) => count >= smallestCollection && (now.collections[name] ?? 0) === 0,
  );
  const losses: Loss[] = [
    ...(lostRecords ? [{ what: "records", before: before.records, now: now.records } as const] : []),
    ...(lostBlobs ? [{ what: "blobs", before: before.blobs, now: blobs } as const] : []),
    ...gone.map(([collection, count]) => ({ what: "collection", collection, before: count, now: 0 }) as const),
  ];
  const holders = new Set<string>();
  for (const { what, collection, before: most } of losses) {
    const countOf = (one: Counted): number =>
      what === "records" ? one.records : what === "blobs" ? blobCount(one) : (one.collections[collection ?? ""] ?? 0);
    holders.add(last.snapshot);
    if (countOf(last) < most) {
      const best = known.reduce((largest, one) => Math.max(largest, countOf(one)), 0);
      // One from before an earlier loss can have had more still, of other things.
      const holder = known.findLast((one) => countOf(one) >= Math.min(most, best));
      holders.add(holder?.snapshot ?? last.snapshot);
    }
  }
  const collections = Object.entries(before.collections).filter(
    ([name, count]) => count >= smallestCollection && (now.collections[name] ?? count) < count,
  );
  const most: Most = {
    ...(!lostRecords && before.records > now.records ? { records: before.records } : {}),
    ...(!lostBlobs && before.blobs > blobs ? { blobs: before.blobs } : {}),
    ...(collections.length === 0 ? {} : { collections: Object.fromEntries(collections) }),
  };
  return {
    losses,
    holders: known.map(({ snapshot }) => snapshot).filter((name) => holders.has(name)),
    most: Object.keys(most).length === 0 ? undefined : most,
  };
}

/** In half a sentence: "48 of 60 records, 3 of 4 blobs, all 25 of app.bsky.feed.like". */
export function lossText(losses: readonly Loss[]): string {
  return losses
    .map(({ what, collection, before, now }) =>
      what === "collection" ? `all ${before} of ${collection ?? ""}` : `${before - now} of ${before} ${what}`,
    )
    .join(", ");
}

/** The blobs that an account has: also those that its server does not give. */
function blobCount({ blobs, missing }: Counted): number {
  return blobs.length + missing.length;
}

/** Whether more than a fifth is gone. */
function lostMuch(before: number, now: number): boolean {
  return now * 5 < before * 4;
}

type Counts = Readonly<Record<string, number>>;

function largest(some: Counts, others: Counts): Counts {
  const names = new Set([...Object.keys(some), ...Object.keys(others)]);
  return Object.fromEntries([...names].map((name) => [name, Math.max(some[name] ?? 0, others[name] ?? 0)]));
}
