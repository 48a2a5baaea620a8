/** Which blobs the new server misses: by its own list, or by what it does not give. */

import { isGenuineBlob } from "../archive/export/fetch-blobs.ts";
import type { ArchivedBlob } from "../archive/manifest.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { forEachConcurrent } from "../services/concurrent.ts";
import { isMissingMethod } from "../services/servers/missing-method.ts";
import type { Pds } from "../services/servers/pds.ts";
import type { Context } from "./context.ts";

/**
 * CIDs of the blobs that the new server misses. One that has no list of them is asked for each, which is said.
 *
 * @param needed the archived blobs that records refer to
 * @throws what the new server's answers throw
 */
export async function* missingThere(context: Context, needed: readonly ArchivedBlob[]): AsyncGenerator<string> {
  const { target, signal, warn } = context;
  let begun = false;
  try {
    for await (const cid of target.listMissingBlobs(signal)) {
      begun = true;
      yield cid;
    }
    return;
  } catch (error) {
    if (begun || !isMissingMethod(error)) {
      throw error;
    }
  }
  if (context.isUnseen) {
    throw new DecampError(
      "refused",
      `${target.host} neither shows the blobs that it has nor says which it misses: nothing shows that they are there.`,
      { hint: "Move to another server.", data: { reason: "hides-copy", host: target.host } },
    );
  }
  warn("no-missing-list", `${target.host} does not say which blobs it misses, so it is asked for each of them.`);
  yield* await notGivenBy(target, context.identity.did, needed, context);
}

/** A blob, and how long it may be (bytes). */
type Wanted = Pick<ArchivedBlob, "cid" | "size">;

/**
 * Asks a server for each of these blobs.
 *
 * @param how `uploads`: so many at once
 * @returns CIDs of those that it does not give as their CIDs say
 * @throws what its answers throw, but for a refusal of one blob
 */
export async function notGivenBy(
  pds: Pds,
  did: string,
  blobs: readonly Wanted[],
  { uploads, signal }: { readonly uploads: number; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const missing: string[] = [];
  await forEachConcurrent(blobs, uploads, signal, async (blob, either, busy) => {
    if (!(await isThere({ target: pds, identity: { did } }, blob, either, busy))) {
      missing.push(blob.cid);
    }
  });
  return missing;
}

/** Whether the new server gives a blob, as its CID says. @param busy called when the server has too much to do */
export async function isThere(
  { target, identity }: { readonly target: Pds; readonly identity: { readonly did: string } },
  blob: Wanted,
  signal: AbortSignal,
  busy: () => void,
): Promise<boolean> {
  try {
    return await isGenuineBlob(blob, await target.getBlob(identity.did, blob.cid, signal, busy));
  } catch (error) {
    // A 404 without a name says as much as a refusal; so does a refusal where the server leads to, and what goes on
    // without end in place of the blob.
    const { status, to } = isDecampError(error, "bad-answer") ? error.data : {};
    const code = Number(status);
    const isAbsent = code === 404 || (to !== undefined && code >= 400 && code < 500 && code !== 429);
    if (isAbsent || isDecampError(error, "server-refused", "limit-exceeded")) {
      return false;
    }
    throw error;
  }
}
