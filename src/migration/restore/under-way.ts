/** A move and a restore of the same account do not get into each other's way: whichever was begun is finished first. */

import { DecampError } from "../../errors.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { signingKeyOf } from "../../plc/operation.ts";
import type { JournalState } from "../journal.ts";

/**
 * Stops a move in the middle of a restore: it would find a temporary key, and take it for the account's.
 *
 * @param target origin of the server that the move goes to
 * @throws DecampError `refused` with data `reason`: `restore-under-way`, and the command that goes on in `next`
 */
export function requireNoRestore(log: VerifiedLog, journals: readonly JournalState[], target: string): void {
  const now = signingKeyOf(log.head.operation) ?? "";
  const named = journals.find(({ temporaryKeys = [] }) => temporaryKeys.includes(now));
  const begun = journals.find((journal) => journal.target === target && journal.restore === true);
  const found = named ?? (begun === undefined || isFinished(log, begun) ? undefined : begun);
  if (found === undefined) {
    return;
  }
  const to = found.target ?? target;
  const words = ["restore", found.archive ?? "ARCHIVE", "--to", to];
  throw new DecampError(
    "refused",
    `A restore of ${log.did} to ${to} is under way${named === undefined ? "" : ", and the identity names its temporary signing key"}.`,
    {
      hint: "Take it back with decamp restore cancel, or go on with it:",
      data: { reason: "restore-under-way", next: words },
    },
  );
}

/** Whether the identity names the new server by what the restore has made, and the temporary key is destroyed. */
function isFinished(log: VerifiedLog, { signed, temporaryKey }: JournalState): boolean {
  return temporaryKey === undefined && log.entries.some(({ cid, nullified }) => cid === signed?.cid && !nullified);
}

/**
 * Stops a restore in the middle of a move from a server that is there: the move brings what that server has.
 *
 * @param journal that of the account and the target, if there is one
 * @param source origin of the server that the identity names
 * @throws DecampError `refused` with data `reason`: `move-under-way`, and the command that goes on in `next`
 */
export function requireNoMove(log: VerifiedLog, journal: JournalState | undefined, source: string): void {
  const { restore, signed, undo, target = "", at = "", archive } = journal ?? {};
  const isOver = undo !== undefined || log.entries.some(({ cid }) => cid === signed?.cid);
  if (journal?.did === undefined || restore === true || isOver || journal.source !== source) {
    return;
  }
  throw new DecampError(
    "refused",
    `A move of ${log.did} from ${source} to ${target} is under way since ${at}, and ${source} is there.`,
    {
      hint: "Take it back with decamp migrate cancel, or go on with it. Only if that server is hostile, or you have lost all ways to sign in there, add --home-is-lost. To go on with the move:",
      data: {
        reason: "move-under-way",
        next: ["migrate", log.did, "--to", target, ...(archive === undefined ? [] : ["--archive", archive])],
      },
    },
  );
}
