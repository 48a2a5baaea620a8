/**
 * Blobs that are not to come along, or could not be had, and yet are on the new server: an earlier run brought them, or
 * the account has lived there. They are not left behind, and nothing is said of them.
 */

import { forEachConcurrent } from "../services/concurrent.ts";
import { BlobFailures } from "./blob-failures.ts";
import type { Context } from "./context.ts";
import { isThere } from "./missing-there.ts";

/**
 * Takes what the new server gives, as its CID says, from what the context has as left out.
 *
 * @param misses CIDs that the new server says it misses: they are not asked for
 * @returns the CIDs of those that are there
 * @throws what is about more than a blob: the server, the session, a limit
 */
export async function takeBackArrived(context: Context, misses: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const { missingBlobs, notMoved, signal } = context;
  const archived = [...notMoved.values()].filter((blob) => blob.archived);
  // Of a blob that the archive lacks, only the record tells the size, and that need not be true.
  const sizes = new Map(archived.map(({ cid, size }) => [cid, size]));
  const left = [...missingBlobs, ...notMoved.values()].filter(({ cid }) => !misses.has(cid));
  const arrived = new Set<string>();
  await forEachConcurrent(left, context.uploads, signal, async ({ cid }, either, busy) => {
    const blob = { cid, size: sizes.get(cid) ?? Number.POSITIVE_INFINITY, mimeType: "" };
    // A `BlobFailures` for each blob: many failures must not end the run, since these blobs were left out already.
    await new BlobFailures(context).attempt(blob, either, async () => {
      if (await isThere(context, blob, either, busy)) {
        arrived.add(cid);
      }
    });
  });
  context.missingBlobs = missingBlobs.filter(({ cid }) => !arrived.has(cid));
  for (const cid of arrived) {
    notMoved.delete(cid);
  }
  return arrived;
}
