/** resolve: which account is it, what does the verified log say, and where does it live. */

import { findIdentity } from "../../account/find.ts";
import { DecampError } from "../../errors.ts";
import { parseAccount, parseServerUrl } from "../../identity/syntax.ts";
import type { Step } from "../context.ts";
import { findJournal } from "../journal.ts";

export const resolve: Step = {
  id: "resolve",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { options, services, signal, targetOrigin } = context;
    const account = parseAccount(options.account);
    const from =
      options.from === undefined
        ? undefined
        : parseServerUrl(options.from, { allowPrivateHosts: options.allowPrivateHosts });
    const earlier = await findJournal(options.stateDir, account, targetOrigin);
    const identity = await findIdentity(
      services,
      account,
      { from, known: earlier?.did, movedTo: targetOrigin },
      signal,
    );
    const { pds } = identity.document;
    context.identity = identity;
    context.moved = pds === targetOrigin;
    context.oldHandle = (context.moved ? earlier?.handle : undefined) ?? identity.handle;
    const source = from ?? (context.moved ? earlier?.source : pds);
    if (source === undefined) {
      throw context.moved
        ? new DecampError("same-server", `${identity.handle} lives at ${targetOrigin} already.`, {
            hint: "If a move was interrupted there, add the address of the old server with --from to finish it.",
          })
        : new DecampError("identity-invalid", `The DID document of ${identity.did} names no server.`);
    }
    if (source === targetOrigin) {
      throw new DecampError("same-server", `${source} cannot be both the old and the new server.`);
    }
    context.source = services.openPds(source);
    return `${context.oldHandle} is ${identity.did}`;
  },
};
