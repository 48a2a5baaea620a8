/**
 * An account that the new server calls active although the identity does not name that server. Some do so as soon as an
 * account is made. As long as it has nothing of its own, and has never lived there, it is a copy as any other: an
 * import may replace it, and it may be deleted.
 */

import { headAt } from "../../account/places.ts";
import { mayBeMereCopy, whereIs } from "../../account/where.ts";
import { pastOf } from "../../account/web/any-identity.ts";
import { readableManifests } from "../../archive/manifest.ts";
import { isDecampError } from "../../errors.ts";
import { emptyTree } from "../../repo/head.ts";
import type { Context } from "../context.ts";
import { headAtTarget } from "./target-account.ts";

/**
 * Whether what the new server has is nothing, or the tree that the old server has, or that of a snapshot in the
 * archive, and the log shows no stay there.
 *
 * @param unseen what a copy is of which the server shows nothing at all: whoever would delete it has to know that it is
 *   this move's
 * @throws DecampError what the new server's answers throw, but for a refusal
 */
export async function isMereCopy(context: Context, unseen = true): Promise<boolean> {
  const { services, target, source, identity, archive, signal } = context;
  const { did } = identity;
  const servers = { source: source.origin, target: target.origin };
  const where = await whereIs(services, pastOf(identity), servers, signal);
  if (where.livesAtTarget || where.livedAtTarget) {
    return false;
  }
  if ((await headAtTarget(context)) === undefined) {
    return unseen;
  }
  const there = await headAt(target, did, signal);
  if (there?.did !== did) {
    return false;
  }
  const trees = [emptyTree, where.source?.head?.data, ...(await snapshotsOf(archive, did))];
  return trees.includes(there.data);
}

/**
 * The same as far as anybody can see, and the archive shows: before anybody has signed in.
 *
 * @param where what both servers say
 */
export async function looksLikeMereCopy({
  where,
  archive,
  identity,
}: Pick<Context, "where" | "archive" | "identity">): Promise<boolean> {
  if (where.livedAtTarget) {
    return false;
  }
  const data = where.target?.head?.data;
  return (
    mayBeMereCopy(where.target, where.source) ||
    // What an earlier run has brought there, and the old server has more by now.
    (data !== undefined && (await snapshotsOf(archive, identity.did)).includes(data))
  );
}

/** Takes down that the server calls it active already. */
export async function noteActiveCopy(context: Context): Promise<void> {
  context.isActiveCopy = true;
  if (context.journal.state.activeCopy !== true) {
    await context.note({ type: "active-copy" });
  }
}

/** The tops of the archived trees; none from an archive that cannot be read. */
async function snapshotsOf(archive: string, did: string): Promise<readonly string[]> {
  try {
    return (await readableManifests(archive)).flatMap((one) => (one.did === did ? [one.data] : []));
  } catch (error) {
    if (!isDecampError(error)) {
      throw error;
    }
    return [];
  }
}
