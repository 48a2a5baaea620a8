/**
 * Takes back a move that has not changed the identity: the account on the new server is deleted, and the old one is active
 * again. After the point of no return there is nothing that this could take back safely, and it says what there is instead.
 */

import { findIdentity } from "../account/find.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { parseAccount, parseServerUrl } from "../identity/syntax.ts";
import { recoveryWindow } from "../plc/log.ts";
import { takeLock } from "../services/lock.ts";
import type { Answers } from "./answers.ts";
import { Context, type MigrationServices } from "./context.ts";
import type { Report } from "./events.ts";
import { findJournals, lockPath, removeJournal } from "./journal.ts";
import type { MigrateOptions } from "./options.ts";
import { signInToSource, signInToTarget } from "./sign-in.ts";
import { stateAt } from "./status.ts";

export interface CancelResult {
  readonly did: string;
  readonly handle: string;
  readonly source: string;
  readonly target: string;
  /** `deleted` now; `absent` when there was none. */
  readonly targetAccount: "deleted" | "absent";
  /** True when the account on the old server was deactivated for the move, and is active again. */
  readonly reactivated: boolean;
}

/**
 * Cancels a move.
 *
 * @param options as for `migrate`; `to` may be left out (empty) when this machine knows of exactly one move
 * @throws DecampError `refused` after the point of no return, `usage` when it is not clear which move is meant, and what
 *   signing in throws
 */
export async function cancelMigration(
  options: MigrateOptions,
  services: MigrationServices,
  answers: Answers,
  report: Report,
  signal: AbortSignal,
): Promise<CancelResult> {
  const account = parseAccount(options.account);
  const { allowPrivateHosts, stateDir } = options;
  const from = options.from === undefined ? undefined : parseServerUrl(options.from, { allowPrivateHosts });
  const journals = await findJournals(stateDir, account);
  const [only] = journals.length === 1 ? journals : [];
  const target = options.to === "" ? only?.target : parseServerUrl(options.to, { allowPrivateHosts });
  if (target === undefined) {
    throw new DecampError(
      "usage",
      journals.length === 0
        ? `This machine knows of no move of ${options.account}.`
        : `There are ${journals.length} moves of ${options.account}.`,
      { hint: "Name the new server with --to." },
    );
  }
  const journal = journals.find((state) => state.target === target);
  const identity = await findIdentity(services, account, { from, known: journal?.did }, signal);
  const unlock = await takeLock(lockPath(stateDir, identity.did), services.lockOwner, services.now());
  const context = new Context({ options, services, answers, report, signal, targetOrigin: target });
  try {
    if (identity.document.pds === target) {
      const until = new Date(Date.parse(identity.log.head.createdAt) + recoveryWindow).toISOString();
      throw new DecampError(
        "refused",
        `The identity of ${identity.handle} names ${target} already. This cannot be cancelled.`,
        {
          hint: `Go on with the move. Until ${until}, a rotation key of your own that stands above the server's can undo the change: decamp plc undo ${identity.did}.`,
          data: { until },
        },
      );
    }
    const source = from ?? journal?.source ?? identity.document.pds;
    if (source === undefined) {
      throw new DecampError("identity-invalid", `The DID document of ${identity.did} names no server.`);
    }
    context.identity = identity;
    context.oldHandle = identity.handle;
    context.newHandle = journal?.newHandle;
    context.source = services.openPds(source);
    context.target = services.openPds(target);
    // The old server first: an account that is active in one place too many is better than one that is dark.
    const reactivated = await reactivate(context, journal?.frozen === true);
    const targetAccount = await removeFromTarget(context);
    await removeJournal(stateDir, identity.did, target);
    return { did: identity.did, handle: identity.handle, source, target, targetAccount, reactivated };
  } finally {
    await Promise.all(context.servers.map(async (pds) => pds.signOut()));
    await unlock();
  }
}

async function reactivate(context: Context, frozen: boolean): Promise<boolean> {
  const { source, identity, signal } = context;
  if (!frozen || (await stateAt(source, identity.did, signal)) !== "deactivated") {
    return false;
  }
  await signInToSource(context);
  await source.activate(signal);
  return true;
}

/** Deletes the account on the new server, which needs its password and a mailed code. An active one is not touched. */
async function removeFromTarget(context: Context): Promise<CancelResult["targetAccount"]> {
  const { target, identity, answers, signal, newHandle } = context;
  const state = await stateAt(target, identity.did, signal);
  if (state === "absent") {
    return "absent";
  }
  const { email } = await signInToTarget(context);
  if ((await target.accountStatus(signal)).activated) {
    throw new DecampError("target-in-use", `The account at ${target.host} is active. It is not deleted.`);
  }
  const password = await answers.targetPassword({ handle: newHandle ?? identity.handle, host: target.host });
  await target.requestAccountDelete(signal);
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
      if (!isDecampError(error, "server-refused") || !answers.canAskAgain || count >= 5) {
        throw error;
      }
      again = error.message;
    }
  }
}
