/** A migration: the loop over the steps. The order of the list is the order of the move. */

import { readManifests } from "../archive/manifest.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { parseAccount, parseServerUrl } from "../identity/syntax.ts";
import { takeLock } from "../services/lock.ts";
import type { Answers } from "./answers.ts";
import { Context, type MigrationServices, type Step } from "./context.ts";
import type { MigrationPlan, MigrationResult, Report } from "./events.ts";
import { lockPath } from "./journal.ts";
import type { MigrateOptions } from "./options.ts";
import { pointOfNoReturn, stepTitle } from "./step-ids.ts";
import { requestToken, signOperation, submitOperation } from "./steps/change-identity.ts";
import { catchUp, compare } from "./steps/compare.ts";
import { createAccount } from "./steps/create-account.ts";
import { exportStep, verify } from "./steps/export.ts";
import { activate, confirm, deactivateSource } from "./steps/finish.ts";
import { firstWrite } from "./steps/first-write.ts";
import { freeze } from "./steps/freeze.ts";
import { importPreferences } from "./steps/import-preferences.ts";
import { importRepo } from "./steps/import-repo.ts";
import { lateWrites } from "./steps/late-writes.ts";
import { preflight } from "./steps/preflight.ts";
import { recoveryKey } from "./steps/recovery-key.ts";
import { resolve } from "./steps/resolve.ts";
import { signIn } from "./steps/sign-in.ts";
import { transferBlobs } from "./steps/transfer-blobs.ts";

/** Between the repetitions of a step after the point of no return (milliseconds). */
const pauses = [1000, 3000, 9000];

const steps: readonly Step[] = [
  resolve,
  preflight,
  signIn,
  freeze,
  exportStep,
  verify,
  createAccount,
  importRepo,
  transferBlobs,
  importPreferences,
  catchUp,
  compare,
  recoveryKey,
  requestToken,
  signOperation,
  submitOperation,
  activate,
  deactivateSource,
  lateWrites,
  firstWrite,
  confirm,
];

/**
 * Moves an account. Whatever interrupts it, the same call goes on: each step first asks the servers what holds already.
 *
 * @returns what was moved; with `dryRun` the state `planned`, with `until` the state `stopped`
 * @throws DecampError for everything that stops it; before the point of no return the account is then as it was
 */
export async function migrate(
  options: MigrateOptions,
  services: MigrationServices,
  answers: Answers,
  report: Report,
  signal: AbortSignal,
): Promise<MigrationResult> {
  parseAccount(options.account);
  const targetOrigin = parseServerUrl(options.to, { allowPrivateHosts: options.allowPrivateHosts });
  if (options.until !== undefined && !applicable(options).some(({ id }) => id === options.until)) {
    throw new DecampError("usage", `The step ${options.until} is no part of this move: it has to be asked for.`, {
      hint: "Nothing was changed. --freeze, --recovery-key and --first-write ask for the steps of their names.",
    });
  }
  const context = new Context({ options, services, answers, report, signal, targetOrigin });
  let unlock: (() => Promise<void>) | undefined;
  try {
    for (const step of applicable(options)) {
      signal.throwIfAborted();
      await runStep(context, step);
      if (step.id === "resolve" && !options.dryRun) {
        unlock = await takeLock(lockPath(options.stateDir, context.identity.did), services.lockOwner, services.now());
      }
      if (step.id === "preflight") {
        report({ type: "plan", plan: makePlan(context) });
        if (options.dryRun) {
          return await makeResult(context, "planned");
        }
      }
      if (step.id === options.until && step !== steps.at(-1)) {
        return await makeResult(context, "stopped");
      }
    }
    return await makeResult(context, "moved");
  } catch (error) {
    if (context.hasJournal && context.journal.state.frozen === true && !context.moved) {
      context.warn(
        "source-frozen",
        "The account is deactivated on your old server, because the move began with --freeze. Run the same command again, or decamp migrate cancel.",
      );
    }
    throw error;
  } finally {
    await endSessions(context);
    await unlock?.();
  }
}

function applicable(options: MigrateOptions): Step[] {
  return steps.filter(({ applies }) => applies?.(options) ?? true);
}

async function runStep(context: Context, step: Step): Promise<void> {
  const { id } = step;
  const title = stepTitle(id);
  if (await (context.moved ? pressOn(context, async () => step.done(context)) : step.done(context))) {
    context.report({ type: "step", id, title, state: "skipped" });
    return;
  }
  context.report({ type: "step", id, title, state: "start" });
  const detail = await (context.moved ? pressOn(context, async () => step.run(context)) : step.run(context));
  context.report({ type: "step", id, title, state: "done", ...(detail === undefined ? {} : { detail }) });
}

/**
 * After the point of no return the account is dark until the rest is done. So a server that stumbles does not end the run:
 * every step may be repeated, and is.
 */
async function pressOn<T>({ services, signal }: Context, work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const pause = pauses[attempt];
      if (
        pause === undefined ||
        !isDecampError(error, "unreachable", "bad-answer", "server-refused", "identity-invalid")
      ) {
        throw error;
      }
      await services.sleep(pause, signal);
    }
  }
}

/** Nobody needs the sessions any more. */
async function endSessions(context: Context): Promise<void> {
  await Promise.all(context.servers.map(async (pds) => pds.signOut()));
  if (context.hasJournal) {
    await context.journal.close();
  }
}

function makePlan(context: Context): MigrationPlan {
  const { options, identity, oldHandle, newHandle, source, target, archive } = context;
  return {
    did: identity.did,
    handle: oldHandle,
    ...(newHandle === undefined ? {} : { newHandle }),
    source: source.origin,
    target: target.origin,
    archive,
    ...(context.blobs === undefined ? {} : { blobs: context.blobs }),
    plcHead: identity.log.head.cid,
    steps: applicable(options).map(({ id }) => ({ id, title: stepTitle(id), pointOfNoReturn: id === pointOfNoReturn })),
  };
}

async function makeResult(context: Context, state: MigrationResult["state"]): Promise<MigrationResult> {
  const { identity, oldHandle, newHandle, source, target, archive } = context;
  if (!context.hasSnapshot && context.moved) {
    // Finished by a later run: the figures are those of the archive.
    const last = (await readManifests(archive)).at(-1);
    if (last !== undefined) {
      context.snapshot = last;
    }
  }
  const figures = context.hasSnapshot
    ? {
        commit: context.snapshot.commit,
        records: context.snapshot.records,
        blobs: context.snapshot.blobs.length,
      }
    : {};
  return {
    did: identity.did,
    oldHandle,
    handle: newHandle ?? identity.handle,
    source: source.origin,
    target: target.origin,
    archive,
    state,
    ...figures,
    ...(context.preferences === undefined ? {} : { preferences: context.preferences }),
    ...(context.signed === undefined ? {} : { operation: context.signed.cid }),
    ...(context.recoverableUntil === undefined ? {} : { recoverableUntil: context.recoverableUntil }),
    missingBlobs: context.missingBlobs,
    ...(context.lateWrites.length > 0 ? { lateWrites: context.lateWrites } : {}),
    ...(context.sourceStillActive ? { sourceStillActive: true } : {}),
  };
}
