/**
 * What a move and a restore share: a step is run, and what is known is said. A step that holds already is skipped.
 */

import { stateAt, type PlaceState } from "../../account/places.ts";
import { homeOf, whereIs } from "../../account/where.ts";
import { pastOf, readAnyIdentity } from "../../account/web/any-identity.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { isAgreedTo } from "../checks/unseen.ts";
import type { Context, Step } from "../context.ts";
import type { MigrationPlan, MigrationResult, WeakerProof } from "../events.ts";
import { lockAccount, temporaryKeyFile } from "../journal.ts";
import { leftBehind } from "../left-out.ts";
import { publishedAs } from "../web/document-files.ts";
import { isPointOfNoReturn, stepTitle, type StepId } from "../step-ids.ts";

/** Between the repetitions of a step after the point of no return (milliseconds). */
const pauses = [1000, 3000, 9000];

/** After so long a step has sent its request, and waits for the answer (milliseconds). */
const untilAsked = 25;

/** In which order which steps are taken. */
export interface Course {
  /** All that apply, in their order, of both kinds of identity. */
  readonly steps: readonly Step[];
  /** Finds out whose account it is: from then on no other run works on it. */
  readonly find: Step;
  /** Knows both servers: then there is a plan, and a dry run ends. */
  readonly check: Step;
  /** The steps that are left, once both servers are known. */
  readonly left: () => Promise<ReadonlySet<Step>> | ReadonlySet<Step>;
}

/**
 * Takes the steps of a move or a restore.
 *
 * @param locked told what gives the account's lock back
 * @returns what came of it
 * @throws what the steps throw; DecampError `locked` while another run works on the account
 */
export async function takeSteps(
  context: Context,
  { steps, find, check, left }: Course,
  locked: (unlock: () => Promise<void>) => void,
): Promise<MigrationResult> {
  const { options, services, signal, report } = context;
  let needed: ReadonlySet<Step> = new Set(steps);
  for (const step of steps) {
    signal.throwIfAborted();
    if (!isForKind(context, step)) {
      continue;
    }
    if (step.arises?.(context) !== false) {
      await runStep(context, step, needed.has(step));
    }
    if (step === find) {
      requireReachable(context, steps, options.until);
    }
    if (step === find && !options.dryRun) {
      locked(await lockAccount(options.stateDir, context.identity.did, services.lockOwner, services.now()));
    }
    if (step === check) {
      report({
        type: "plan",
        plan: makePlan(
          context,
          steps.filter((one) => isForKind(context, one) && one.arises?.(context) !== false),
        ),
      });
      if (options.dryRun) {
        return makeResult(context, "planned");
      }
      needed = await left();
    }
    if (step.id === options.until && step !== steps.at(-1)) {
      return makeResult(context, "stopped");
    }
  }
  return makeResult(context, "moved");
}

/** Whether a step is for the kind of identity that the account has; as long as that is not known, all are. */
function isForKind({ kind }: Context, { only }: Step): boolean {
  return only === undefined || kind === undefined || only === kind;
}

/** @throws DecampError `usage` if the step at which to stop is one of the other kind of identity */
function requireReachable(context: Context, steps: readonly Step[], until: StepId | undefined): void {
  const last = steps.find(({ id }) => id === until);
  if (last !== undefined && !isForKind(context, last)) {
    const { did } = context.identity;
    throw new DecampError("usage", `--until: ${last.id} is no step for ${did}.`, {
      hint: `The steps: ${steps.flatMap((step) => (isForKind(context, step) ? [step.id] : [])).join(", ")}.`,
    });
  }
}

/** Runs a step, unless it is not needed or holds already. */
async function runStep(context: Context, step: Step, isNeeded: boolean): Promise<void> {
  const { id } = step;
  const title = stepTitle(id);
  const work = async <T>(task: () => Promise<T>): Promise<T> => (context.switched ? pressOn(context, task) : task());
  if (!isNeeded || (await work(async () => step.done(context)))) {
    context.report({ type: "step", id, title, state: "skipped" });
    return;
  }
  context.report({ type: "step", id, title, state: "start" });
  context.isLeft = false;
  const over = new AbortController();
  if (step.loadAhead !== undefined) {
    void loadAhead(context, step.loadAhead, AbortSignal.any([context.signal, over.signal]));
  }
  const detail = await work(async () => step.run(context)).finally(() => over.abort());
  context.report({
    type: "step",
    id,
    title,
    state: "done",
    ...(context.isLeft ? { outcome: "left" as const } : {}),
    ...(detail === undefined ? {} : { detail }),
  });
}

/**
 * Loads nothing for a step that was over so soon: then no server was waited for. Never fails: whoever needs the code
 * says what is wrong with it.
 */
async function loadAhead({ services }: Context, load: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
  try {
    await services.sleep(untilAsked, signal);
    await load();
  } catch {
    // See above.
  }
}

/** What is known of the identity, in a sentence. */
export function standingOf(context: Context, error: unknown): ["unchanged" | "sent" | "changed", string] {
  const { did } = context.identity;
  if (context.switched) {
    // Where going on is refused, the same command does not help.
    const goOn = isDecampError(error, "refused", "target-in-use", "same-server")
      ? "."
      : ", so finish this soon: run the same command again.";
    return ["changed", `The identity of ${did} names ${context.targetOrigin} already${goOn}`];
  }
  const home = homeOf(pastOf(context.identity)) ?? "no server";
  return context.sent
    ? [
        "sent",
        `The change of the identity was sent to ${context.targetOrigin}, and nobody knows yet whether the directory has taken it. Run the same command again: it asks.`,
      ]
    : ["unchanged", `The identity of ${did} is unchanged, and names ${home}.`];
}

