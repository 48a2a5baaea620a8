/** The handle on the new server: chosen once, checked before anything is written. */

import { isSilent } from "../account/places.ts";
import { handleAt } from "../account/where.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { isHandle, isReservedHandle, noHandle } from "../identity/names.ts";
import { warnIfHostIsSilent } from "./checks/handle-outside.ts";
import type { Context } from "./context.ts";

/**
 * Sets `newHandle`: what an earlier run has chosen, or the answer. In a dry run that nobody can answer it stays unset.
 * What cannot be found out of it from here is a warning.
 *
 * @param sourceDomains the domains under which the old server gives out handles
 * @throws DecampError `handle-refused`, `handle-taken`, `input-needed`
 */
export async function chooseHandle(context: Context, sourceDomains: readonly string[]): Promise<void> {
  const { answers, identity, options, targetDescription } = context;
  const domains = targetDescription.availableUserDomains;
  let back = handleThere(context);
  const chosen = context.hasJournal ? context.journal.state.newHandle : undefined;
  const hasHandle = identity.handle !== noHandle;
  let keep = hasHandle && !sourceDomains.some((domain) => identity.handle.endsWith(domain));
  let reason: string | undefined;
  for (;;) {
    const known = chosen ?? back;
    const question = { current: known ?? identity.handle, keep: keep || known !== undefined, domains };
    let handle: string;
    try {
      handle = (await answers.targetHandle({ ...question, ...(reason === undefined ? {} : { reason }) }))
        .trim()
        .toLowerCase()
        .replace(/^@/, "");
    } catch (error) {
      if (options.dryRun && isDecampError(error, "input-needed")) {
        return;
      }
      throw hasHandle ? error : asNameless(error, context);
    }
    const objection = await objectionTo(context, handle, domains);
    if (objection === undefined) {
      context.newHandle = handle;
      return;
    }
    if (back !== undefined && handle === back) {
      back = undefined; // nobody has chosen it
      continue;
    }
    if (!answers.canAskAgain) {
      throw new DecampError(objection.code, objection.reason, { data: { handle } });
    }
    // Nobody has chosen a handle that was to be kept: its objection is no answer to anything that was typed.
    reason = keep && handle === identity.handle && chosen === undefined ? undefined : objection.reason;
    keep = false;
  }
}

/** Writes down which handle was chosen, and whether the new server has taken it, if that is news. */
export async function noteHandle(context: Context, isTaken: boolean = context.switched): Promise<void> {
  const { newHandle } = context;
  const { newHandle: known, hasNewHandle } = context.journal.state;
  if (newHandle !== undefined && (known !== newHandle || (isTaken && hasNewHandle !== true))) {
    await context.note({ type: "handle", newHandle, ...(isTaken ? { state: "taken" } : {}) });
  }
}

/** What the account is called where it has lived, and still is: there nobody can choose. */
function handleThere({ identity, target, where }: Context): string | undefined {
  const isThere = where.target !== undefined && !isSilent(where.target) && where.target.state !== "absent";
  return isThere && identity.log !== undefined ? handleAt(identity.log, target.origin) : undefined;
}

/** The error where nobody can be asked, with the reason why a handle is needed. */
function asNameless(error: unknown, { identity, target }: Context): unknown {
  return isDecampError(error, "input-needed")
    ? new DecampError(
        "input-needed",
        `The identity of ${identity.did} names no handle, and at ${target.host} the account needs one.`,
        { hint: "Choose one with --new-handle, or NEW_ACCOUNT_HANDLE in the environment.", cause: error },
      )
    : error;
}

/** Why a handle cannot be used at the new server, as far as it can be seen from here. */
async function objectionTo(
  context: Context,
  handle: string,
  domains: readonly string[],
): Promise<Objection | undefined> {
  const { services, identity, signal, target } = context;
  if (!isHandle(handle) || isReservedHandle(handle)) {
    const [domain] = domains;
    const name = /^[a-z0-9]{3,18}$/i.test(handle) ? handle.toLowerCase() : "name";
    const example = `${name}${domain ?? ".example.com"}`;
    return refused(`${JSON.stringify(handle)} is not a handle. One looks like this: ${example}`);
  }
  const domain = domains.find((one) => handle.endsWith(one));
  if (domain !== undefined) {
    const name = handle.slice(0, -domain.length);
    if (name.includes(".") || name.length < 3 || name.length > 18) {
      return refused(
        `${target.host} gives out names of 3 to 18 letters, digits and hyphens under ${domain}, and ${name} is none.`,
      );
    }
    const holder = await target.resolveHandle(handle, signal);
    if (holder !== undefined && holder !== identity.did) {
      return { code: "handle-taken", reason: `${handle} belongs to somebody else at ${target.host}.` };
    }
    await warnIfHostIsSilent(context, handle);
    return undefined;
  }
  let did: string | undefined;
  try {
    did = await services.handles.resolve(handle, signal);
  } catch (error) {
    if (!isDecampError(error, "unreachable")) {
      throw error;
    }
    // The new server looks for itself before it takes the handle.
    context.warn("handle-not-asked", error.message);
    return undefined;
  }
  if (did === identity.did) {
    return undefined;
  }
  if (did === undefined && (await isNamedSoThere(context, handle))) {
    context.warn(
      "handle-unresolved",
      `${target.host} calls the account ${handle}, but nothing else leads from that handle to it.`,
    );
    return undefined;
  }
  return refused(
    did === undefined
      ? `${handle} is not one of the names that ${target.host} gives out (${domains.length === 0 ? "none" : domains.join(", ")}), and it does not lead to your account.`
      : `${handle} leads to another account.`,
  );
}

/** Whether the new server has the account already, and by this name, as a server of one account does. */
async function isNamedSoThere({ target, where, identity, signal }: Context, handle: string): Promise<boolean> {
  const isThere = where.target !== undefined && !isSilent(where.target) && where.target.state !== "absent";
  return isThere && (await target.resolveHandle(handle, signal)) === identity.did;
}

interface Objection {
  readonly code: "handle-refused" | "handle-taken";
  readonly reason: string;
}

function refused(reason: string): Objection {
  return { code: "handle-refused", reason };
}
