/**
 * The account that is on the new server from an earlier try: an import replaces its repository, so that has to be an older state
 * of the same one.
 */

import { describeDownload } from "../../archive/fetch-repo.ts";
import { readManifests } from "../../archive/manifest.ts";
import { DecampError } from "../../errors.ts";
import type { Context } from "../context.ts";

/**
 * @throws DecampError `target-in-use` if the account is active, holds the repository of another account, or one that is newer
 *   than what is to be imported
 */
export async function requireReplaceable(context: Context): Promise<void> {
  const { target, identity, snapshot, archive, signal } = context;
  const { host } = target;
  const status = await target.accountStatus(signal);
  if (status.activated && !(context.switched && status.records === 0)) {
    throw new DecampError("target-in-use", `${host} has this account already, and it is active there.`, {
      hint: "An import would replace what is there; decamp does not do that.",
    });
  }
  const ours = [snapshot, ...(await readManifests(archive))].some(({ commit }) => commit === status.repoCommit);
  if (status.records === 0 || ours) {
    return;
  }
  const there = await describeDownload(archive, await target.getRepo(identity.did, signal), signal);
  if (there.did !== identity.did) {
    throw new DecampError(
      "target-in-use",
      `${host} has this account already, with the repository of another one in it: ${there.did ?? "nobody knows whose"}.`,
      {
        hint: `Take that account away with decamp migrate cancel, or ask the operator of ${host} to do so; then run the same command again.`,
        data: { host, found: there.did },
      },
    );
  }
  if (there.rev !== undefined && there.rev > snapshot.rev) {
    throw new DecampError(
      "target-in-use",
      `${host} has this account already, with a newer repository (${there.rev}) than your old server (${snapshot.rev}).`,
      {
        hint: "An import would take back what was written there. Find out which of the two is the one that you want.",
        data: { host, there: there.rev, here: snapshot.rev },
      },
    );
  }
}
