/** Taking a restore back, before the identity names the new server: the old signing key, and nothing left there. */

import { carryOut } from "../../account/change.ts";
import { timeAtDirectory } from "../../account/directory-time.ts";
import { findIdentity } from "../../account/find.ts";
import { signByKey } from "../../account/sign-by-key.ts";
import { livesAt, whereIs } from "../../account/where.ts";
import { openSnapshot } from "../../archive/open.ts";
import { DecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { parseAccount } from "../../identity/names.ts";
import { editOperation } from "../../plc/edit.ts";
import { judgeOperation } from "../../plc/judge.ts";
import { contentOf, rotationKeysOf } from "../../plc/operation.ts";
import { predecessorAt } from "../../plc/place.ts";
import { removeFile } from "../../services/disk/plain-entries.ts";
import type { Answers } from "../answers.ts";
import { confirmDeletion, removeFromTarget, type CancelResult } from "../cancel.ts";
import { Context, endSessions, type MigrationServices } from "../context.ts";
import type { Report } from "../events.ts";
import { lockAccount, openJournal, removeJournal, temporaryKeyFile } from "../journal.ts";
import { asMove, type RestoreOptions } from "./restore-options.ts";
import { lastOwnKey } from "./swap.ts";

/** What was taken back. */
export interface CancelledRestore {
  readonly did: string;
  readonly handle: string;
  /** Origin of the new server. */
  readonly target: string;
  readonly targetAccount: CancelResult["targetAccount"];
  /** CID of the operation that put the old signing key back; unset where the identity named no temporary key. */
  readonly operation?: string;
}

/**
 * Takes a restore back. The identity first: from then on the old server's commits count again.
 *
 * @throws DecampError `refused` if the identity names the new server already, `target-in-use`; and what signing,
 *   submitting and signing in throw
 */
export async function cancelRestore(
  options: RestoreOptions,
  services: MigrationServices,
  answers: Answers,
  report: Report,
  signal: AbortSignal,
): Promise<CancelledRestore> {
  const { allowPrivateHosts, stateDir } = options;
  const target = parseServerUrl(options.to, { allowPrivateHosts });
  const { archive, manifest } = await openSnapshot(options.archive);
  const { did } = manifest;
  const unlock = await lockAccount(stateDir, did, services.lockOwner, services.now());
  const move = asMove(options, archive, did);
  const context = new Context({ options: move, services, answers, report, signal, targetOrigin: target });
  try {
    const cancelled = await takeBack(context);
    await removeJournal(stateDir, did, target);
    return cancelled;
  } finally {
    await unlock();
  }
}

async function takeBack(context: Context): Promise<CancelledRestore> {
  try {
    return await putBackAll(context);
  } finally {
    await endSessions(context);
  }
}

async function putBackAll(context: Context): Promise<CancelledRestore> {
  const { options, services, signal, targetOrigin: target } = context;
  const { stateDir } = options;
  const identity = await findIdentity(services, parseAccount(options.account), { past: true }, signal);
  const { did, handle, log } = identity;
  if (livesAt(log, target)) {
    throw new DecampError("refused", `The identity of ${did} names ${target} already. This cannot be cancelled.`, {
      hint: "To go on, run the restore again. To take back the change of the identity:",
      data: { next: ["plc", "undo", did] },
    });
  }
  context.identity = identity;
  context.target = services.openPds(target);
  context.journal = await openJournal(stateDir, did, target);
  if (context.journal.state.restore !== true) {
    throw new DecampError("usage", `This machine knows of no restore of ${did} to ${target}.`, {
      hint: `What the identity says now: decamp plc history ${did}`,
    });
  }
  context.newHandle = context.journal.state.newHandle;
  const where = await whereIs(services, log, { source: undefined, target }, signal);
  await confirmDeletion(context, where);
  const operation = await putKeyBack(context);
  const targetAccount = where.livedAtTarget ? "kept" : await removeFromTarget(context);
  await removeFile(await temporaryKeyFile(stateDir, did));
  return { did, handle, target, targetAccount, ...(operation === undefined ? {} : { operation }) };
}

/** @returns CID of the operation; undefined if the identity does not name the temporary key */
async function putKeyBack(context: Context): Promise<string | undefined> {
  const { identity, journal, answers, services, report, signal, options } = context;
  const { did, handle, log, rawLog } = identity;
  const { temporaryKey } = journal.state;
  const { head } = log;
  if (temporaryKey === undefined || contentOf(head.operation)?.verificationMethods["atproto"] !== temporaryKey) {
    return undefined;
  }
  if (answers.rotationKey === undefined) {
    throw new TypeError("nobody has named the rotation key");
  }
  const signer = await answers.rotationKey(rotationKeysOf(head.operation));
  const held = [signer.didKey];
  const signingKey = lastOwnKey(log, temporaryKey);
  const operation = editOperation(head, { signingKey });
  const intent = { signingKey, userKeys: held, known: { user: held, signers: held } };
  const judgement = judgeOperation(log, operation, intent, timeAtDirectory(services));
  const { entry } = await carryOut(
    {
      services,
      answers: {
        ...answers,
        confirmIdentityChange: async (change) => answers.confirmIdentityChange({ ...change, purpose: "temporary-key" }),
      },
      signal,
      show: ({ judgement: { differences, facts } }) => report({ type: "identity", did, handle, differences, facts }),
    },
    { account: { did, handle, log, rawLog }, operation, judgement },
    { route: "directory", allowPrivateHosts: options.allowPrivateHosts },
    async () => signByKey(operation, signer, predecessorAt(judgement.place)),
  );
  return entry.cid;
}
