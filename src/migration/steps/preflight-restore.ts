/**
 * preflight, in a restore: the new server, the log, and whether the home of the account is really lost. A home that
 * lives and has something newer is not restored over.
 */

import { timeAtDirectory } from "../../account/directory-time.ts";
import { requireState } from "../../account/places.ts";
import { whereIs } from "../../account/where.ts";
import { pastOf } from "../../account/web/any-identity.ts";
import { DecampError } from "../../errors.ts";
import { operationsLeft } from "../../plc/check.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { signingKeyOf } from "../../plc/operation.ts";
import { checkClocks } from "../checks/clock.ts";
import { foreseeByArchive } from "../checks/foresee.ts";
import { checkIdentity } from "../checks/identity.ts";
import { requireOwnDid } from "../checks/own-did.ts";
import { checkRelay } from "../checks/relay-host.ts";
import type { Context, Step } from "../context.ts";
import { chooseHandle, noteHandle } from "../handle.ts";
import { recallLeftOut } from "../left-out.ts";
import { findJournal, journalFormat, openJournal } from "../journal.ts";
import { wholePath } from "../../services/disk/files.ts";
import { archiveSource } from "../account-source.ts";
import { handleDomains, warnOfHandle } from "../restore/handle-domains.ts";
import { showNewerAtHome, tellAge, tellNewerElsewhere } from "../restore/stale.ts";
import { takenBack } from "../restore/taken-back.ts";
import { requireNoMove } from "../restore/under-way.ts";
import { forecastUploads } from "../upload-quota.ts";
import { checkAdmission, noteSigningKey, openJournalAfter, warnOfDocument, warnOfLargeBlobs } from "./preflight.ts";
import { tryKeyAtHand } from "./open-key.ts";
import { restoringOf } from "../restore/restore-options.ts";

/** Two operations, one in the place of a hostile answer, and one to take it all back. */
const operationsAtMost = 4;

export const preflightRestore: Step = {
  id: "preflight",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { services, targetOrigin, identity, options, source } = context;
    context.target = services.openPds(targetOrigin);
    const { target, signal } = context;
    context.targetDescription = await target.describe(signal);
    requireOwnDid(target.host, context.targetDescription, identity.did);
    checkClocks(context);
    context.skipBlobs = new Set(options.skipBlobs);
    context.where = await whereIs(services, pastOf(identity), { source: source.origin, target: targetOrigin }, signal);
    if (!context.switched) {
      await checkBefore(context);
    }
    const { archive, snapshot } = context;
    context.from = archiveSource(archive, snapshot, {
      key: () => {
        const { temporaryKey } = restoringOf(context);
        if (temporaryKey === undefined) {
          throw new TypeError("nothing can be signed before there is a key");
        }
        return temporaryKey;
      },
      now: () => timeAtDirectory(services),
      onOther: (of) =>
        context.warn(
          "preferences-of-another-snapshot",
          `The snapshot has no preferences. Those of another one in the archive are taken, of ${of}.`,
        ),
    });
    if (context.switched) {
      context.newHandle = identity.handle;
    }
    if (!options.dryRun) {
      await (context.switched ? recall(context) : begin(context));
    } else if (!context.switched && context.kind === "plc") {
      await tryKeyAtHand(context);
    }
    warnOfLargeBlobs(context, context.switched ? undefined : await context.lastSnapshot());
    context.forecast = await foreseeByArchive(context, context.snapshot);
    return `from the archive to ${target.host}`;
  },
};

