/** import-preferences: all of them, as the old server has them now. */

import { isDeepStrictEqual } from "node:util";
import { isJsonObject } from "../../data/json-object.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import type { Context, Step } from "../context.ts";

/** Computed by the server and never stored, so it can differ. */
const computed = "app.bsky.actor.defs#declaredAgePref";

export const importPreferences: Step = {
  id: "import-preferences",
  done: preferencesAgree,
  run: async (context) => {
    const { source, target, signal } = context;
    await target.putPreferences(stored(await source.getPreferences(signal)), signal);
    if (!(await preferencesAgree(context))) {
      throw new DecampError("refused", `${target.host} does not keep the preferences as they are.`, {
        hint: "Run the same command again; if it stays like this, ask the operator of the new one.",
      });
    }
    return `${context.preferences ?? 0} preferences`;
  },
};

/** Whether both servers have the same preferences; a source that keeps none counts as none. */
export async function preferencesAgree(context: Context): Promise<boolean> {
  const { source, target, signal } = context;
  const [ours, theirs] = await Promise.allSettled([source.getPreferences(signal), target.getPreferences(signal)]);
  if (ours.status === "rejected") {
    if (isDecampError(ours.reason, "server-refused") && ours.reason.data["status"] === 404) {
      return true;
    }
    throw ours.reason;
  }
  const wanted = stored(ours.value);
  context.preferences = wanted.length;
  if (wanted.length === 0) {
    return true;
  }
  if (theirs.status === "rejected") {
    throw theirs.reason;
  }
  return isDeepStrictEqual(wanted, stored(theirs.value));
}

function stored(preferences: readonly unknown[]): unknown[] {
  return preferences.filter((one) => !isJsonObject(one) || one["$type"] !== computed);
}
