/**
 * import-preferences: all of them, as the old server has them now, read back. Where it does not give them, those that
 * the archive has from before take their place, and it is said how old they are. They are no reason against a move:
 * what cannot be read or written is left out, with a word, and the archive has what could be read.
 */

import { isDeepStrictEqual } from "node:util";
import { newestPreferences, type ArchivedPreferences } from "../../archive/archived-preferences.ts";
import { snapshotFile, snapshotFiles } from "../../archive/layout.ts";
import { isDecampError, type DecampError } from "../../errors.ts";
import { inWords, kindsOfPreferences, lackingPreferences, storedPreferences } from "../checks/preferences.ts";
import type { Context, Step } from "../context.ts";
import { noteLeftOut } from "../left-out.ts";
import { signInToSource, signInToTarget } from "../sign-in.ts";

export const importPreferences: Step = {
  id: "import-preferences",
  done: () => Promise.resolve(false),
  run: async (context) => {
    await bringPreferences(context);
    const { preferencesLeft, preferences = 0 } = context;
    const { brought } = preferencesLeft ?? {};
    context.isLeft = preferencesLeft !== undefined && brought === undefined;
    if (!context.isLeft) {
      return `${preferences} preferences${brought === undefined ? "" : `, from the archive, of ${brought}`}`;
    }
    return preferencesLeft?.again === true ? "not read, and asked for once more later" : "left out";
  },
};

/**
 * Sees to it that the new server has the preferences, unless it has them. Says in the context why it has not; warns of
 * it at once where it is no use to try again.
 *
 * @throws DecampError `rate-limited`, and what is not about preferences
 */
export async function bringPreferences(context: Context): Promise<void> {
  const { from, target, signal } = context;
  const [ours, theirs] = await Promise.all([
    ask(context, async () => from.preferences(signal)),
    ask(context, async () => target.getPreferences(signal)),
  ]);
  if ("error" in ours) {
    await bringArchived(context, ours.error, theirs);
    return;
  }
  context.preferences = undefined;
  const { list } = ours;
  const failed = list.length === 0 ? undefined : await write(context, list, theirs);
  if (failed === undefined) {
    settle(context, list.length);
  } else {
    leave(context, failed.why, failed.again);
  }
}

/** Why preferences are not there. */
interface Failed {
  /** Half a sentence, or a whole one. */
  readonly why: string;
  /** Whether it may help to try again. */
  readonly again: boolean;
}

/** Writes them, unless they are there, and reads them back. @returns why they are not there then */
async function write(context: Context, list: readonly unknown[], theirs: Asked): Promise<Failed | undefined> {
  const { target, signal } = context;
  if ("list" in theirs && isDeepStrictEqual(list, theirs.list)) {
    return undefined;
  }
  try {
    await target.putPreferences(list, signal);
  } catch (error) {
    return { why: `they could not be written: ${asAbout(error, signal).message}`, again: false };
  }
  const back = await ask(context, async () => target.getPreferences(signal));
  if (areIn(back, list)) {
    return undefined;
  }
  return "error" in back
    ? { why: `they could not be read back: ${back.error.message}`, again: mayPass(back.error) }
    : { why: keptOtherwise(target.host, list, back.list), again: false };
}

/**
 * Those of the archive, in place of what the old server does not give. They may be older, so what it has is asked for
 * again as long as that may help. An account that lives at the new server keeps what it has there.
 */
async function bringArchived(context: Context, error: DecampError, theirs: Asked): Promise<void> {
  const { switched, preferencesLeft: before } = context;
  const again = mayPass(error);
  const why = `they could not be read: ${error.message}`;
  const hasSome = !("list" in theirs) || theirs.list.length > 0;
  if (switched && hasSome && before?.brought !== undefined) {
    context.preferencesLeft = { ...before, again };
    return;
  }
  context.preferences = undefined;
  const kept = switched && hasSome ? undefined : await archived(context);
  if (kept === undefined) {
    leave(context, why, again);
    return;
  }
  const list = storedPreferences(kept.list);
  const failed = await write(context, list, theirs);
  if (failed !== undefined) {
    leave(context, `${why} Those of the archive did not get there, either: ${failed.why}`, again);
    return;
  }
  context.preferences = list.length;
  context.preferencesLeft = { reason: why, archived: kept.path, again, brought: kept.at };
  // What is asked for again is told only when that did not help either.
  if (!again || before?.brought !== undefined) {
    tell(context);
  }
}