/**
 * After the point of no return the account is dark until the rest is done. So a server that stumbles does not end the
 * run: every step may be repeated, and is.
 */
export async function pressOn<T>({ services, signal }: Context, work: () => Promise<T>): Promise<T> {
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

/** The plan, from the facts of both sides. @param planned the steps in their order */
function makePlan(context: Context, planned: readonly Step[]): MigrationPlan {
  const { identity, oldHandle, newHandle, source, target, targetDescription, archive, skipBlobs, restoring } = context;
  const { blobUploadLimit } = targetDescription;
  return {
    did: identity.did,
    handle: oldHandle,
    ...(newHandle === undefined ? {} : { newHandle }),
    source: source.origin,
    target: target.origin,
    state: context.where.state,
    archive,
    ...(context.blobs === undefined ? {} : { blobs: context.blobs }),
    ...(blobUploadLimit === undefined ? {} : { blobLimit: blobUploadLimit }),
    ...context.forecast,
    ...(skipBlobs.size === 0 ? {} : { skipBlobs: [...skipBlobs] }),
    ...weakerProofs(context),
    ...(restoring?.signer === undefined ? {} : { rotationKey: restoring.signer.didKey }),
    ...(identity.log === undefined ? {} : { plcHead: identity.log.head.cid }),
    steps: planned.map(({ id }) => ({ id, title: stepTitle(id), pointOfNoReturn: isPointOfNoReturn(id) })),
  };
}

/** The proofs that are weaker than usual, where there are any. */
function weakerProofs(context: Context): Pick<MigrationPlan, "weakerProofs"> {
  const { options, target, switched } = context;
  const isLate = !switched && (options.proveAfterActivation || isAgreedTo(context));
  const weaker: WeakerProof[] = [
    ...(isLate
      ? [
          {
            id: "prove-after-activation" as const,
            message: `If ${target.host} shows nothing of an account that is not active, what it has is proved only after the identity has changed. Until then your old account stays active, and your rotation key can take the change back.`,
          },
        ]
      : []),
    ...(options.allowMissingBlobs
      ? [{ id: "allow-missing-blobs" as const, message: "Blobs that cannot be moved are left behind, and named." }]
      : []),
  ];
  return weaker.length === 0 ? {} : { weakerProofs: weaker };
}

/** What was done and left behind, by what is known now. */
async function makeResult(context: Context, state: MigrationResult["state"]): Promise<MigrationResult> {
  const { identity, oldHandle, newHandle, source, targetOrigin, archive } = context;
  if (!context.hasSnapshot && context.switched) {
    // Finished by a later run: the figures are those of the archive.
    const last = await context.lastSnapshot();
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
    target: targetOrigin,
    archive,
    state,
    ...figures,
    ...(context.preferences === undefined ? {} : { preferences: context.preferences }),
    ...(await namedKey(context)),
    ...(context.signed === undefined ? {} : { operation: context.signed.cid }),
    ...documentOf(context),
    ...(context.recoverableUntil === undefined ? {} : { recoverableUntil: context.recoverableUntil }),
    ...(context.undoKeys === undefined ? {} : { undoKeys: context.undoKeys }),
    ...leftBehind(context),
    ...(context.certificate === undefined ? {} : { certificate: context.certificate }),
    ...(context.lateWrites.length > 0 ? { lateWrites: context.lateWrites } : {}),
    ...(context.sourceStillActive ? { sourceStillActive: true } : {}),
    ...(state === "stopped" ? await darkness(context) : {}),
    ...(state === "moved" ? { sourceState: await sourceStateNow(context) } : {}),
    ...(context.warnings.length > 0 ? { warnings: context.warnings } : {}),
  };
}

/** What the old server says of the account now. One that did not answer when the run began is not waited for again. */
async function sourceStateNow({ source, identity, where, signal }: Context): Promise<PlaceState> {
  const wasSilent = where.source?.state === "unreachable";
  return stateAt(source, identity.did, signal, wasSilent ? { attempts: 1 } : {});
}

/** The temporary key of a restore, if the identity names it. */
async function namedKey(context: Context): Promise<Pick<MigrationResult, "temporaryKey">> {
  const { identity, switched, restoring, options } = context;
  const key = identity.document.signingKey ?? "";
  // The identity at hand is the one from before the switch.
  return !switched && [restoring?.temporaryKey?.didKey, ...(restoring?.earlierKeys ?? [])].includes(key)
    ? { temporaryKey: { key, file: await temporaryKeyFile(options.stateDir, identity.did) } }
    : {};
}

/** The document that this move has made, as long as it is the one that names the new server. */
function documentOf(context: Context): Pick<MigrationResult, "document"> {
  const { identity, targetOrigin } = context;
  const made = context.hasJournal ? context.journal.state.document : undefined;
  const document = publishedAs(made, identity.did);
  return identity.log !== undefined || document === undefined || made?.pds !== targetOrigin ? {} : { document };
}

/** Whether a run that stops where it was asked to leaves an account that nobody can see. */
async function darkness(context: Context): Promise<{ dark?: true }> {
  const { services, identity, signal } = context;
  const now = await readAnyIdentity(services, identity.did, signal);
  return (await whereIs(services, pastOf(now), undefined, signal)).dark ? { dark: true } : {};
}
