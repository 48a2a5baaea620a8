/** preflight: every reason against the move that can be seen before anything is written. */

import { isSilent, requireState } from "../../account/places.ts";
import { homeBefore, staysOf, whereIs } from "../../account/where.ts";
import { pastOf } from "../../account/web/any-identity.ts";
import { requireArchiveFolder } from "../../archive/folder.ts";
import type { Manifest } from "../../archive/manifest.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { documentUrl } from "../../identity/names.ts";
import { isFutureRev } from "../../repo/commit.ts";
import { isStorageError } from "../../services/disk/files.ts";
import { isMissingMethod } from "../../services/servers/missing-method.ts";
import { checkClocks } from "../checks/clock.ts";
import { foresee } from "../checks/foresee.ts";
import { checkIdentity } from "../checks/identity.ts";
import { looksLikeMereCopy } from "../checks/mere-copy.ts";
import { requireOwnDid } from "../checks/own-did.ts";
import { checkRelay } from "../checks/relay-host.ts";
import { seeBefore } from "../checks/seen-by-others.ts";
import { requireSpace } from "../checks/space.ts";
import { requireLateProofWishes } from "../checks/unseen.ts";
import type { Context, Step } from "../context.ts";
import { chooseHandle, noteHandle } from "../handle.ts";
import { recallLeftOut } from "../left-out.ts";
import { journalFormat, lostJournal, openJournal } from "../journal.ts";
import { forecastUploads } from "../upload-quota.ts";

export const preflight: Step = {
  id: "preflight",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { services, targetOrigin, source } = context;
    context.target = services.openPds(targetOrigin);
    await (context.switched ? checkAfter(context) : checkBefore(context));
    context.skipBlobs = new Set(context.options.skipBlobs);
    if (!context.options.dryRun) {
      await begin(context);
    }
    const held = context.switched ? undefined : await context.lastSnapshot();
    warnOfLargeBlobs(context, held);
    context.forecast = await foresee(context, held);
    return `from ${source.host} to ${context.target.host}`;
  },
};

/** Before the identity changes: both servers, the account on both, and what stands in the way. */
async function checkBefore(context: Context): Promise<void> {
  const { options, targetOrigin, signal, source, target, identity } = context;
  requireLateProofWishes(context);
  await context.answers.lookAtFiles?.();
  const [description, sourceDescription] = await Promise.all([target.describe(signal), source.describe(signal)]);
  requireOwnDid(target.host, description, identity.did);
  context.targetDescription = description;
  await requireArchiveFolder(context.archive, identity.did);
  await requireSpace(context, 0);
  checkClocks(context);
  if (identity.log === undefined) {
    warnOfDocument(context);
  } else {
    checkIdentity({ identity, services: context.services, warn: context.warn });
  }
  if (sourceDescription.did === description.did) {
    throw new DecampError("same-server", `${source.origin} and ${targetOrigin} are the same server.`);
  }
  const isThere = await askServers(context);
  if (!isThere) {
    await checkAdmission(context);
    forecastUploads(context, context.blobs ?? 0);
  }
  if (!options.dryRun) {
    context.journal = await openJournal(options.stateDir, identity.did, targetOrigin);
  }
  await chooseHandle(context, sourceDescription.availableUserDomains);
}

/**
 * What both servers say of the account; meanwhile its blobs are counted. However this ends, nobody counts any more
 * then.
 *
 * @returns whether the new server has the account already, from an earlier run
 */
async function askServers(context: Context): Promise<boolean> {
  const { services, targetOrigin, source, identity, signal } = context;
  const servers = { source: source.origin, target: targetOrigin };
  const over = new AbortController();
  const counted = countBlobs(context, AbortSignal.any([signal, over.signal]));
  counted.catch(() => undefined); // whoever waits for it gets the error
  try {
    context.where = await whereIs(services, pastOf(identity), servers, signal);
    const isThere = await checkAccounts(context);
    if ([context.where.source, context.where.target].some((place) => place !== undefined && isSilent(place))) {
      context.where = await whereIs(services, pastOf(identity), servers, signal); // by now it has answered
    }
    context.isFrozen = context.where.source?.state === "deactivated";
    const { head } = context.where.source ?? {};
    if (head !== undefined && isFutureRev(head.rev, services.now())) {
      context.warn(
        "future-rev",
        `The revision of the repository, ${head.rev}, lies in the future. The move goes on only with --accept-future-rev.`,
      );
    }
    await Promise.all([counted, checkRelay(context), seeBefore(context)]);
    return isThere;
  } finally {
    over.abort();
  }
}