/** Before the identity names the new server. */
async function checkBefore(context: Context): Promise<void> {
  const { options, services, targetOrigin, signal, source, target, identity, snapshot } = context;
  const { did } = identity;
  await context.answers.lookAtFiles?.();
  if (source.origin === targetOrigin) {
    throw new DecampError("same-server", `The identity of ${did} names ${targetOrigin} already.`);
  }
  if (identity.log === undefined) {
    warnOfDocument(context);
  } else {
    checkIdentity({ identity, services, warn: context.warn });
    requireOperationsLeft(context, identity.log);
  }
  await checkHome(context);
  await tellNewerElsewhere(context);
  const there = await requireState(target, did, context.where.target, signal, { presume: true });
  if (there === "active") {
    throw (
      (identity.log === undefined ? undefined : takenBack(identity.log, targetOrigin, timeAtDirectory(services))) ??
      new DecampError("target-in-use", `${target.host} has an active account ${did} already.`, {
        hint: "An import would replace what is there; decamp does not do that.",
      })
    );
  }
  await checkRelay(context);
  if (there === "absent") {
    await checkAdmission(context);
    forecastUploads(context, snapshot.blobs.length);
  }
  context.blobs = snapshot.blobs.length;
  if (!options.dryRun) {
    context.journal = await openJournal(options.stateDir, did, targetOrigin);
  }
  const domains = await handleDomains(context);
  await chooseHandle(context, domains);
  warnOfHandle(context, domains);
}

/** @throws DecampError `rate-limited` if the directory would not take all operations of a restore in this hour */
function requireOperationsLeft(context: Context, log: VerifiedLog): void {
  const created = log.entries.map(({ createdAt }) => createdAt);
  const { hour } = operationsLeft(created, timeAtDirectory(context.services));
  // Once the temporary key is there, only the last one is left.
  const { earlierKeys = [], options: wished } = restoringOf(context);
  const isSwapped = earlierKeys.includes(signingKeyOf(log.head.operation) ?? "") && wished.nullify === undefined;
  const needed = isSwapped ? 1 : operationsAtMost;
  if (hour < needed) {
    throw new DecampError(
      "rate-limited",
      `The directory takes ${hour} more operations for this account in this hour, and ${needed === 1 ? "one is left to be made" : `a restore needs up to ${needed}`}.`,
      { hint: "Run the same command again in an hour.", data: { left: hour } },
    );
  }
}

/** @throws DecampError `refused` if the home has what the archive lacks, unless it is said to be lost */
async function checkHome(context: Context): Promise<void> {
  const { where, source, snapshot, identity, warn } = context;
  const home = where.source;
  const isThere = home?.state === "active" || home?.state === "deactivated";
  if (isThere && !restoringOf(context).options.homeIsLost) {
    requireNoMove(
      pastOf(identity),
      await findJournal(context.options.stateDir, identity.did, context.targetOrigin),
      source.origin,
    );
  }
  if (home === undefined || home.state !== "active") {
    await tellAge(context);
    return;
  }
  const { head } = home;
  const isNewer = head === undefined || head.rev > snapshot.rev;
  if (!isNewer) {
    warn(
      "home-lives",
      `${source.host} answers, and has the account active. A move takes it from there: decamp migrate.`,
    );
    return;
  }
  await tellAge(context);
  const what = await showNewerAtHome(context);
  if (!restoringOf(context).options.homeIsLost) {
    throw new DecampError(
      "refused",
      `${source.host} answers, has the account active, and has something newer than the archive. ${what}`,
      {
        hint: "Move the account from there. Only if that server is hostile, or you have lost all ways to sign in there, add --home-is-lost: what it has is then not believed.",
        data: {
          reason: "home-lives",
          home: source.origin,
          ...(head === undefined ? {} : { homeRev: head.rev }),
          archiveRev: snapshot.rev,
          next: ["migrate", identity.did],
        },
      },
    );
  }
  warn("home-is-newer", `${source.host} has the account, and something newer. ${what}`);
}

/** Takes up what an earlier run has written down, after the switch. */
async function recall(context: Context): Promise<void> {
  await openJournalAfter(context);
  recallLeftOut(context);
}

/** Begins a journal, unless the one that is there is of this restore. */
async function begin(context: Context): Promise<void> {
  const { identity, source, targetOrigin, services, journal } = context;
  const { state } = journal;
  // A later run may be started in another folder.
  const archive = wholePath(context.archive);
  if (state.restore !== true || state.source !== source.origin || state.archive !== archive) {
    await context.note({
      type: "begin",
      format: journalFormat,
      did: identity.did,
      handle: context.oldHandle,
      source: source.origin,
      target: targetOrigin,
      at: new Date(services.now()).toISOString(),
      archive,
      restore: true,
    });
  }
  await noteHandle(context);
  await noteSigningKey(context);
}
