/**
 * first-write: after a move the head commit is still the one that the old server's key signed, until something is
 * written. One record, created and deleted again, makes the new server sign the same tree with its own key.
 */

import { extractCommit } from "../../repo/commit-proof.ts";
import { readAnyIdentity, signingKeysOf } from "../../account/web/any-identity.ts";
import { proveDownload } from "../../archive/export/fetch-repo.ts";
import { DecampError, expectedFailure } from "../../errors.ts";
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
 * The same for a did:web, also where nobody asks for it: its document names the new key alone, and no log says what
 * came before, so that nobody could prove a repository that the old key has signed. The move is done without it, too.
 */
export const firstWriteOfWeb: Step = {
  ...firstWrite,
  only: "web",
  applies: (options) => !options.firstWrite,
  done: async (context) => attempt(context, async () => firstWrite.done(context), false),
  run: async (context) => attempt(context, async () => firstWrite.run(context), "not done"),
};

async function attempt<T>(context: Context, work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { message } = expectedFailure(error, context.signal);
    context.leave(
      "unsigned-head",
      `${context.target.host} has not signed the repository with its own key so far: ${message} Until something is written there, nobody can prove it, an export neither.`,
    );
    return otherwise;
  }
}

/**
 * The repository that the new server gives out, proved; and whether it is signed with the key that the identity names
 * now.
 */
export async function provedHead(
  context: Context,
): Promise<{ data: string; commitCar: Uint8Array; signedHere: boolean }> {
  const { target, identity, services, archive, signal } = context;
  const { did } = identity;
  const now = await readAnyIdentity(services, did, signal);
  const { expectation: before } = context;
  const expectation = { ...before, signingKeys: [...signingKeysOf(now), ...(before.signingKeys ?? [])] };
  const download = await target.getRepo(did, signal);
  return proveDownload(archive, download, expectation, signal, async (source, { data, report }) => ({
    data,
    commitCar: await extractCommit(source, signal),
    signedHere: report.signingKey === now.document.signingKey,
  }));
}
