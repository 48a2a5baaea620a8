/**
 * import-preferences: all of them, as the old server has them now, read back. They are no reason against a move: what
 * cannot be read or written is left out, with a word, and the archive has what could be read.
 */

import { isDeepStrictEqual } from "node:util";
import { snapshotFile, snapshotFiles } from "../../archive/layout.ts";
import { isJsonObject } from "../../data/json-object.ts";
import { isDecampError, type DecampError } from "../../errors.ts";
import type { Context, Step } from "../context.ts";
import { noteLeftOut } from "../left-out.ts";
import { signInToSource, signInToTarget } from "../sign-in.ts";

/** Computed by the server and never stored, so it can differ. */
const computed = "app.bsky.actor.defs#declaredAgePref";

export const importPreferences: Step = {
  id: "import-preferences",
  done: () => Promise.resolve(false),
  run: async (context) => {
    await bringPreferences(context);
    const { preferencesLeft, preferences = 0 } = context;
    context.isLeft = preferencesLeft !== undefined;
    if (preferencesLeft === undefined) {
      return `${preferences} preferences`;
    }
    return preferencesLeft.again ? "not read, and asked for once more later" : "left out";
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
  context.preferences = undefined;
  const [ours, theirs] = await Promise.all([
    ask(context, async () => from.preferences(signal)),
    ask(context, async () => target.getPreferences(signal)),
  ]);
  if ("error" in ours) {
    leave(context, `they could not be read: ${ours.error.message}`, mayPass(ours.error));
    return;
  }
  const { list } = ours;
  if (list.length === 0 || isSame(list, theirs)) {
    settle(context, list.length);
    return;
  }
  try {
    await target.putPreferences(list, signal);
  } catch (error) {
    leave(context, `they could not be written: ${asAbout(error, signal).message}`, false);
    return;
  }
  const back = await ask(context, async () => target.getPreferences(signal));
  if (isSame(list, back)) {
    settle(context, list.length);
  } else if ("error" in back) {
    leave(context, `they could not be read back: ${back.error.message}`, mayPass(back.error));
  } else {
    leave(context, `${target.host} does not give them back as they were written.`, false);
  }
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
    leave(context, `they could not be read: ${error.message}`, true);
  }
  if (context.preferencesLeft?.again === true) {
    tell(context);
  }
  await noteLeftOut(context);
}

type Asked = { readonly list: readonly unknown[] } | { readonly error: DecampError };

async function ask({ signal }: Context, read: () => Promise<readonly unknown[]>): Promise<Asked> {
  try {
    return { list: stored(await read()) };
  } catch (error) {
    return { error: asAbout(error, signal) };
  }
}

/** Whether it may be another answer the next time: a server that lacks the method will go on lacking it. */
function mayPass({ data }: DecampError): boolean {
  return ![404, 501].includes(Number(data["status"]));
}

function isSame(list: readonly unknown[], theirs: Asked): boolean {
  return "list" in theirs && isDeepStrictEqual(list, theirs.list);
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

function tell({ preferencesLeft, warn }: Context): void {
  const { reason = "", archived } = preferencesLeft ?? {};
  const where = archived === undefined ? "" : ` They are in ${archived}.`;
  warn("preferences-not-moved", `The preferences did not come along: ${reason}${where}`);
}

function stored(preferences: readonly unknown[]): unknown[] {
  return preferences.filter((one) => !isJsonObject(one) || one["$type"] !== computed);
}