/** What the archive has. Whoever restores has it from there already. */
async function archived({ archive, identity, restoring }: Context): Promise<ArchivedPreferences | undefined> {
  return restoring === undefined ? newestPreferences(archive, identity.did) : undefined;
}

/**
 * Asks for them once more, at the last moment at which the old server has them for certain. Holds nothing up.
 *
 * @throws the signal's reason
 */
export async function bringPreferencesAtLast(context: Context): Promise<void> {
  const { source, target, signal } = context;
  try {
    if (!source.isSignedIn) {
      await signInToSource(context);
    }
    if (!target.isSignedIn) {
      await signInToTarget(context);
    }
    await bringPreferences(context);
  } catch (error) {
    signal.throwIfAborted();
    if (!isDecampError(error) || error.code === "interrupted") {
      throw error;
    }
    // Those of the archive, if they are there, stay.
    if (context.preferencesLeft?.brought === undefined) {
      leave(context, `they could not be read: ${error.message}`, true);
    }
  }
  if (context.preferencesLeft?.again === true) {
    tell(context);
  }
  await noteLeftOut(context);
}

type Asked = { readonly list: readonly unknown[] } | { readonly error: DecampError };

async function ask({ signal }: Context, read: () => Promise<readonly unknown[]>): Promise<Asked> {
  try {
    return { list: storedPreferences(await read()) };
  } catch (error) {
    return { error: asAbout(error, signal) };
  }
}

/** Whether it may be another answer the next time: a server that lacks the method will go on lacking it. */
function mayPass({ data }: DecampError): boolean {
  return ![404, 501].includes(Number(data["status"]));
}

/** Whether they, and no others, were given back. */
function areIn(theirs: Asked, list: readonly unknown[]): boolean {
  return "list" in theirs && list.length === theirs.list.length && lackingPreferences(list, theirs.list).length === 0;
}

/** What the new server has otherwise, or not at all, by the kinds of preferences. */
function keptOtherwise(host: string, list: readonly unknown[], there: readonly unknown[]): string {
  const kinds = kindsOfPreferences(lackingPreferences(list, there));
  if (kinds.length === 0) {
    return `${host} gives back others beside them.`;
  }
  return `${host} does not give these back as they were written: ${inWords(kinds).slice(0, 10).join(", ")}.`;
}

/** An error that is about preferences, or nothing that would not show elsewhere. @throws any other */
function asAbout(error: unknown, signal: AbortSignal): DecampError {
  signal.throwIfAborted();
  if (!isDecampError(error, "server-refused", "bad-answer", "unreachable")) {
    throw error;
  }
  return error;
}

function settle(context: Context, count: number): void {
  context.preferences = count;
  context.preferencesLeft = undefined;
}

/** @param why half a sentence or a whole one */
function leave(context: Context, why: string, again: boolean): void {
  const { archive } = context;
  const manifest = context.hasSnapshot ? context.snapshot : undefined;
  const isArchived = manifest?.files[snapshotFiles.preferences] !== undefined;
  context.preferencesLeft = {
    reason: why,
    ...(isArchived ? { archived: snapshotFile(archive, manifest.snapshot, "preferences") } : {}),
    again,
  };
  if (!again) {
    tell(context);
  }
}

function tell({ preferencesLeft, warnings, warn }: Context): void {
  const { reason = "", archived, brought } = preferencesLeft ?? {};
  if (brought !== undefined) {
    const code = "preferences-from-archive";
    if (!warnings.some((warning) => warning.code === code)) {
      warn(
        code,
        `The preferences are those of the archive, of ${brought}: what was changed since is not in them. Of the old server ${reason}`,
      );
    }
    return;
  }
  const where = archived === undefined ? "" : ` They are in ${archived}.`;
  warn("preferences-not-moved", `Not all preferences came along: ${reason}${where}`);
}
