/** activate, deactivate-source and confirm: what is left after the point of no return needs only the new server. */

import { pastOf, readAnyIdentity, type AnyIdentity } from "../../account/web/any-identity.ts";
import { stateAt } from "../../account/places.ts";
import { livesAt } from "../../account/where.ts";
import { DecampError, expectedFailure, isDecampError } from "../../errors.ts";
import { takeBackArrived } from "../arrived.ts";
import { writeCertificate } from "../certificate-file.ts";
import { handleFromOutside } from "../checks/handle-outside.ts";
import { closeOld } from "../checks/two-copies.ts";
import type { Context, Step } from "../context.ts";
import { noteLeftOut } from "../left-out.ts";
import { signInToSource, signInToTarget } from "../sign-in.ts";
import { isActiveThere, statusAtTarget } from "../checks/target-account.ts";
import { provedHead } from "./first-write.ts";
import { bringPreferencesAtLast } from "./import-preferences.ts";
import { bringLacking, lookBeforeClosing } from "./late-writes.ts";
import { proveOwedBlobs } from "./unseen/prove-blobs.ts";

/** At most so many blobs are asked for at the end, to spare the new server. */
const mostRecalled = 200;

export const activate: Step = {
  id: "activate",
  // Where the server does not say it to strangers, the step signs in and asks; where it said so too early, asks, too.
  done: async ({ target, identity, journal, signal }) =>
    journal.state.activeCopy !== true && (await stateAt(target, identity.did, signal)) === "active",
  run: async (context) => {
    const { target, signal } = context;
    if (!target.isSignedIn) {
      await signInToTarget(context);
    }
    await target.activate(signal);
    if (!(await isActiveThere(context, await statusAtTarget(context)))) {
      throw new DecampError("server-refused", `${target.host} did not activate the account.`, {
        hint: "Run the same command again.",
      });
    }
    return undefined;
  },
};

export const deactivateSource: Step = {
  id: "deactivate-source",
  done: async (context) => context.preferencesLeft?.again !== true && (await isInactive(context)),
  run: async (context) => {
    const { source, target, options, signal } = context;
    if (context.preferencesLeft?.again === true) {
      await bringPreferencesAtLast(context);
      if (await isInactive(context)) {
        return "it was already";
      }
    }
    try {
      if (!context.proved && context.lacking.length > 0 && options.bringLateWrites) {
        await bringLacking(context);
      }
      if (!context.proved) {
        const { lacking, lackingCount } = context;
        return keepSource(
          context,
          lacking.length > 0
            ? `${target.host} does not have ${lackingCount} of its records, such as ${lacking[0] ?? ""}`
            : `nothing here proves that ${target.host} has what it has`,
        );
      }
      if (!source.isSignedIn) {
        await signInToSource(context);
      }
      const why = (await proveOwedBlobs(context)) ?? (await lookBeforeClosing(context));
      if (why !== undefined) {
        return keepSource(context, why);
      }
      await closeOld(context);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (!isDecampError(error) || error.code === "interrupted") {
        throw error;
      }
      return keepSource(context, error.message);
    }
  },
};

async function isInactive({ source, identity, signal }: Context): Promise<boolean> {
  const state = await stateAt(source, identity.did, signal);
  return !["active", "unreachable", "unknown"].includes(state);
}

/** The old account stays active, and why. */
function keepSource(context: Context, why: string): string {
  const { source } = context;
  context.sourceStillActive = true;
  context.leave(
    "source-still-active",
    `The account at ${source.host} was not deactivated: ${why}${/[.!?]$/.test(why) ? "" : "."} Run the same command again, or deactivate it there by hand once you have seen that nothing is missing.`,
  );
  return "not done, and left to you";
}

export const confirm: Step = {
  id: "confirm",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { services, target, signal, identity } = context;
    const { did } = identity;
    const now = await readAnyIdentity(services, did, signal);
    if (!livesAt(pastOf(now), target.origin)) {
      throw new DecampError("refused", `The identity of ${did} does not name ${target.origin} any more.`);
    }
    const [status, handle] = await Promise.all([target.repoStatus(did, signal), seeHandle(context, now.handle)]);
    if (status?.active !== true) {
      throw new DecampError("server-refused", `${target.host} does not show the account as active.`);
    }
    await lookForRecalled(context);
    await confirmRepo(context, now);
    if (handle.warning !== undefined) {
      context.warn(...handle.warning);
    }
    context.newHandle = now.handle;
    return `${now.handle} at ${target.host}${handle.note === undefined ? "" : `. ${handle.note}`}`;
  },
};

/**
 * Asks whether blobs that an earlier run has left behind have arrived since, if they are not too many. Of the rest the
 * result says the same as before.
 */
async function lookForRecalled(context: Context): Promise<void> {
  const { missingBlobs, notMoved, leftIsRecalled, signal } = context;
  const count = missingBlobs.length + notMoved.size;
  if (!leftIsRecalled || count === 0 || count > mostRecalled) {
    return;
  }
  try {
    if ((await takeBackArrived(context, new Set())).size > 0) {
      await noteLeftOut(context);
    }
  } catch (error) {
    expectedFailure(error, signal);
  }
}

/**
 * A warning of a handle that does not lead to the account, or of which nobody can say. Only inside the server itself is
 * asked.
 */
async function seeHandle(
  context: Context,
  handle: string,
): Promise<{ readonly warning?: readonly [code: string, message: string]; readonly note?: string }> {
  const { target, identity, signal } = context;
  const { seen, message } = await handleFromOutside(context, handle);
  if (seen === "not-asked") {
    const leadsHere = (await target.resolveHandle(handle, signal)) === identity.did;
    const away = `By what ${target.host} says, the handle ${handle} does not lead to the account yet.`;
    return { note: message, ...(leadsHere ? {} : { warning: ["handle-unresolved", away] }) };
  }
  if (seen === "leads-here") {
    return {};
  }
  return { warning: [seen === "unreachable" ? "handle-unconfirmed" : "handle-unresolved", message] };
}

/**
 * The head on the new server is what was moved, or says the same with a signature of its own. Writes the certificate.
 */
async function confirmRepo(context: Context, now: AnyIdentity): Promise<void> {
  const { target, signal } = context;
  const manifest = context.hasSnapshot ? context.snapshot : await context.lastSnapshot();
  if (manifest === undefined) {
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
  if (now.log === undefined) {
    return; // it would rest on the log
  }
  context.certificate = await writeCertificate(context, now.log, newCommit);
  if (context.certificate === undefined) {
    context.warn(
      "no-certificate",
      `No certificate was written: ${context.source.host} has signed nothing since the account came to it, so nothing shows what it had.`,
    );
  }
}
