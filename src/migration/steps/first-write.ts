/**
 * first-write: after a move the head commit is still the one that the old server's key signed, until something is
 * written. One record, created and deleted again, makes the new server sign the same tree with its own key.
 */

import { extractCommit } from "../../repo/commit-proof.ts";
import { readIdentity } from "../../account/read-identity.ts";
import { proveDownload } from "../../archive/export/fetch-repo.ts";
import { DecampError } from "../../errors.ts";
import { signInToTarget } from "../sign-in.ts";
import type { Context, Step } from "../context.ts";

const collection = "example.decamp.firstWrite";

export const firstWrite: Step = {
  id: "first-write",
  applies: (options) => options.firstWrite,
  done: async (context) => (await provedHead(context)).signedHere,
  run: async (context) => {
    const { target, identity, services, signal } = context;
    if (!target.isSignedIn) {
      await signInToTarget(context);
    }
    const createdAt = new Date(services.now()).toISOString();
    await target.touchRepo(identity.did, collection, { $type: collection, createdAt }, signal);
    if (!(await provedHead(context)).signedHere) {
      throw new DecampError("refused", `${target.host} wrote a record, and did not sign the repository with its key.`, {
        hint: "Ask the operator of the new server why it does not sign.",
      });
    }
    return "signed with its own key";
  },
};

/**
 * The repository that the new server gives out, proved; and whether it is signed with the key that the identity names
 * now.
 */
export async function provedHead(
  context: Context,
): Promise<{ data: string; commitCar: Uint8Array; signedHere: boolean }> {
  const { target, identity, services, archive, signal } = context;
  const { did } = identity;
  const { log, document } = await readIdentity(services, did, signal);
  const expectation = { ...context.expectation, signingKeys: log.signingKeys };
  const download = await target.getRepo(did, signal);
  return proveDownload(archive, download, expectation, signal, async (source, { data, report }) => ({
    data,
    commitCar: await extractCommit(source, signal),
    signedHere: report.signingKey === document.signingKey,
  }));
}
