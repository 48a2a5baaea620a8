/**
 * Whether a server's list of its accounts is old. Some of them are asked for whatever it says. Where one of those had a
 * newer commit before the run began, the list did not say what was there, and what counts as unchanged by it may not
 * be.
 */
import { timeOfRev } from "../../repo/head.ts";
import type { ListedRepo } from "../../services/servers/pds.ts";

/** By so much a list may be behind, and clocks may differ (milliseconds). */
const tolerance = 300_000;

/**
 * Whether what the list says of an account was old when the run began.
 *
 * @param head the newest commit of the account, as its repository shows it
 * @param begun when the run began, by the clock of the server (epoch milliseconds)
 */
export function isListedOld(
  stated: ListedRepo,
  { commit, rev }: { readonly commit: string; readonly rev: string },
  begun: number,
): boolean {
  const isOther = stated.head !== undefined && stated.head !== commit && stated.rev !== undefined && stated.rev < rev;
  return isOther && Date.parse(timeOfRev(rev) ?? "") < begun - tolerance;
}
