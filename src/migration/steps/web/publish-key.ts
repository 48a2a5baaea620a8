/**
 * publish-key, in a restore of a did:web: the document names the temporary key in place of the old server's; nothing
 * else in it changes, so that it can be taken back.
 */

import { DecampError } from "../../../errors.ts";
import type { Step } from "../../context.ts";
import { publish, withSigningKey } from "../../web/publish.ts";
import { restoringOf } from "../../restore/restore-options.ts";

export const publishKey: Step = {
  id: "publish-key",
  only: "web",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { temporaryKey } = restoringOf(context);
    if (temporaryKey === undefined) {
      throw new TypeError("there is no key yet");
    }
    const wanted = withSigningKey(context, temporaryKey.didKey);
    if (wanted === undefined) {
      throw new DecampError("identity-invalid", `The document of ${context.identity.did} names no server.`);
    }
    await publish(context, wanted, "temporary-key");
    return temporaryKey.didKey;
  },
};
