/** resolve, in a restore: whose archive is it, what does the verified log say, and where did the account live. */

import { findIdentity } from "../../account/find.ts";
import { homeBefore, livesAt, requireHome } from "../../account/where.ts";
import { DecampError } from "../../errors.ts";
import { parseAccount } from "../../identity/names.ts";
import type { Step } from "../context.ts";
import { findJournal } from "../journal.ts";
import { strangeArrival } from "../restore/swap.ts";
import { restoringOf } from "../restore/restore-options.ts";

export const findArchived: Step = {
  id: "resolve",
  done: () => Promise.resolve(false),
  run: async (context) => {
    const { options, services, signal, targetOrigin, snapshot } = context;
    const identity = await findIdentity(services, parseAccount(snapshot.did), { past: true }, signal);
    context.identity = identity;
    const home = requireHome(identity.log);
    context.switched = livesAt(identity.log, targetOrigin);
    const earlier = await findJournal(options.stateDir, identity.did, targetOrigin);
    restoringOf(context).earlierKeys = earlier?.temporaryKeys ?? [];
    // A finished restore is asked about once more, or its last steps are left.
    if (context.switched && earlier?.restore !== true) {
      throw new DecampError("same-server", `The identity of ${identity.did} names ${targetOrigin} already.`, {
        hint: `What is missing there a move brings; see where the account stands with decamp migrate status ${identity.did}`,
      });
    }
    const strange = context.switched && earlier !== undefined ? strangeArrival(identity.log, earlier) : undefined;
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
    context.source = services.openPds((context.switched ? homeBefore(identity.log) : undefined) ?? home);
    return `${context.oldHandle} is ${identity.did}, as of ${snapshot.createdAt}`;
  },
};