/**
 * After it: the new server has to know the account. What the old one says holds nothing up.
 *
 * @throws DecampError `refused` if the new server does not have the account
 */
async function checkAfter(context: Context): Promise<void> {
  const { options, services, targetOrigin, signal, source, target, identity } = context;
  context.targetDescription = await target.describe(signal);
  checkClocks(context);
  context.newHandle = identity.handle;
  context.where = await whereIs(services, pastOf(identity), { source: source.origin, target: targetOrigin }, signal);
  const { state } = context.where;
  if (state === "switched-absent" && identity.log === undefined) {
    throw new DecampError("refused", `The identity names ${targetOrigin}, but that server does not have the account.`, {
      hint: `${source.origin} says of the account: ${context.where.source?.state ?? "nothing"}. To let the identity name it again, publish at ${documentUrl(identity.did)} the document that was there before.`,
      data: { reason: state, state },
    });
  }
  if (state === "switched-absent") {
    const { next, source: before } = context.where;
    const hint = `${source.origin} says of the account: ${before?.state ?? "nothing"}.`;
    throw new DecampError("refused", `The identity names ${targetOrigin}, but that server does not have the account.`, {
      hint:
        next === undefined
          ? `${hint} No rotation key is known that could let the identity name it again. decamp doctor ${identity.did} says what is left.`
          : `${hint} decamp plc history ${identity.did} shows which keys can let the identity name it again, and until when. To do so:`,
      data: { reason: state, state, ...(next === undefined ? {} : { next }) },
    });
  }
  if (!options.dryRun) {
    await openJournalAfter(context);
  }
}

/** Opens the journal after the switch: one that cannot be had holds nothing up. */
export async function openJournalAfter(context: Context): Promise<void> {
  const { options, identity, targetOrigin } = context;
  try {
    context.journal = await openJournal(options.stateDir, identity.did, targetOrigin);
  } catch (error) {
    if (!isStorageError(error) && !isDecampError(error, "unsupported", "unreadable-file")) {
      throw error;
    }
    context.warn("journal-lost", `The journal is left out of this: ${error.message}`);
    context.journal = lostJournal();
  }
}

/** What the new server wants before it makes an account. @throws DecampError `unsupported`, `input-needed` */
export async function checkAdmission(context: Context): Promise<void> {
  const { target, targetDescription, answers, options } = context;
  if (targetDescription.phoneVerificationRequired) {
    throw new DecampError(
      "unsupported",
      `${target.host} wants a phone number or a captcha. decamp cannot answer that.`,
      {
        hint: "Ask the operator of the new server to let this account in.",
      },
    );
  }
  if (targetDescription.inviteCodeRequired) {
    try {
      context.inviteCode = await answers.inviteCode({ host: target.host });
    } catch (error) {
      if (!options.dryRun || !isDecampError(error, "input-needed")) {
        throw error;
      }
      context.warn("invite-needed", `${target.host} takes no account without an invite code.`);
    }
  }
}

/** @returns whether the new server has the account already, from an earlier run */
async function checkAccounts(context: Context): Promise<boolean> {
  const { source, target, identity, where, signal } = context;
  const { did } = identity;
  const [there, here] = await Promise.all([
    requireState(source, did, where.source, signal),
    // One that cannot tell says so when the account is to be made.
    requireState(target, did, where.target, signal, { presume: true }),
  ]);
  if (there === "absent") {
    // A did:web has no rotation key that could do it.
    const before = identity.log === undefined ? undefined : homeBefore(identity.log);
    throw new DecampError("account-unavailable", `${source.host} does not have the account ${did}.`, {
      ...(before === undefined
        ? {}
        : {
            hint: `Before that the identity named ${before}. To let it name that server again, with a rotation key of yours:`,
          }),
      data: { host: source.host, did, ...(before === undefined ? {} : { next: ["plc", "undo", did] }) },
    });
  }
  if (there !== "active" && there !== "deactivated") {
    throw new DecampError("account-unavailable", `${source.host} says that the account is ${there}.`);
  }
  // Before anything is replaced there, it is looked at once more.
  if (here === "active" && !(await looksLikeMereCopy(context))) {
    throw new DecampError("target-in-use", `${target.host} has an active account ${did} already.`, {
      hint: "An import would replace what is there; decamp does not do that.",
    });
  }
  return here !== "absent";
}

