/** A restore that was finished, and that a key above the user's has taken back since: with both its operations. */

import { DecampError } from "../../errors.ts";
import { originOfPds } from "../../identity/did-document.ts";
import { describeHistory, undoDeadline } from "../../plc/history.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { pdsOf } from "../../plc/operation.ts";

/**
 * The error for an account that is active at the new server although the identity does not name that any more, where
 * the log shows why; undefined where it shows no such thing.
 *
 * @param target origin of the new server
 * @param now epoch milliseconds by the directory's clock
 */
export function takenBack(log: VerifiedLog, target: string, now: number): DecampError | undefined {
  const history = describeHistory(log);
  const lost = history.findLast(
    ({ entry, nullifiedBy }) => nullifiedBy !== undefined && originOfPds(pdsOf(entry.operation)) === target,
  );
  const by = history.find(({ entry }) => entry.cid === lost?.nullifiedBy);
  if (lost === undefined || by === undefined) {
    return undefined;
  }
  const { entry, undoKeys } = by;
  const until = undoDeadline(entry);
  const canUndo = undoKeys.length > 0 && now <= until && by.nullifiedBy === undefined;
  const { did } = log;
  return new DecampError(
    "refused",
    `The identity of ${did} has named ${target}, by the operation ${lost.entry.cid}. The operation ${entry.cid} of ${entry.createdAt}, signed by ${entry.signer}, has taken that back. The account at ${target} is still there, and active.`,
    {
      hint: canUndo
        ? `Until ${new Date(until).toISOString()} that can be taken back in turn, with ${undoKeys.join(" or ")}:`
        : "No key above that one can take it back now. A key of yours that is still in the identity can make the change again (decamp plc diff --operation, plc sign, plc submit); whoever holds the other one can then take it back again, for 72 hours. What the operations said:",
      data: {
        reason: "taken-back",
        operation: entry.cid,
        signer: entry.signer,
        nullified: lost.entry.cid,
        undoKeys: canUndo ? undoKeys : [],
        next: canUndo ? ["plc", "recover", did, "--operation", entry.cid] : ["plc", "history", did],
      },
    },
  );
}
