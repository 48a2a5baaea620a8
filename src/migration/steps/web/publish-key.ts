/**
 * publish-key, in a restore of a did:web: the document names the temporary key in place of the old server's; nothing
 * else in it changes, so that it can be taken back.
 */

import { DecampError } from "../../../errors.ts";
import { noHandle } from "../../../identity/names.ts";
import { endpointOf, type DocumentFields } from "../../../identity/web-document.ts";
import type { Context, Step } from "../../context.ts";
import { publish, webOf } from "../../web/publish.ts";
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
    await publish(context, withKey(context, temporaryKey.didKey), "temporary-key");
    return temporaryKey.didKey;
  },
};

/** The document as it is, with another signing key. @throws DecampError `identity-invalid` if it names no server */
function withKey(context: Context, signingKey: string): DocumentFields {
  const { did, document, handle } = webOf(context);
  const pds = endpointOf(document.raw, did);
  if (pds === undefined) {
    throw new DecampError("identity-invalid", `The document of ${did} names no server.`);
  }
  return { signingKey, pds, ...(handle === noHandle ? {} : { handle }) };
}
