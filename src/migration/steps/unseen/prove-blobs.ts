/**
 * Where the identity names the new server, and no journal says that the blobs were proved before it did: the same
 * records do not show that their blobs are there. So each is read back before the old account is deactivated, and what
 * is missing is sent.
 */

import type { Context } from "../../context.ts";
import { findHolding } from "../../holding.ts";
import { signInToTarget } from "../../sign-in.ts";
import { exportNow, exportStep, proveNow } from "../export.ts";
import { transferNow } from "../transfer-blobs.ts";

/**
 * @param context signed in at the old server, whose records the new one has
 * @returns why the old account should stay active; undefined where nothing holds it up
 * @throws DecampError what the export and the new server's answers throw
 */
export async function proveOwedBlobs(context: Context): Promise<string | undefined> {
  const { source, target, where } = context;
  if (!context.owesBlobs) {
    return undefined;
  }
  if (!target.isSignedIn) {
    await signInToTarget(context);
  }
  if (!(await exportStep.done(context))) {
    await exportNow(context);
  }
  // What was written since both were compared would be in the snapshot, and count as moved.
  const seen = where.source?.head?.data;
  const isSame =
    seen === undefined
      ? (await findHolding(context, { isFresh: true })).kind === "proved"
      : seen === context.snapshot.data;
  if (!isSame) {
    return `something was written at ${source.host} a moment ago`;
  }
  await proveNow(context);
  await transferNow(context);
  return undefined;
}
