/**
 * Whether the new server has the repository that was moved. Its commit need not be the same: some servers write one of
 * their own over what they import, signed with the account's key there. What stays is the top of the tree, the DID, and
 * a signature by a key that may sign (spec: Repository, "Commit Objects").
 */

import type { ProvedRepo } from "../../archive/export/fetch-repo.ts";
import type { Head } from "../../repo/head.ts";
import type { Context } from "../context.ts";
import { headAtTarget } from "./target-account.ts";
import { headOrHidden, isHeadOf } from "./unseen.ts";

/** What is looked for. A commit of the server's own is not older. */
export type Wanted = Pick<Head, "commit" | "data" | "rev">;

/**
 * Whether the head at the new server is this repository: by its commit, or by the top of its tree and a revision that
 * is not older, as where the account has lived before. Who signed a commit of the server's own is proved by `compare`.
 *
 * @throws DecampError what its answers throw
 */
export async function isAtTarget(context: Context, wanted: Wanted): Promise<boolean> {
  const commit = await headAtTarget(context);
  if (commit === undefined || commit === wanted.commit) {
    return commit !== undefined;
  }
  const head = await headOrHidden(context);
  if (head === "hidden") {
    return isHeadOf(context, wanted, commit);
  }
  return head?.did === context.identity.did && head.data === wanted.data && head.rev >= wanted.rev;
}

/**
 * Why what the new server gives out, proved, is not what was moved; undefined if it is.
 *
 * @param wanted the snapshot that was moved
 */
export function whyNotSame(
  there: Pick<ProvedRepo, "commit" | "data" | "records" | "rev">,
  wanted: Pick<ProvedRepo, "commit" | "data" | "records" | "rev">,
): string | undefined {
  if (there.data !== wanted.data || there.records !== wanted.records) {
    return `its repository is at ${there.commit}, not at ${wanted.commit}`;
  }
  if (there.commit !== wanted.commit && there.rev < wanted.rev) {
    return `its commit ${there.commit} has the revision ${there.rev}, which is older than ${wanted.rev}`;
  }
  return undefined;
}
