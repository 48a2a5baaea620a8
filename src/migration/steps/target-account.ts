/**
 * target-account: whatever the new server will want is settled before the identity changes: what an account is made
 * with, or, where it has the account already, the sign-in, and whether what is there may be replaced.
 */

import type { Context, Step } from "../context.ts";
import { adopt } from "./create-account.ts";

export const targetAccount: Step = {
  id: "target-account",
  done: (context) => Promise.resolve(context.target.isSignedIn),
  run: async (context) => {
    const { target, identity, signal } = context;
    if ((await target.repoStatus(identity.did, signal)) !== undefined) {
      await adopt(context);
      return "it was there already";
    }
    await askBeforehand(context);
    return undefined;
  },
};

/** Nobody is asked again later, unless the server refuses an answer. */
async function askBeforehand(context: Context): Promise<void> {
  const { answers, identity, target, newHandle } = context;
  context.newEmail = await answers.targetEmail({});
  await answers.targetPassword({ handle: newHandle ?? identity.handle, host: target.host, isNew: true });
}
