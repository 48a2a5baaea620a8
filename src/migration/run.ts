/**
 * A migration: its steps. The order of the lists is the order of the move, and so it is known here, and
 * only here, what lies before the point of no return and what after it.
 *
 * Three courses lead through them. Before the identity changes all steps are taken. Where it names the new server
 * already, only what comes after is left; but if the new server lacks what the old one has, the data comes first.
 */

import { planMove } from "../account/plan-move.ts";
import { DecampError, withStanding } from "../errors.ts";
import { parseServerUrl } from "../identity/addresses.ts";
import { parseAccount } from "../identity/names.ts";
import { diffOperations } from "../plc/diff.ts";
import { contentOf } from "../plc/operation.ts";
import type { Answers } from "./answers.ts";
import { withBothSides } from "./checks/both-sides.ts";
import { seeAfter } from "./checks/seen-by-others.ts";
import { owesProof } from "./checks/unseen.ts";
import { offerConfirmation } from "./afterwards/confirm-email.ts";
import { Context, endSessions, type MigrationServices, type Step } from "./context.ts";
import type { MigrationResult, Report } from "./events.ts";
import { findHolding, wasProved } from "./holding.ts";
import type { MigrateOptions } from "./options.ts";
import { signInToTarget } from "./sign-in.ts";
import type { StepId } from "./step-ids.ts";
import { requestToken, signOperation, submitOperation } from "./steps/change-identity.ts";
import { catchUp, compare } from "./steps/compare.ts";
import { createAccount } from "./steps/create-account.ts";
import { exportStep, verify } from "./steps/export.ts";
import { activate, confirm, deactivateSource } from "./steps/finish.ts";
import { firstWrite, firstWriteOfWeb } from "./steps/first-write.ts";
import { freeze } from "./steps/freeze.ts";
import { importPreferences } from "./steps/import-preferences.ts";
import { importRepo } from "./steps/import-repo.ts";
import { lateWrites } from "./steps/late-writes.ts";
import { preflight } from "./steps/preflight.ts";
import { recoveryKey } from "./steps/recovery-key.ts";
import { resolve } from "./steps/resolve.ts";
import { pressOn, standingOf, takeSteps } from "./steps/run-step.ts";
import { signIn } from "./steps/sign-in.ts";
import { transferBlobs } from "./steps/transfer-blobs.ts";
import { proveThere } from "./steps/unseen/prove-there.ts";
import { isDocumentUnfit, publishDocument } from "./steps/web/publish-document.ts";

/** What is always asked. */
const facts: readonly Step[] = [resolve, preflight];
/** What brings the data to the new server, and proves it there. It can be repeated and taken back. */
const data: readonly Step[] = [
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
];
/**
 * What changes the identity; the last of it is the point of no return. A did:plc and a did:web have steps of their own
 * here, and nowhere else.
 */
const identity: readonly Step[] = [recoveryKey, requestToken, signOperation, submitOperation, publishDocument];
/** What is left then needs only the new server. */
const after: readonly Step[] = [
  activate,
  proveThere,
  deactivateSource,
  lateWrites,
  firstWrite,
  firstWriteOfWeb,
  confirm,
];

const steps: readonly Step[] = [...facts, ...data, ...identity, ...after];

/**
 * Moves an account. Whatever interrupts it, the same call goes on: each step first asks the servers what holds already.
 *
 * @returns what was moved; with `dryRun` the state `planned`, with `until` the state `stopped`
 * @throws DecampError for everything that stops it; its data `identity` says what is known of the identity then
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
  if (options.until !== undefined && !canStopAfter(options.until, options)) {
    throw new DecampError("usage", `The step ${options.until} is no part of this move: it has to be asked for.`, {
      hint: "--freeze, --recovery-key, --first-write and --prove-after-activation ask for the steps of their names.",
    });
  }
  const context = new Context({ options, services, answers, report, signal, targetOrigin });
  let unlock: (() => Promise<void>) | undefined;
  try {
    const course = {
      steps: applicable(options),
      find: resolve,
      check: preflight,
      left: async () => chooseCourse(context),
    };
    const result = await takeSteps(context, course, (release) => {
      unlock = release;
    });
    return await offerConfirmation(context, await seeAfter(context, result));
  } catch (error) {
    if (context.isFrozen && !context.switched) {
      const { did } = context.identity;
      context.warn(
        "source-frozen",
        "The account is deactivated on your old server, so nobody can see it. Run the same command again to go on. Or take it back, with migrate cancel.",
        ["migrate", "cancel", did, "--to", context.targetOrigin],
      );
    }
    const whole = context.hasIdentity ? withStanding(error, ...standingOf(context, error)) : error;
    throw context.switched ? await withBothSides(context, whole) : whole;
  } finally {
    await endSessions(context);
    await unlock?.();
  }
}

/** One that is taken unasked is none to stop after: nobody has named it. */
function canStopAfter(until: StepId, options: MigrateOptions): boolean {
  const mayArise = (step: Step): boolean => step !== proveThere || options.proveAfterActivation;
  return applicable(options).some((step) => step.id === until && step !== firstWriteOfWeb && mayArise(step));
}

function applicable(options: MigrateOptions): Step[] {
  return steps.filter(({ applies }) => applies?.(options) ?? true);
}

/** The steps that are left. */
async function chooseCourse(context: Context): Promise<ReadonlySet<Step>> {
  if (!context.switched) {
    return new Set(steps);
  }
  if (owesProof(context)) {
    return new Set(after); // what is there shows once it is active, and is proved then
  }
  const holding = await pressOn(context, async () => findHolding(context));
  context.owesBlobs = !wasProved(context);
  if (holding.kind === "lacking") {
    context.lacking = holding.paths;
    context.lackingCount = holding.count;
    if (holding.isEmpty || context.where.target?.state !== "active") {
      const signing = (await isUnfit(context)) ? identity : [];
      context.warn(
        "data-first",
        `The identity names ${context.target.host} already, and ${holding.isEmpty ? "nothing is there" : `${holding.count} records are not there, such as ${holding.paths[0] ?? ""}`}. So the data comes first; the account on your old server stays as it is until all is there.`,
      );
      return new Set([...data.filter((step) => step !== freeze), ...signing, ...after]);
    }
  }
  context.proved = holding.kind === "proved";
  // A document is edited by hand: half of it may be right.
  const isHalf = context.kind === "web" && context.where.target?.state !== "active" && (await isDocumentUnfit(context));
  return new Set([...(isHalf ? identity : []), ...after]);
}

/**
 * Whether the identity names the new server, and still does not say what that server needs to activate the account.
 *
 * @throws DecampError `refused` if nobody here can sign what is missing
 */
async function isUnfit(context: Context): Promise<boolean> {
  const { target, answers, signal } = context;
  if (context.kind === "web") {
    return isDocumentUnfit(context);
  }
  const { plc: identity } = context;
  if (!target.isSignedIn) {
    await signInToTarget(context);
  }
  const { operation } = await planMove(identity, target, [], undefined, signal);
  const head = contentOf(identity.log.head.operation);
  if (head === undefined || diffOperations(head, operation).length === 0) {
    return false;
  }
  if (answers.rotationKey === undefined) {
    throw new DecampError(
      "refused",
      `The identity names ${target.host}, but not the keys that it needs: it would not activate the account.`,
      {
        hint: "Sign what is missing with a rotation key of yours: --rotation-key-file. Or let the identity name the old server again:",
        data: { reason: "identity-unfit", next: ["plc", "undo", identity.did] },
      },
    );
  }
  return true;
}
