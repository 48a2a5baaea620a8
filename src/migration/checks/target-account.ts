/** What the new server says of the account to its owner: as much as it says, since some say little before an import. */

import { recommendedBy } from "../../account/plan-move.ts";
import type { RecommendedCredentials } from "../../plc/update.ts";
import type { AccountStatus } from "../../services/servers/pds.ts";
import { isOwnRefusal } from "../../services/servers/refusal.ts";
import type { Context } from "../context.ts";

/**
 * com.atproto.server.checkAccountStatus; undefined where the server refuses to say it.
 *
 * @throws DecampError what its answers throw, but for a refusal
 */
export async function statusAtTarget({
  target,
  signal,
}: Pick<Context, "target" | "signal">): Promise<AccountStatus | undefined> {
  return unlessRefused(async () => target.accountStatus(signal));
}

/**
 * The CID of the commit that the new server has; undefined where it shows none.
 *
 * @throws DecampError as `statusAtTarget`
 */
export async function headAtTarget(context: Context): Promise<string | undefined> {
  const { target, identity, signal } = context;
  return (
    (await statusAtTarget(context))?.repoCommit ??
    (await unlessRefused(async () => (await target.latestCommit(identity.did, signal)).cid))
  );
}

/**
 * Whether the new server has the account active: what it shows to everybody, and only where it shows nothing, what it
 * calls activated to the owner, since some call every account with records so.
 *
 * @throws DecampError what its answers throw, but for a refusal
 */
export async function isActiveThere(
  { target, identity, signal }: Pick<Context, "target" | "identity" | "signal">,
  status: AccountStatus | undefined,
): Promise<boolean> {
  const shown = await unlessRefused(async () => target.repoStatus(identity.did, signal));
  return shown?.active ?? status?.activated ?? false;
}

/**
 * What the new server says that the identity has to say, asked once in a run: a commit of its own is signed with that
 * key, the plan shows it, and the operation names it.
 *
 * @throws DecampError as `recommendedBy`
 */
export async function pinnedCredentials(context: Context): Promise<RecommendedCredentials> {
  const { target, identity, signal } = context;
  // A did:web has no rotation keys.
  context.recommended ??= await recommendedBy(target, { keysNeeded: identity.log !== undefined }, signal);
  return context.recommended;
}

async function unlessRefused<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isOwnRefusal(error)) {
      return undefined;
    }
    throw error;
  }
}
