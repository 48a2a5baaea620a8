/** Servers to which nobody is led, and no password goes by itself, before it is settled who has named them. */
import { strangersServers } from "../../plc/strangers.ts";
import { timeAtDirectory } from "../directory-time.ts";
import type { AccountServices } from "../services.ts";
import { livesAt } from "../where.ts";
import { isWebPast, type Past } from "../web/past.ts";

/** What it takes to know them: the clock, and what decamp has made on this machine. */
export type SettlingServices = Pick<AccountServices, "now" | "clockOffset" | "directory" | "heads">;

/**
 * Origins that only operations of the last 72 hours have named, or those that were taken back, which decamp is not
 * known to have made on this machine; none of a did:web.
 *
 * @throws the signal's reason
 */
export async function unsettledServers(
  services: SettlingServices,
  past: Past,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (isWebPast(past)) {
    return [];
  }
  const now = timeAtDirectory(services);
  const late = strangersServers(past, [], now);
  // Most logs have none: what was made here is on the disk.
  return late.length === 0 ? late : strangersServers(past, (await services.heads.made?.(past.did, signal)) ?? [], now);
}

/** Says it of one of them, in a sentence. */
export function unsettledSentence(
  past: Past,
  { host, origin }: { readonly host: string; readonly origin: string },
): string {
  return livesAt(past, origin)
    ? `In the last 72 hours somebody has let the identity name ${host}, and decamp has not done that on this machine.`
    : `Only a change of the last 72 hours, or one that was taken back, has let the identity name ${host}, and decamp has not made it on this machine.`;
}
