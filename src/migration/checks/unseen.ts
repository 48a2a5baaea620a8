/**
 * A new server that shows nothing of a copy to its owner until the account is active there. Whether it does is found
 * out by asking. What can be proved before the identity changes is weaker then: the CID under which each blob was
 * taken, that none is missing, and that the server counts as many records as were sent. So it has to be agreed to by
 * name, and the way back has to be at hand: a rotation key of the user's above the new server's. All is read back once
 * the account is active, before the one on the old server is deactivated.
 */

import { headAt } from "../../account/places.ts";
import { staysOf } from "../../account/where.ts";
import { trySigning } from "../../account/keep-key.ts";
import { DecampError } from "../../errors.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import type { Head } from "../../repo/head.ts";
import { isOwnRefusal } from "../../services/servers/refusal.ts";
import type { Context } from "../context.ts";
import { isProofOwed } from "../journal.ts";
import { isActiveThere, pinnedCredentials, statusAtTarget } from "./target-account.ts";

/** What its owner agrees to, by its name. */
const flag = "--prove-after-activation";

/**
 * The head of the copy; `hidden` where the new server does not show it, which has been agreed to then.
 *
 * @throws DecampError `refused` if that may not be; `input-needed`, `interrupted`; what its other answers throw
 */
export async function headOrHidden(context: Context): Promise<Head | "hidden" | undefined> {
  const { target, identity, signal } = context;
  if (context.isUnseen) {
    return "hidden";
  }
  try {
    const head = await headAt(target, identity.did, signal);
    await noteShown(context);
    return head;
  } catch (error) {
    if (!(await isHidden(context, error))) {
      throw error;
    }
    await settle(context);
    return "hidden";
  }
}

/**
 * Asks whether the new server shows the copy, unless that is known. What else it answers says nothing here.
 *
 * @throws DecampError as `headOrHidden` where it is hidden
 */
export async function lookWhetherHidden(context: Context): Promise<void> {
  const { target, identity, isUnseen, wasSeen, signal } = context;
  if (isUnseen || wasSeen) {
    return;
  }
  try {
    await target.latestCommit(identity.did, signal);
    await noteShown(context);
  } catch (error) {
    if (await isHidden(context, error)) {
      await settle(context);
    }
  }
}

/** Takes down that the new server shows the copy: what it has shown in one run it may not hide in the next. */
async function noteShown(context: Context): Promise<void> {
  context.wasSeen = true;
  if (context.hasJournal && !context.switched && context.journal.state.wasShown !== true) {
    await context.note({ type: "shown" });
  }
}

/** Whether a refusal says that the copy is not shown as long as it is not active. */
async function isHidden(context: Context, error: unknown): Promise<boolean> {
  const status = isOwnRefusal(error) ? Number(error.data["status"]) : 0;
  if (status < 400 || status >= 500 || status === 401) {
    return false;
  }
  // It knows whose session this is, and has a repository of the account.
  const said = await statusAtTarget(context);
  return said?.repoCommit !== undefined && !(await isActiveThere(context, said));
}

/** Agrees to it, or refuses it. */
async function settle(context: Context): Promise<void> {
  const { target, journal, options, answers, identity, restoring } = context;
  const { host } = target;
  const { compared, isUnseen, wasShown } = journal.state;
  const hides = `${host} shows nothing of an account that is not active, not even to its owner`;
  if (restoring !== undefined) {
    throw new DecampError(
      "refused",
      `${hides}: what a restore brings there cannot be proved before the identity changes.`,
      {
        hint: "Restore the account to another server.",
        data: { reason: "hides-copy", host },
      },
    );
  }
  if (context.wasSeen || wasShown === true || (compared !== undefined && isUnseen !== true)) {
    throw new DecampError("refused", `${host} has shown the copy of the account before, and does not any more.`, {
      hint: "Ask the operator of the new server why, then run the same command again.",
      data: { reason: "hides-copy", host },
    });
  }
  if (context.switched) {
    context.isUnseen = true;
    return; // the identity is as it is: what is there is proved as soon as it can be seen
  }
  if (identity.log === undefined) {
    throw new DecampError(
      "refused",
      `${hides}. What it has could be proved only after the identity has changed, and the document of a did:web has no way back.`,
      { hint: "Move to another server.", data: { reason: "hides-copy", host } },
    );
  }
  await requireWayBack(context);
  if (!options.proveAfterActivation && !isAgreedTo(context)) {
    if (answers.agreeToLateProof === undefined) {
      throw new DecampError(
        "input-needed",
        `${hides}. What it has can be proved only after the identity has changed.`,
        {
          hint: `Read docs/GUARANTEES.md. To agree to it, add ${flag}`,
        },
      );
    }
    await answers.agreeToLateProof({ host });
  }
  if (!isAgreedTo(context)) {
    await context.note({ type: "late-proof" });
  }
  context.isUnseen = true;
}

