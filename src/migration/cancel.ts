/**
 * Takes back a move that has not changed the identity: the account on the new server is deleted, and the old one is
 * active again. Where the account has lived, nothing is deleted: that may be the way back.
 */

import { findAnyIdentity } from "../account/find.ts";
import { pastOf } from "../account/web/any-identity.ts";
import { isRememberedAt, isWebPast, type Past } from "../account/web/past.ts";
import { stateAt } from "../account/places.ts";
import { homeBefore, livesAt, requireHome, staysOf, whereIs, type Whereabouts, ownKeyFlag } from "../account/where.ts";
import { DecampError, isDecampError, withStanding } from "../errors.ts";
import { parseServerUrl } from "../identity/addresses.ts";
import { parseAccount } from "../identity/names.ts";
import { isMissingMethod } from "../services/servers/missing-method.ts";
import type { Answers } from "./answers.ts";
import { hostBehind } from "./checks/host-behind.ts";
import { Context, withArchivedHeads, type MigrationServices } from "./context.ts";
import type { Report } from "./events.ts";
import { findJournals, lockAccount, removeJournal, rememberedDids, type JournalState } from "./journal.ts";
import type { MigrateOptions } from "./options.ts";
import { signInToSource, signInToTarget } from "./sign-in.ts";
import { isMereCopy, looksLikeMereCopy } from "./checks/mere-copy.ts";
import { isActiveThere, statusAtTarget } from "./checks/target-account.ts";
import { withJournals } from "./web/recall.ts";

/** What came of cancelling a move. */
export interface CancelResult {
  readonly did: string;
  readonly handle: string;
  readonly source: string;
  readonly target: string;
  /**
   * `deleted` now; `absent` when there was none; `kept` where the account has lived; `left` at a server that deletes
   * none.
   */
  readonly targetAccount: "deleted" | "absent" | "kept" | "left";
  /** True when the account on the old server was deactivated, and is active again. */
  readonly reactivated: boolean;
}

/**
 * Cancels a move.
 *
 * @param options as for `migrate`; `to` may be left out (empty) when this machine knows of exactly one move that can be
 *   cancelled
 * @throws DecampError `refused` after the point of no return and for a server where the account has lived, `usage` when
 *   it is not clear which move is meant, `target-in-use` for a copy that is active, and what signing in throws
 */
export async function cancelMigration(
  options: MigrateOptions,
  given: MigrationServices,
  answers: Answers,
  report: Report,
  signal: AbortSignal,
): Promise<CancelResult> {
  const services = withArchivedHeads(given, options);
  const account = parseAccount(options.account);
  const { allowPrivateHosts, stateDir } = options;
  const from = options.from === undefined ? undefined : parseServerUrl(options.from, { allowPrivateHosts });
  const remembered = account.type === "handle" ? await rememberedDids(stateDir, account.handle) : [];
  const found = await findAnyIdentity(services, account, { from, remembered, past: true }, signal);
  const { did, handle } = found;
  const journals = await findJournals(stateDir, did);
  const identity = found.log === undefined ? withJournals(found, journals) : found;
  const past = pastOf(identity);
  const named =
    options.to === "" ? onlyTarget(options.account, past, journals) : parseServerUrl(options.to, { allowPrivateHosts });
  const target = (await hostBehind(services, past, named, signal))?.host ?? named;
  if (journals.some((journal) => journal.target === target && journal.restore === true) && !livesAt(past, target)) {
    throw new DecampError(
      "refused",
      `What was begun towards ${target} is a restore, which may have changed the identity.`,
      {
        hint: "To take it back:",
        data: {
          reason: "restore",
          next: ["restore", "cancel", did, ...(identity.log === undefined ? [] : ownKeyFlag)],
        },
      },
    );
  }
  const home = requireHome(past);
  // After the switch the old server is the one before.
  const isThere = livesAt(past, target);
  const source = isThere ? homeBefore(past) : home;
  const unlock = await lockAccount(stateDir, did, services.lockOwner, services.now());
  const context = new Context({ options, services: given, answers, report, signal, targetOrigin: target });
  let isDark = false;
  try {
    const where = await whereIs(services, past, { source, target }, signal);
    const frozen = where.source?.state === "deactivated";
    isDark = (isThere ? where.target : where.source)?.state === "deactivated";
    context.identity = identity;
    const isCopy = where.reversible || (await looksLikeMereCopy({ where, identity, archive: context.archive }));
    requireCancellable(where, { did, handle, target, past, isCopy });
    context.oldHandle = handle;
    const journal = journals.find((one) => one.target === target);
    context.newHandle = journal?.newHandle;
    context.isActiveCopy = journal?.activeCopy === true;
    context.source = services.openPds(home);
    context.target = services.openPds(target);
    await confirmDeletion(context, where);
    // The old server first: an account that is active in one place too many is better than one that is dark.
    if (frozen) {
      await signInToSource(context);
      await context.source.activate(signal);
      isDark = false;
    }
    const kept = where.target?.state === "absent" ? "absent" : "kept";
    const targetAccount = where.livedAtTarget ? kept : await removeFromTarget(context);
    await removeJournal(stateDir, did, target);
    return { did, handle, source: home, target, targetAccount, reactivated: frozen };
  } catch (error) {
    const dark = isDark ? " The account is deactivated there: nobody can see it." : "";
    throw isThere
      ? withStanding(error, "changed", `The identity of ${did} names ${home}${arrivedAt(past)}.${dark}`)
      : withStanding(error, "unchanged", `The identity of ${did} is unchanged, and names ${home}.${dark}`);
  } finally {
    await Promise.all(context.servers.map(async (pds) => pds.signOut()));
    await unlock();
  }
}

