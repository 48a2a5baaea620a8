/** activate, deactivate-source and confirm: what is left after the point of no return needs only the new server. */

import { readIdentity, type Identity } from "../../account/read-identity.ts";
import { readManifests } from "../../archive/manifest.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { writeCertificate } from "../certificate-file.ts";
import type { Context, Step } from "../context.ts";
import { signInToSource, signInToTarget } from "../sign-in.ts";
import { provedHead } from "./first-write.ts";

export const activate: Step = {
  id: "activate",
  done: async ({ target, identity, signal }) => (await target.repoStatus(identity.did, signal))?.active === true,
  run: async (context) => {
    const { target, signal } = context;
    if (!target.isSignedIn) {
      await signInToTarget(context);
    }
    await target.activate(signal);
    if (!(await target.accountStatus(signal)).activated) {
      throw new DecampError("server-refused", `${target.host} did not activate the account.`, {
        hint: "The identity names the new server already, so finish this soon: run the same command again.",
      });
    }
    return undefined;
  },
};

export const deactivateSource: Step = {
  id: "deactivate-source",
  done: async ({ source, identity, signal }) => {
    try {
      const status = await source.repoStatus(identity.did, signal);
      return status === undefined || !status.active;
    } catch (error) {
      return notOurs(error, signal);
    }
  },
  run: async (context) => {
    const { source, signal } = context;
    try {
      if (!source.isSignedIn) {
        await signInToSource(context);
      }
      await source.deactivate(signal);
      return undefined;
    } catch (error) {
      notOurs(error, signal);
      context.sourceStillActive = true;
      context.warn(
        "source-still-active",
        `The account at ${source.host} could not be deactivated: ${isDecampError(error) ? error.message : ""} Run the same command again, or deactivate it by hand.`,
      );
      return "refused, and left to you";
    }
  },
};

export const confirm: Step = {
  id: "confirm",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { services, target, signal, identity } = context;
    const { did } = identity;
    const now = await readIdentity(services, did, signal);
    if (now.document.pds !== target.origin) {
      throw new DecampError("refused", `The DID document of ${did} does not name ${target.origin}.`);
    }
    const [status, named] = await Promise.all([
      target.repoStatus(did, signal),
      target.resolveHandle(now.handle, signal),
    ]);
    if (status?.active !== true) {
      throw new DecampError("server-refused", `${target.host} does not show the account as active.`);
    }
    await confirmRepo(context, now);
    if (named !== did) {
      context.warn("handle-unresolved", `The handle ${now.handle} does not lead to the account yet.`);
    }
    context.newHandle = now.handle;
    return `${now.handle} at ${target.host}`;
  },
};

/** The head on the new server is what was moved, or says the same with a signature of its own. Writes the certificate. */
async function confirmRepo(context: Context, now: Identity): Promise<void> {
  const { target, archive, signal } = context;
  const manifest = context.hasSnapshot ? context.snapshot : (await readManifests(archive)).at(-1);
  if (manifest === undefined || manifest.did !== now.did) {
    return; // finished without the archive: there is nothing to compare with
  }
  context.snapshot = manifest;
  let newCommit: Uint8Array | undefined;
  const head = await target.latestCommit(now.did, signal);
  if (head.cid !== manifest.commit) {
    const proved = await provedHead(context);
    if (proved.data !== manifest.data) {
      context.warn("head-differs", `The head on ${target.host} is ${head.cid} by now: something was written there.`);
      return;
    }
    newCommit = proved.signedHere ? proved.commitCar : undefined;
  }
  await writeCertificate(context, now.log, newCommit);
}

/** False for an expected failure of the old server, which does not count any more; everything else is thrown. */
function notOurs(error: unknown, signal: AbortSignal): false {
  signal.throwIfAborted();
  if (!isDecampError(error)) {
    throw error;
  }
  return false;
}