/**
 * What `--prove-after-activation` needs, as far as it shows before anybody signs in.
 *
 * @throws DecampError `refused`
 */
export function requireLateProofWishes({ options, answers }: Pick<Context, "options" | "answers">): void {
  if (!options.proveAfterActivation) {
    return;
  }
  if (options.freeze) {
    throw frozen();
  }
  if (answers.rotationKey === undefined && !options.addRecoveryKey) {
    throw noKey(`${flag} needs a rotation key of yours: without one there is no way back.`);
  }
}

/**
 * Sees to it that a key is at hand which can take the move back, and that the old account stays active meanwhile.
 *
 * @throws DecampError `refused`; what opening the key throws
 */
export async function requireWayBack(context: Context): Promise<void> {
  const { options, answers, plc: identity, sourceRotationKeys, heldKeys, target } = context;
  const why = `What ${target.host} has may be proved only after the identity has changed`;
  if (options.freeze || context.isFrozen) {
    throw frozen();
  }
  const keys = rotationKeysOf(identity.log.head.operation);
  const added = options.addRecoveryKey ? await answers.newRotationKey?.() : undefined;
  const signer = added?.proof ?? (await answers.rotationKey?.(keys));
  if (signer === undefined || !heldKeys.includes(signer.didKey)) {
    throw noKey(`${why}, and no rotation key of yours is at hand that could take that back.`);
  }
  await trySigning(signer);
  const own = [...(added === undefined ? [] : [added.key]), ...keys.filter((key) => !sourceRotationKeys.includes(key))];
  const servers = target.isSignedIn ? (await pinnedCredentials(context)).rotationKeys : [];
  if (!isAbove(signer.didKey, own, servers)) {
    throw noKey(
      `${why}, and your key ${signer.didKey} would stand below a key of that server: it could not take that back.`,
    );
  }
}

/**
 * Whether a key stands above all of a server's in a list.
 *
 * @param keys the most powerful first; those of the server that are not in it come behind
 */
export function isAbove(key: string, keys: readonly string[], servers: readonly string[]): boolean {
  const rank = keys.indexOf(key);
  const highest = keys.findIndex((one) => one !== key && servers.includes(one));
  return rank >= 0 && !servers.includes(key) && (highest < 0 || rank < highest);
}

function noKey(sentence: string): DecampError {
  return new DecampError("refused", sentence, {
    hint: "If you have one, name its file with --rotation-key-file. If not, have one put first: make it with decamp key generate -o FILE, then add --recovery-key FILE.",
    data: { reason: "no-way-back" },
  });
}

function frozen(): DecampError {
  return new DecampError(
    "refused",
    "The account on the old server has to stay active until what the new one has is proved, and it would be deactivated.",
    {
      hint: `Leave out --freeze, and activate the account there if it is not active: ${flag} needs that.`,
      data: { reason: "frozen" },
    },
  );
}

/** Whether an earlier run has agreed to it. */
export function isAgreedTo(context: Context): boolean {
  return context.hasJournal && context.journal.state.lateProof === true;
}

/** Whether this head is the one that the new server names since it took this commit, which it does not show. */
export function isHeadOf({ journal }: Context, { commit }: { readonly commit: string }, head: string): boolean {
  const { unseenImport } = journal.state;
  return unseenImport?.commit === commit && unseenImport.there === head;
}

/** What the new server says of an import that it does not show. */
export interface Said {
  /** What it calls its head. */
  readonly head: string;
  readonly records: number | undefined;
}

/** @throws DecampError what its answers throw */
export async function saidOfCopy(context: Context): Promise<Said | undefined> {
  const said = await statusAtTarget(context);
  return said?.repoCommit === undefined ? undefined : { head: said.repoCommit, records: said.records };
}

/** Whether what it says fits a commit with so many records that it took; more cannot be said without seeing it. */
export function fits({ head, records }: Said, wanted: { readonly commit: string; readonly records: number }): boolean {
  return head === wanted.commit || records === wanted.records;
}

/**
 * Whether what the new server has is still to be proved: the operation that brought the account there was made before
 * anybody had seen it.
 */
export function owesProof(context: Context): boolean {
  const { identity, switched, kind, hasJournal } = context;
  if (!hasJournal || !switched || kind !== "plc" || identity.log === undefined) {
    return false;
  }
  const arrival = staysOf(identity.log).at(-1)?.arrival.cid;
  return arrival !== undefined && isProofOwed(context.journal.state, arrival);
}
