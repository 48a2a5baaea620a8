/**
 * A new server that only lets in: the account goes to the host behind it where it has lived. That is said before
 * anything is asked or transferred.
 */

import { hostBehind, requireReturn } from "../../account/entryway.ts";
import { pastOf } from "../../account/web/any-identity.ts";
import type { Context } from "../context.ts";

/**
 * Puts the host in the place of its entryway, where the identity says that the account has lived there.
 *
 * @throws DecampError `unsupported` for a server that is known to take in none that has not lived there
 */
export async function goThroughEntryway(context: Context): Promise<void> {
  const { services, identity, targetOrigin, signal, warn } = context;
  const past = pastOf(identity);
  const behind = await hostBehind(services, past, targetOrigin, signal);
  if (behind === undefined) {
    requireReturn(past, targetOrigin);
    return;
  }
  const { host, state } = behind;
  context.targetOrigin = host;
  const says =
    state === "unreachable" || state === "unknown" ? "does not say how the account is there now" : `has it, ${state}`;
  warn(
    "entryway",
    `${targetOrigin} signs in for many servers, and keeps no accounts itself. By the log of the identity the account was at ${host}, which ${says}: that is the new server.`,
  );
}
