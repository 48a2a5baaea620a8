/** import-preferences: all of them, as the old server has them now. */

import { isDeepStrictEqual } from "node:util";
import { isJsonObject } from "../../data/json-object.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import type { Context, Step } from "../context.ts";

/** Computed by the server and never stored, so it can differ. */
const computed = "app.bsky.actor.defs#declaredAgePref";

export const importPreferences: Step = {
  id: "import-preferences",
  done: async (context) => context.moved || (await preferencesAgree(context)),
  run: async (context) => {
    const { source, target, signal } = context;
    await target.putPreferences(stored(await source.getPreferences(signal)), signal);
    if (!(await preferencesAgree(context))) {
      throw new DecampError("refused", `${target.host} does not keep the preferences as they are.`, {
        hint: "Your account is still on your old server. Run the same command again; if it stays like this, ask the operator of the new one.",
      });
    }
    return `${context.preferences ?? 0} preferences`;
  },
};

/** Whether both servers have the same preferences; a source that keeps none counts as none. */
export async function preferencesAgree(context: Context): Promise<boolean> {
  const { source, target, signal } = context;
  let wanted: readonly unknown[];
  try {
    wanted = stored(await source.getPreferences(signal));
  } catch (error) {
    if (isDecampError(error, "server-refused") && error.data["status"] === 404) {
      return true;
    }
    throw error;
  }
  context.preferences = wanted.length;
  return wanted.length === 0 || isDeepStrictEqual(wanted, stored(await target.getPreferences(signal)));
}

function stored(preferences: readonly unknown[]): unknown[] {
  return preferences.filter((one) => !isJsonObject(one) || one["$type"] !== computed);
}
