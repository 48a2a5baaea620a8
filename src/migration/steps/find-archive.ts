/** resolve, in a restore: whose archive is it, what does the verified log say, and where did the account live. */

import { findAnyIdentity } from "../../account/find.ts";
import { pastOf, type AnyIdentity } from "../../account/web/any-identity.ts";
import { homeBefore, livesAt, requireHome } from "../../account/where.ts";
import { signerOf } from "../../archive/export/fetch-repo.ts";
import { rememberedKeys } from "../../archive/check/remembered-keys.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { parseAccount } from "../../identity/names.ts";
import { goThroughEntryway } from "../checks/host-behind.ts";
import type { Context, Step } from "../context.ts";
import { findJournal } from "../journal.ts";
import { strangeArrival } from "../restore/swap.ts";
import { restoringOf } from "../restore/restore-options.ts";
import { requireNoPlcWishes } from "../web/publish.ts";
import { recall } from "../web/recall.ts";

export const findArchived: Step = {
  id: "resolve",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { options, services, signal, snapshot } = context;
    const found = await findAnyIdentity(services, parseAccount(snapshot.did), { past: true }, signal);
    const identity = await recall(found, options.stateDir);
    context.identity = identity;
    const past = pastOf(identity);
    const home = requireHome(past);
    await goThroughEntryway(context);
    const { targetOrigin } = context;
    context.switched = livesAt(past, targetOrigin);
    const earlier = await findJournal(options.stateDir, identity.did, targetOrigin);
    restoringOf(context).earlierKeys = earlier?.temporaryKeys ?? [];
    // A finished restore is asked about once more, or its last steps are left.
    if (context.switched && earlier?.restore !== true) {
      throw new DecampError("same-server", `The identity of ${identity.did} names ${targetOrigin} already.`, {
        hint: "What is missing there a move brings. Where the account stands:",
        data: { next: ["migrate", "status", identity.did] },
      });
    }
    if (identity.log === undefined) {
      await prepareWeb(context, identity);
    }
    const strange =
      context.switched && earlier !== undefined && identity.log !== undefined
        ? strangeArrival(identity.log, earlier)
        : undefined;
    if (strange !== undefined) {
      throw new DecampError(
        "refused",
        `The identity of ${identity.did} names ${targetOrigin}, by the operation ${strange.cid} of ${strange.createdAt}, which ${strange.signer} has signed and this restore has not made.`,
        {
          hint: "If a server did that, take it back with your rotation key within 72 hours, and run the same command again. To take it back:",
          data: {
            reason: "looks-hostile",
            operation: strange.cid,
            signer: strange.signer,
            next: ["plc", "recover", identity.did, "--operation", strange.cid],
          },
        },
      );
    }
    context.oldHandle = (context.switched ? earlier?.handle : undefined) ?? identity.handle;
    context.source = services.openPds((context.switched ? homeBefore(past) : undefined) ?? home);
    return `${context.oldHandle} is ${identity.did}, as of ${snapshot.createdAt}`;
  },
};

/**
 * A restore of a did:web needs no rotation key. What the archive is proved with is said where that is only memory.
 *
 * @throws DecampError `usage` for what only a did:plc has
 */
async function prepareWeb(context: Context, identity: AnyIdentity): Promise<void> {
  const { snapshot, warn } = context;
  const restoring = restoringOf(context);
  const { namesKey = false, nullify, acceptKeys, dropKeys } = restoring.options;
  requireNoPlcWishes(identity.did, {
    "a rotation key": namesKey,
    "--nullify": nullify !== undefined,
    "--accept-key": acceptKeys !== undefined,
    "--drop-key": dropKeys !== undefined,
  });
  const { archive, signal } = context;
  restoring.archivedKeys = await rememberedKeys(archive);
  const { signingKeys } = pastOf(identity);
  const known = restoring.archivedKeys.filter((key) => !signingKeys.includes(key));
  if (known.length === 0) {
    return;
  }
  // Only where the repository is signed with one of these does that matter.
  const signer = await signerOf(archive, snapshot, { did: identity.did, signingKeys: known }, signal).catch(
    (error: unknown) => {
      if (!isDecampError(error)) {
        throw error;
      }
      return undefined; // that the archive is damaged is for its proof to say
    },
  );
  if (signer !== undefined) {
    warn(
      "archive-key-remembered",
      `The document of ${identity.did} names another signing key now than ${signer}, with which the archive is signed. A did:web keeps no past, so nothing but copies of the document in the archive itself says that this key was the account's: the proof shows that the archive is whole, and not whose it is.`,
    );
  }
}
