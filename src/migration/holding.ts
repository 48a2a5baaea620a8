/**
 * Whether the new server has what the old one has, where the identity names the new one already: because the move was
 * interrupted there, or because somebody changed the identity by other means, before any data was there. The old
 * account may be deactivated only when this is proved.
 *
 * Asked in this order, and the first that settles it counts: the tops of both trees (the same `data` is the same
 * records); what the journal of exactly this operation says was proved before it; and at last every record of both.
 */

import { staysOf } from "../account/where.ts";
import { withRepo } from "../archive/open-repo.ts";
import { DecampError, expectedFailure } from "../errors.ts";
import { emptyTree, type Head } from "../repo/head.ts";
import type { RepoSource } from "../repo/source.ts";
import { compareRepos, withOld, withThere } from "./checks/two-copies.ts";
import { headOrHidden, owesProof, saidOfCopy } from "./checks/unseen.ts";
import type { Context } from "./context.ts";
import { signInToTarget } from "./sign-in.ts";

export type Holding =
  /** It has every record that the old server, or the archive, has. */
  | { readonly kind: "proved" }
  /** It has nothing, or lacks some of it: how many records, as far as is known, and the paths of the first ones. */
  | {
      readonly kind: "lacking";
      readonly paths: readonly string[];
      readonly count: number;
      readonly isEmpty: boolean;
    }
  /** There is nothing to compare it with: the old server does not give out what it has, and no archive has the same. */
  | { readonly kind: "unknown" };

/**
 * Finds out what the new server has. Signs in there if the account is not active.
 *
 * @param options `isFresh`: its head has changed since this run has asked where the account is
 * @throws DecampError what signing in and the new server's answers throw; what the old server answers stops nothing
 */
export async function findHolding(context: Context, options: { readonly isFresh?: boolean } = {}): Promise<Holding> {
  const { where, target, identity } = context;
  const { did } = identity;
  if (where.target?.state !== "active" && !target.isSignedIn) {
    await signInToTarget(context);
  }
  const there = (options.isFresh === true ? undefined : where.target?.head) ?? (await headOrHidden(context));
  if (there === "hidden") {
    const said = await saidOfCopy(context);
    if (said === undefined || said.records === 0) {
      return { kind: "lacking", paths: [], count: 0, isEmpty: true };
    }
    // It is proved once it is active, also where the journal was lost that would say so.
    await context.note({ type: "compared", commit: said.head, unseen: true });
    return { kind: "unknown" };
  }
  if (there === undefined) {
    throw new DecampError("bad-answer", `${target.host} does not give out the commit that it names as its head.`);
  }
  if (there.did !== did) {
    throw new DecampError(
      "target-in-use",
      `The identity names ${target.host}, and what that server has of it is the repository of another account, ${there.did}.`,
      {
        hint:
          identity.log === undefined
            ? "Ask the operator of the new server to take that repository away."
            : "Ask the operator of the new server to take that repository away. Or let the identity name the old server again:",
        data: {
          host: target.host,
          found: there.did,
          ...(identity.log === undefined ? {} : { next: ["plc", "undo", did] }),
        },
      },
    );
  }
  const old = await oldHead(context);
  if (old !== undefined && old.data === there.data) {
    return { kind: "proved" };
  }
  if (there.data === emptyTree) {
    return old === undefined && where.source?.state === "absent"
      ? { kind: "unknown" }
      : { kind: "lacking", paths: [], count: 0, isEmpty: true };
  }
  if (wasProved(context)) {
    return { kind: "proved" };
  }
  return compareRecords(context);
}

/** Whether the journal of the operation that brought the account here says that the data was proved before it. */
export function wasProved(context: Context): boolean {
  const { identity, journal, where } = context;
  const { signed, compared, document } = journal.state;
  if (identity.log === undefined) {
    // Until the document was published, hours may have gone by: what the old server has since counts.
    const isAsProved = where.source?.state !== "active" || where.source.head?.commit === compared;
    return compared !== undefined && document?.signingKey === identity.document.signingKey && isAsProved;
  }
  return !owesProof(context) && compared !== undefined && signed?.cid === staysOf(identity.log).at(-1)?.arrival.cid;
}

/** What the old server has: its own head where it shows it, else that of the newest snapshot. */
async function oldHead(context: Context): Promise<Pick<Head, "data"> | undefined> {
  const { source } = context.where;
  // An old server that is active and does not show its head may have more than the archive: then every record is
  // compared.
  return source?.head ?? (source?.state === "active" ? undefined : context.lastSnapshot());
}

/** Every record of both, proved. Only some paths are named: whoever brings the records compares both once more. */
async function compareRecords(context: Context): Promise<Holding> {
  const { where, archive, signal } = context;
  const compare = async (old: RepoSource): Promise<Holding> =>
    withThere(context, async (now) => {
      const { lacking } = await compareRepos(old, now, signal);
      return lacking.count === 0 ? { kind: "proved" } : { kind: "lacking", ...lacking, isEmpty: false };
    });
  if (where.source?.state === "active") {
    try {
      return await withOld(context, compare);
    } catch (error) {
      const { message } = expectedFailure(error, signal);
      context.warn("source-not-compared", `What your old server has could not be compared: ${message}`);
    }
  }
  const newest = await context.lastSnapshot();
  // The archive stands for an active old server only as long as that has the same tree.
  if (newest === undefined || (where.source?.state === "active" && where.source.head?.data !== newest.data)) {
    return { kind: "unknown" };
  }
  return withRepo(archive, newest, compare);
}
