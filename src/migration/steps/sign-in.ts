/** sign-in: a session at the old server, with the account's own password. */

import { isDecampError } from "../../errors.ts";
import { parseRecommended } from "../../plc/update.ts";
import type { Step } from "../context.ts";
import { signInToSource } from "../sign-in.ts";

export const signIn: Step = {
  id: "sign-in",
  // After the point of no return the old server is not needed any more.
  done: (context) => Promise.resolve(context.moved || context.source.isSignedIn),
  run: async (context) => {
    await signInToSource(context);
    try {
      const recommended = parseRecommended(await context.source.recommendedCredentials(context.signal));
      context.sourceRotationKeys = recommended.rotationKeys;
    } catch (error) {
      if (!isDecampError(error, "server-refused", "bad-answer")) {
        throw error;
      }
      context.warn(
        "source-keys-unknown",
        "Your old server does not say which rotation keys are its own, so they stay in the identity.",
      );
    }
    return undefined;
  },
};
