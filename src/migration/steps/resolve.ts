/** resolve: which account is it, what does the verified log say, and where does it live. */

import { DecampError } from "../../errors.ts";
import { isPlcDid, parseAccount, parseServerUrl } from "../../identity/syntax.ts";
import type { Context, Step } from "../context.ts";
import { readIdentity } from "../identity.ts";
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
    const did =
      account.type === "did" ? account.did : (earlier?.did ?? (await resolveHandle(context, account.handle, from)));
    if (!isPlcDid(did)) {
      throw new DecampError("unsupported", `${did} is a did:web. This version moves accounts that have a did:plc.`);
    }
    const identity = await readIdentity(services, did, signal);
    if (account.type === "handle" && earlier === undefined && identity.handle !== account.handle) {
      throw new DecampError(
        "identity-invalid",
        `${account.handle} leads to ${did}, but that account calls itself ${identity.handle}.`,
        { data: { did, handle: account.handle, claimed: identity.handle } },
      );
    }
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
        : new DecampError("identity-invalid", `The DID document of ${did} names no server.`);
    }
    if (source === targetOrigin) {
      throw new DecampError("same-server", `${source} cannot be both the old and the new server.`);
    }
    context.source = services.openPds(source);
    return `${context.oldHandle} is ${did}`;
  },
};

/** By DNS and the well-known address; with `--from`, by what the old server says. The document has to agree either way. */
async function resolveHandle(context: Context, handle: string, from: string | undefined): Promise<string> {
  const { services, signal } = context;
  const asked = from === undefined ? undefined : await services.openPds(from).resolveHandle(handle, signal);
  const did = asked ?? (await services.handles.resolve(handle, signal));
  if (did === undefined) {
    throw new DecampError("account-not-found", `The handle ${handle} leads to no account.`, {
      hint: "Check the spelling, or give the account's DID, or the old server with --from.",
      data: { handle },
    });
  }
  return did;
}
