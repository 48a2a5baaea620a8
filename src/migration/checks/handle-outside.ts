/**
 * The handle as the world sees it: by DNS and the well-known address, and never by what the new server says. A server
 * finds the handles of its own accounts even if they lead nowhere from outside.
 */

import { isDecampError } from "../../errors.ts";
import type { Context } from "../context.ts";

/** How long looking at the host of a handle may take (milliseconds): nothing stops for it. */
const deadline = 8000;

/** What was seen, and the sentence for it. */
export interface SeenHandle {
  readonly seen: "leads-here" | "leads-elsewhere" | "nowhere" | "not-asked" | "unreachable";
  readonly message: string;
}

type Asker = Pick<Context, "signal"> & {
  readonly services: Pick<Context["services"], "handles" | "openPds">;
  readonly identity: Pick<Context["identity"], "did">;
  readonly options: Pick<Context["options"], "allowPrivateHosts">;
};

/**
 * Asks from outside where a handle leads. Not asked are names that nobody outside can know: those under `.test`, and
 * all of them where private networks are allowed.
 *
 * @throws the signal's reason; nothing that the network says
 */
export async function handleFromOutside(context: Asker, handle: string): Promise<SeenHandle> {
  const inside = insideOnly(context, handle);
  if (inside !== undefined) {
    return { seen: "not-asked", message: `Where ${handle} leads was not asked from outside: ${inside}.` };
  }
  return whereItLeads(context, handle);
}

/**
 * Asks where a handle leads, whoever can know it: for a name that its owner wants to be found by.
 *
 * @throws as `handleFromOutside`
 */
export async function whereItLeads(
  { services, identity, signal }: Omit<Asker, "options">,
  handle: string,
): Promise<SeenHandle> {
  try {
    const did = await services.handles.resolve(handle, signal);
    if (did === identity.did) {
      return { seen: "leads-here", message: `${handle} leads to the account.` };
    }
    return did === undefined
      ? { seen: "nowhere", message: `The handle ${handle} leads to no account as things are.` }
      : { seen: "leads-elsewhere", message: `The handle ${handle} leads to another account, ${did}.` };
  } catch (error) {
    if (isDecampError(error, "unreachable", "private-address")) {
      return {
        seen: "unreachable",
        message: `It could not be confirmed that ${handle} leads to the account. ${error.message}`,
      };
    }
    if (isDecampError(error, "identity-invalid")) {
      return { seen: "leads-elsewhere", message: error.message };
    }
    throw error;
  }
}

/** What speaks against asking from outside, in half a sentence; undefined if nothing does. */
function insideOnly({ options }: Pick<Asker, "options">, handle: string): string | undefined {
  if (handle.endsWith(".test")) {
    return "names under .test are in no public DNS";
  }
  return options.allowPrivateHosts ? "private networks are allowed, and their names are known only there" : undefined;
}

/**
 * Warns if no server answers at the address of a handle that the new server gives out. The new server has to answer
 * there, and many operators forget the names below that of their server.
 */
export async function warnIfHostIsSilent(context: Asker & Pick<Context, "warn">, handle: string): Promise<void> {
  const { services, signal, warn } = context;
  if (insideOnly(context, handle) !== undefined) {
    return;
  }
  const limit = AbortSignal.timeout(deadline);
  try {
    // Any answer will do: before the account is made, no server can know the handle.
    await services.openPds(`https://${handle}`).describe(AbortSignal.any([signal, limit]));
  } catch (error) {
    signal.throwIfAborted();
    const late = limit.aborted ? `${handle} gave no answer within the time limit.` : undefined;
    const silent = isDecampError(error, "unreachable", "private-address") ? error.message : undefined;
    const because = late ?? silent;
    if (because !== undefined) {
      warn("handle-host-silent", `${handle} may lead nowhere: ${because} Ask the operator of the new server.`);
    } else if (!isDecampError(error)) {
      throw error;
    }
  }
}
