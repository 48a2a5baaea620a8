/** Servers to which nobody is led, and no password goes by itself, before it is settled who has named them. */
import { strangersServers } from "../../plc/strangers.ts";
import { madeHere } from "../../services/disk/remembered/made-operations.ts";
import { timeAtDirectory } from "../directory-time.ts";
import type { AccountServices } from "../services.ts";
import { isWebPast, type Past } from "../web/past.ts";

/**
 * Origins that only operations of the last 72 hours have named which decamp is not known to have made on this machine;
 * none of a did:web.
 *
 * @param stateDir folder of decamp's own state: it knows what decamp has made here
 * @throws the signal's reason
 */
export async function unsettledServers(
  services: Pick<AccountServices, "now" | "clockOffset" | "directory">,
  past: Past,
  stateDir: string | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return isWebPast(past)
    ? []
    : strangersServers(past, await madeHere(stateDir, past.did, signal), timeAtDirectory(services));
}
