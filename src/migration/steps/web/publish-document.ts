/**
 * publish-document: the change of the identity of a did:web. Its owner publishes the document, decamp waits. That may
 * take long, so what was written on the old server meanwhile is brought along before the account is activated.
 */

import { livesAt } from "../../../account/where.ts";
import type { DidDocument } from "../../../identity/did-document.ts";
import type { DocumentFields } from "../../../identity/web-document.ts";
import { unmetFields } from "../../../identity/web-document.ts";
import { noHandle } from "../../../identity/names.ts";
import { handleAmong } from "../../../plc/update.ts";
import { DecampError, expectedFailure } from "../../../errors.ts";
import { pinnedCredentials } from "../../checks/target-account.ts";
import type { Context, Step } from "../../context.ts";
import { signInToTarget } from "../../sign-in.ts";
import { publish, webOf } from "../../web/publish.ts";
import { catchUp, compare } from "../compare.ts";

export const publishDocument: Step = {
  id: "publish-document",
  only: "web",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const wanted = await wantedFields(context);
    const { document: before } = webOf(context);
    await publish(context, wanted);
    await context.note({ type: "published" });
    await bringWhatCame(context, before);
    return wanted.pds;
  },
};

/** Whether the document names the new server, and still does not say what that server needs to activate the account. */
export async function isDocumentUnfit(context: Context): Promise<boolean> {
  const { did, document } = webOf(context);
  return unmetFields(document.raw, did, await wantedFields(context)).length > 0;
}

/**
 * What the document has to say for the new server.
 *
 * @throws DecampError `refused` if the new server recommends a key or a handle that cannot be right, and as
 *   `pinnedCredentials`
 */
async function wantedFields(context: Context): Promise<DocumentFields> {
  const { target, newHandle } = context;
  const { document, handle: now, past } = webOf(context);
  if (!target.isSignedIn) {
    await signInToTarget(context);
  }
  const { signingKey, alsoKnownAs } = await pinnedCredentials(context);
  if (signingKey === document.signingKey && !livesAt(past, target.origin)) {
    throw new DecampError(
      "refused",
      `${target.host} recommends the signing key that the document names already: it could not sign with it, and the old server could.`,
      { hint: "Ask the operator of the new server whose key that is.", data: { signingKey } },
    );
  }
  const handle = newHandle ?? now;
  const named = handleAmong(alsoKnownAs);
  if (named !== undefined && named.toLowerCase() !== handle.toLowerCase()) {
    throw new DecampError("refused", `The new server calls the account ${named}, and not ${handle}.`, {
      hint: "Run the same command again with that handle: --new-handle.",
      data: { handle, named },
    });
  }
  return { signingKey, pds: target.origin, ...(handle === noHandle ? {} : { handle }) };
}

/**
 * Brings what was written on the old server while the document was waited for. What that server fails to give stops
 * nothing.
 *
 * @param before the document that was there until now
 */
async function bringWhatCame(context: Context, before: DidDocument): Promise<void> {
  const { signal, restoring, hasSnapshot } = context;
  if (restoring !== undefined || !hasSnapshot) {
    return; // there is no old server to ask, or the steps that come look at it
  }
  const now = webOf(context);
  // What goes into the archive is signed with the key of the document before, and has to lie beside that.
  context.identity = { ...now, document: before };
  try {
    if (await catchUp.done(context)) {
      return;
    }
    context.proved = false;
    await catchUp.run(context);
    await compare.run(context);
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    context.warn(
      "not-caught-up",
      `What was written on your old server while the document was waited for could not be brought along: ${message}`,
    );
  } finally {
    context.identity = now;
  }
}
