/**
 * What makes a server's list of its accounts doubtful: by one without anybody, as at a wrong address, or by one that
 * stands still, every night would be a good one.
 */
import { DecampError } from "../../errors.ts";
import { timeOfRev } from "../../repo/head.ts";
import type { ListedRepo } from "../../services/servers/pds.ts";
import { plural } from "../talk/reporters/amounts.ts";
import { totalOf, type Tally } from "./many-tally.ts";

/** By so much a list may be behind, and clocks may differ (milliseconds). */
const tolerance = 300_000;

/**
 * Whether what the list says of an account was old when the run began. Some of them are asked for whatever it says.
 * Where one of those had a newer commit before the run began, the list did not say what was there, and what counts as
 * unchanged by it may not be.
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

/** One or two accounts that are not active may be all that there are. */
const manyInactive = 3;

/**
 * What is to be warned of in a list that was gone through to its end: that it has nobody, or nobody who is active.
 *
 * @param hasAny whether it has had anybody, in this part of the accounts or another
 */
export function oddList(
  host: string,
  hasAny: boolean,
  tally: Tally,
): { readonly code: string; readonly message: string } | undefined {
  if (!hasAny) {
    return { code: "empty-list", message: `${host} lists no account at all.` };
  }
  const { inactive, moved, gone } = tally;
  const resting = inactive + moved;
  return inactive >= manyInactive && totalOf(tally) === resting + gone
    ? {
        code: "none-active",
        message: `${host} calls none of ${plural(resting, "account")} active: nothing was exported.`,
      }
    : undefined;
}

/** The error for a list without anybody, of a server of which there are archives: nobody is up to date by that. */
export function listsNobody(host: string): DecampError {
  return new DecampError(
    "bad-answer",
    `${host} lists no account at all, and there are archives of accounts from there.`,
    {
      hint: "Look whether the server is well, and whether --pds names the right one. The archives stay as they are.",
      data: { host },
    },
  );
}
