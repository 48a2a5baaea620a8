/** What the log of the identity says against a move, before anything is written. */

import { directoryTime } from "../../account/directory-time.ts";
import { DecampError } from "../../errors.ts";
import { nextOperationAt } from "../../plc/check.ts";
import { describeHistory } from "../../plc/history.ts";
import { powerlessKeys } from "../../plc/came-alone.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import type { Identity } from "../../account/read-identity.ts";
import type { Context } from "../context.ts";

/** A change that was made and undone so recently is warned of (milliseconds). */
const recent = 7 * 86_400_000;

/**
 * @throws DecampError `rate-limited` when the directory takes no operation now, `identity-invalid` for a frozen
 *   identity
 */
export function checkIdentity(
  context: Pick<Context, "services" | "warn"> & { readonly identity: Pick<Identity, "did" | "log"> },
): void {
  const { identity, services } = context;
  const { did, log } = identity;
  if (rotationKeysOf(log.head.operation).length === 0) {
    throw new DecampError("identity-invalid", `The identity ${did} has no rotation key: nobody can ever change it.`, {
      hint: "An account whose identity is frozen cannot move. Its records can be kept with decamp export.",
    });
  }
  for (const key of powerlessKeys(log)) {
    context.warn("key-below-server", belowServer(key), ["plc", "add-key", did, key]);
  }
  const now = directoryTime(services);
  if (now === undefined) {
    return; // told by the check of the clocks
  }
  const next = nextOperationAt(
    log.entries.map(({ createdAt }) => createdAt),
    now,
  );
  if (next !== undefined) {
    const until = new Date(next).toISOString();
    throw new DecampError("rate-limited", `The directory takes no operation for this account before ${until}.`, {
      data: { until },
    });
  }
  const history = describeHistory(log);
  const undone = history.findLast(({ nullifiedBy }) => nullifiedBy !== undefined);
  if (undone !== undefined && now - Date.parse(undone.entry.createdAt) < recent) {
    context.warn(
      "plc-nullified",
      `A change of this identity from ${undone.entry.createdAt} was undone by a key of higher rank. See who did that before you go on.`,
      ["plc", "history", did],
    );
  }
  const head = history.find(({ entry }) => entry.cid === log.head.cid);
  if (head?.undoUntil !== undefined && now < head.undoUntil) {
    context.warn(
      "plc-undoable",
      `The last change of this identity, from ${log.head.createdAt}, can be undone by ${head.undoKeys.join(" or ")} until ${new Date(head.undoUntil).toISOString()}. That would undo this move, too.`,
    );
  }
}

/** The sentence for a key that is no server's, and of no use where it stands. */
export function belowServer(key: string): string {
  return `The rotation key ${key} stands below a server's, so it cannot undo what a server signs. If it is yours, put it first.`;
}
