/**
 * What is said where a move stops after the point of no return: how the account is on both servers, and how to go back.
 * Both are asked for it: what this run has seen before may not be so any more.
 */

import { pastOf, readAnyIdentity } from "../../account/web/any-identity.ts";
import { ownKeyFlag, whereIs, type Whereabouts } from "../../account/where.ts";
import { isDecampError, ownHint, withOwnHint } from "../../errors.ts";
import type { Context } from "../context.ts";

/** So long the servers have to say it (milliseconds): the error waits for them. */
const patience = 15_000;

/**
 * Adds to an error how the account is on both servers, as far as they say it, and until when which command takes the
 * change of the identity back.
 *
 * @returns the error as it is, where it is no failure of a server, has a command of its own, or nobody answers
 */
export async function withBothSides(context: Context, error: unknown): Promise<unknown> {
  const isOfServer = isDecampError(error, "server-refused", "bad-answer", "unreachable");
  if (!isOfServer || error.data["next"] !== undefined || context.signal.aborted) {
    return error;
  }
  const where = await ask(context);
  const seen = where === undefined ? undefined : sayBothSides(context, where);
  if (where === undefined || seen === undefined) {
    return error;
  }
  const { until, keys = [], command = [] } = where.undo ?? {};
  const limit = until === undefined ? "" : ` until ${new Date(until).toISOString()}`;
  const back =
    keys.length === 0
      ? undefined
      : `To let the identity name ${context.source.host} again, which ${keys.join(" or ")} can do${limit}:`;
  const hint = [seen, ownHint(error), ...(back === undefined ? [] : [back])].join(" ");
  return withOwnHint(error, hint, back === undefined ? {} : { next: [...command, ...ownKeyFlag] });
}

/** Where the account is now; undefined where nobody says it in time, or the run is ended meanwhile. */
async function ask({ services, identity, source, target, signal }: Context): Promise<Whereabouts | undefined> {
  const soon = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  try {
    const now = await readAnyIdentity(services, identity.did, soon);
    return await whereIs(services, pastOf(now), { source: source.origin, target: target.origin }, soon);
  } catch (reason) {
    if (!soon.aborted && !isDecampError(reason)) {
      throw reason;
    }
    return undefined;
  }
}

/** One sentence; undefined where the new server has the account active, or does not say it. */
function sayBothSides({ source, target }: Context, where: Whereabouts): string | undefined {
  const there = where.target?.state;
  const here = where.source?.state;
  if (there === undefined || there === "active" || there === "unreachable" || there === "unknown") {
    return undefined;
  }
  switch (here) {
    case "active":
      return `${target.host} does not have the account active, and ${source.host} still has.`;
    case "deactivated":
      return `Neither ${target.host} nor ${source.host} has the account active: nobody can see it.`;
    default:
      return `${target.host} does not have the account active.`;
  }
}