/** How many blobs the old server lists, if it does. A deactivated account shows them only to its owner. */
async function countBlobs(context: Context, signal: AbortSignal): Promise<void> {
  const { source, identity } = context;
  let count = 0;
  try {
    for await (const cid of source.listBlobs(identity.did, signal)) {
      count += 1;
      context.sample.add(cid);
    }
    context.blobs = count;
  } catch (error) {
    if (!isDecampError(error, "server-refused") && !isMissingMethod(error)) {
      throw error;
    }
  }
}

/** What is different with a did:web, before it is too late to know. */
export function warnOfDocument({ identity, warn }: Pick<Context, "identity" | "warn">): void {
  const { did } = identity;
  warn(
    "did-web",
    `The identity of ${did} is the document at ${documentUrl(did)}. You publish the new one there yourself, and other servers may go on using the old one from their memory for up to a day. There is no recovery: whoever has that host has the account, and without it nobody can bring the account back.`,
  );
}

/** Begins a journal, unless the one that is there is of this move. */
async function begin(context: Context): Promise<void> {
  const { identity, source, targetOrigin, services, options } = context;
  if (!isOfThisMove(context)) {
    await context.note({
      type: "begin",
      format: journalFormat,
      did: identity.did,
      handle: context.oldHandle,
      source: source.origin,
      target: targetOrigin,
      at: new Date(services.now()).toISOString(),
      ...(options.archive === undefined ? {} : { archive: options.archive }),
      ...(context.seenBefore === undefined ? {} : { seen: context.seenBefore }),
    });
  }
  // Once the identity names the new server, nobody can be asked what was seen before.
  context.seenBefore = context.journal.state.seen ?? context.seenBefore;
  await noteHandle(context);
  await noteSigningKey(context);
  if (context.switched) {
    recallLeftOut(context);
  }
}

/** Writes down the signing key of a did:web: once the document names another, nothing shows that it was this one. */
export async function noteSigningKey(context: Context): Promise<void> {
  const { identity, journal } = context;
  const { signingKeys, temporaryKeys } = journal.state;
  const key = identity.log === undefined ? identity.document.signingKey : undefined;
  if (key !== undefined && key !== signingKeys?.[0] && temporaryKeys?.includes(key) !== true) {
    await context.note({ type: "signing-key", key });
  }
}

/** By an archive that is there already. What the account has now may be something else, so this stops nothing. */
export function warnOfLargeBlobs(context: Context, held: Manifest | undefined): void {
  const { targetDescription, target, skipBlobs, switched, warn } = context;
  const { blobUploadLimit: limit } = targetDescription;
  if (limit === undefined || switched) {
    return;
  }
  const large = held?.blobs.filter(({ cid, size }) => size > limit && !skipBlobs.has(cid));
  const [first] = large ?? [];
  if (large !== undefined && first !== undefined) {
    warn(
      "blobs-too-large",
      `${large.length} of the blobs in the archive are larger than the ${limit} bytes that ${target.host} takes, such as ${first.cid} (${first.size} bytes).`,
    );
  }
}

/**
 * Facts belong to one move: between these two servers, and with the operation that is still to come, or that has
 * brought the account to where it is.
 */
function isOfThisMove({ journal, identity, source, targetOrigin, switched }: Context): boolean {
  const { did, source: from, target, signed, published } = journal.state;
  if (did !== identity.did || from !== source.origin || target !== targetOrigin) {
    return false;
  }
  if (identity.log === undefined) {
    // Published, and the document names another server: this journal is of a move that lies behind.
    return switched || published !== true;
  }
  if (signed === undefined) {
    return true;
  }
  const arrival = staysOf(identity.log).at(-1)?.arrival.cid;
  const isInLog = identity.log.entries.some(({ cid }) => cid === signed.cid);
  return switched ? signed.cid === arrival || !isInLog : !isInLog;
}