/** When the identity began to name the server that it names now. */
function arrivedAt(past: Past): string {
  return isWebPast(past) ? "" : ` since ${staysOf(past).at(-1)?.arrival.createdAt ?? ""}`;
}

/**
 * The one move that the journals know of and that is under way: a finished one is history. @throws DecampError `usage`
 */
function onlyTarget(name: string, past: Past, journals: readonly JournalState[]): string {
  const isMade = ({ signed, published = false }: JournalState): boolean =>
    isWebPast(past) ? published : past.entries.some(({ cid }) => cid === signed?.cid);
  const open = targetsOf(journals.filter((state) => !isMade(state) && state.undo === undefined));
  const [only, ...others] = open.length === 0 ? targetsOf(journals) : open;
  if (only === undefined || others.length > 0) {
    throw new DecampError(
      "usage",
      only === undefined
        ? `This machine knows of no move of ${name}.`
        : `There are several moves of ${name}: to ${[only, ...others].join(", ")}.`,
      { hint: "Name the new server with --to." },
    );
  }
  return only;
}

function targetsOf(journals: readonly JournalState[]): string[] {
  return journals.flatMap(({ target }) => (target === undefined ? [] : [target]));
}

/** @throws DecampError `refused` for what cannot be taken back like this, `target-in-use` */
function requireCancellable(
  where: Whereabouts,
  account: { did: string; handle: string; target: string; past: Past; isCopy: boolean },
): void {
  const { home, state, livedAtTarget } = where;
  const { target, past, isCopy } = account;
  if (where.livesAtTarget) {
    throw tooLate(where, account);
  }
  if (where.source?.state === "unreachable" || where.source?.state === "unknown") {
    throw new DecampError("unreachable", `${home ?? ""} does not say how the account is there.`, {
      hint: "As long as that is not known, nothing is deleted anywhere. Run the same command again later.",
      data: { state },
    });
  }
  if (["home-absent", "taken-down"].includes(state)) {
    throw new DecampError(
      "refused",
      `${home ?? ""} says of the account: ${where.source?.state ?? "nothing"}. The copy at ${target} may be the only one that is left.`,
      { hint: "Nothing is deleted then.", data: { state } },
    );
  }
  const isUnknown = isWebPast(past) && !isRememberedAt(past, target);
  if (livedAtTarget && isUnknown && where.target?.state !== "absent" && where.source?.state !== "deactivated") {
    throw new DecampError(
      "refused",
      `Nothing on this machine shows that a move has made what is at ${target}. A did:web keeps no past, so the account may have lived there.`,
      {
        hint: "decamp deletes nothing where an account may have lived. If it is only a copy, sign in there and delete it.",
        data: { state, reason: "lived-there" },
      },
    );
  }
  if (livedAtTarget && !isUnknown && where.source?.state !== "deactivated") {
    throw new DecampError(
      "refused",
      `The account has lived at ${target}, so what is there is no copy that a move has made.`,
      {
        hint: "A move that is finished is history: there is nothing to cancel. decamp deletes nothing where an account has lived.",
        data: { state, reason: "lived-there" },
      },
    );
  }
  if (where.target?.state === "active" && where.source?.state === "active" && !isCopy) {
    throw new DecampError("target-in-use", `The account at ${target} is active. It is not deleted.`, {
      hint: "Sign in there and deactivate it first, if it is the one that you do not want.",
      data: { state },
    });
  }
}

