/**
 * What the relay thinks of the new server. It limits how many accounts of a server it carries, 100 unless its operator
 * raises that. What accounts above the limit post is seen by nobody, although their server shows no fault. The limit
 * holds for accounts that are new to the relay: one that it carries goes on, and one that it has throttled stays so,
 * whatever server it moves to. So the account is asked about, too.
 */

import { isDecampError } from "../../errors.ts";
import type { Context } from "../context.ts";

/** How long this may take (milliseconds): nothing depends on it. */
const deadline = 8000;
/** The usual limit, from where on it is near, and from where on it must have been raised. */
const limit = { usual: 100, near: 90, raised: 1000 };

/** Warns of what a relay says against the new server, or the account. Never fails. */
export async function checkRelay(context: Context): Promise<void> {
  const { services, target, identity, signal, warn } = context;
  const { relay } = services;
  if (relay === undefined) {
    return;
  }
  try {
    const stop = AbortSignal.any([signal, AbortSignal.timeout(deadline)]);
    const [said, account] = await Promise.all([
      relay.hostStatus(target.host, stop),
      relay.accountStatus(identity.did, stop),
    ]);
    if (account?.status === "throttled") {
      warn(
        "relay-throttled",
        `The relay ${relay.host} has the account as throttled, and will after the move: nobody sees what it posts. Ask the operator of your server.`,
      );
    }
    if (said === undefined) {
      warn(
        "relay-unknown",
        `The relay ${relay.host} does not know ${target.host}. Until it does, nobody sees what is posted there.`,
      );
      return;
    }
    const { status, accounts } = said;
    if (status === "throttled" || status === "banned") {
      warn(
        "relay-status",
        `The relay ${relay.host} has ${target.host} as ${status}: what is posted there may be seen by nobody.`,
      );
    }
    if (account?.active !== true && accounts !== undefined && accounts >= limit.near && accounts < limit.raised) {
      warn(
        "relay-limit",
        `The relay ${relay.host} counts ${accounts} accounts at ${target.host}. Unless its operator has raised the limit of ${limit.usual}, it does not carry what later ones post. Ask the operator of your new server.`,
      );
    }
  } catch (error) {
    signal.throwIfAborted();
    const timedOut = error instanceof Error && error.name === "TimeoutError";
    if (!timedOut && !isDecampError(error)) {
      throw error;
    }
  }
}
