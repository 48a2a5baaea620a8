/** A move and a restore of the same account do not get into each other's way: whichever was begun is finished first. */

import { ownKeyFlag } from "../../account/where.ts";
import { DecampError } from "../../errors.ts";
import { isWebPast, type Past } from "../../account/web/past.ts";
import { signingKeyOf } from "../../plc/operation.ts";
import type { JournalState } from "../journal.ts";

/**
 * Stops a move in the middle of a restore: it would find a temporary key, and take it for the account's.
 *
 * @param target origin of the server that the move goes to
 * @throws DecampError `refused` with data `reason`: `restore-under-way`, and the command that goes on in `next`
 */
export function requireNoRestore(past: Past, journals: readonly JournalState[], target: string): void {
  const now = (isWebPast(past) ? past.signingKeys[0] : signingKeyOf(past.head.operation)) ?? "";
  const named = journals.find(({ temporaryKeys = [] }) => temporaryKeys.includes(now));
  const begun = journals.find((journal) => journal.target === target && journal.restore === true);
  const found = named ?? (begun === undefined || isFinished(past, begun) ? undefined : begun);
  if (found === undefined) {
    return;
  }
  const to = found.target ?? target;
  const words = ["restore", found.archive ?? "ARCHIVE", "--to", to, ...(isWebPast(past) ? [] : ownKeyFlag)];
  throw new DecampError(
    "refused",
    `A restore of ${past.did} to ${to} is under way${named === undefined ? "" : ", and the identity names its temporary signing key"}.`,
    {
      hint: "Take it back with decamp restore cancel, or go on with it:",
      data: { reason: "restore-under-way", next: words },
    },
  );
}

/** Whether the identity names the new server by what the restore has made, and the temporary key is destroyed. */
function isFinished(past: Past, { signed, published, temporaryKey }: JournalState): boolean {
  const wasMade = isWebPast(past)
    ? published === true
    : past.entries.some(({ cid, nullified }) => cid === signed?.cid && !nullified);
  return temporaryKey === undefined && wasMade;
}

/**
 * Stops a restore in the middle of a move from a server that is there: the move brings what that server has.
 *
 * @param journal that of the account and the target, if there is one
 * @param source origin of the server that the identity names
 * @throws DecampError `refused` with data `reason`: `move-under-way`, and the command that goes on in `next`
 */
export function requireNoMove(past: Past, journal: JournalState | undefined, source: string): void {
  const { restore, signed, published, undo, target = "", at = "", archive } = journal ?? {};
  const wasMade = isWebPast(past) ? published === true : past.entries.some(({ cid }) => cid === signed?.cid);
  const isOver = undo !== undefined || wasMade;
  if (journal?.did === undefined || restore === true || isOver || journal.source !== source) {
    return;
  }
  throw new DecampError(
    "refused",
    `A move of ${past.did} from ${source} to ${target} is under way since ${at}, and ${source} is there.`,
    {
      hint: "Take it back with decamp migrate cancel, or go on with it. Only if that server is hostile, or you have lost all ways to sign in there, add --home-is-lost. To go on with the move:",
      data: {
        reason: "move-under-way",
        next: ["migrate", past.did, "--to", target, ...(archive === undefined ? [] : ["--archive", archive])],
      },
    },
  );
}