/** The account lives at the new server already: what there is in place of cancelling. */
function tooLate(
  { state, undo, source }: Whereabouts,
  { did, handle, target, past }: { did: string; handle: string; target: string; past: Past },
): DecampError {
  const isFinished = state === "moved" || state === "at-home";
  const goOn = isFinished ? "" : "Go on with the move. ";
  const until = undo?.until === undefined ? undefined : new Date(undo.until).toISOString();
  const status = ["migrate", "status", did];
  const canUndo = `${until === undefined ? "" : `Until ${until} `}${undo?.keys.join(" or ") ?? ""} can undo the change`;
  const noKey = isWebPast(past)
    ? "A did:web goes back by another move."
    : "The log shows no rotation key of yours that could take it back.";
  const message = !isFinished
    ? `The identity of ${handle} names ${target} already. This cannot be cancelled.`
    : source === undefined
      ? `${handle} lives at ${target}, and nothing shows a move that could be cancelled.`
      : `The move of ${handle} to ${target} is finished, and lies behind: there is nothing to cancel.`;
  return new DecampError("refused", message, {
    hint:
      undo === undefined
        ? `${goOn}${source === undefined ? "" : `${noKey} `}To see where the account stands:`
        : `${goOn}${canUndo}:`,
    data: {
      state,
      ...(until === undefined ? {} : { until }),
      undoKeys: undo?.keys ?? [],
      next: undo?.command ?? status,
    },
  });
}

/** Says what will be deleted, and where, before anybody signs in. */
export async function confirmDeletion({ answers, identity, target }: Context, where: Whereabouts): Promise<void> {
  if (where.livedAtTarget || where.target?.state === "absent") {
    return;
  }
  await answers.confirmDeletion?.({ did: identity.did, handle: identity.handle, host: target.host });
}

/** Deletes the account on the new server, which needs its password and a mailed code. An active one is not touched. */
export async function removeFromTarget(context: Context): Promise<CancelResult["targetAccount"]> {
  const { target, identity, answers, signal, newHandle } = context;
  const state = await stateAt(target, identity.did, signal);
  if (state === "absent") {
    return "absent";
  }
  const { email } = await signInToTarget(context);
  if (
    (await isActiveThere(context, await statusAtTarget(context))) &&
    !(await isMereCopy(context, context.isActiveCopy))
  ) {
    throw new DecampError("target-in-use", `The account at ${target.host} is active. It is not deleted.`, {
      hint: "Nothing on this machine shows that it is only the copy that a move has made. Sign in there, and look at it first.",
    });
  }
  const password = await answers.targetPassword({ handle: newHandle ?? identity.handle, host: target.host });
  try {
    await target.requestAccountDelete(signal);
  } catch (error) {
    if (isMissingMethod(error)) {
      return "left"; // a server of one account, which its owner runs
    }
    throw error;
  }
  let again: string | undefined;
  for (let count = 1; ; count += 1) {
    const token = await answers.deletionCode({
      host: target.host,
      ...(email === undefined ? {} : { email }),
      ...(again === undefined ? {} : { again }),
    });
    try {
      await target.deleteAccount({ did: identity.did, password, token: token.trim() }, signal);
      return "deleted";
    } catch (error) {
      if (!isDecampError(error, "plc-token-refused") || !answers.canAskAgain || count >= 5) {
        throw error;
      }
      again = error.message;
      if (/expired/.test(again)) {
        await target.requestAccountDelete(signal);
        again = `${again} A new one is on its way.`;
      }
    }
  }
}
