/** Accounts that a server does not hand out: which state it is, exactly, and what can be done. */

import { DecampError, isDecampError } from "../errors.ts";
import type { Pds } from "../services/pds.ts";

/** The protocol's names, and what they say. */
const states: Readonly<Partial<Record<string, string>>> = {
  RepoDeactivated: "is deactivated",
  RepoTakendown: "has been taken down",
  RepoSuspended: "is suspended",
  RepoNotFound: "does not exist (any more)",
};

/** Whether an error is about the account as a whole. */
export function isAccountState(error: unknown): boolean {
  return isDecampError(error, "server-refused") && stateOf(error) !== undefined;
}

/**
 * The error for an account that is not handed out, if that is what `error` is about; any other error as it is.
 * Never an error of a server's own making: its name for the state stays in `data.state`.
 */
export function asUnavailable(error: unknown, pds: Pds, did: string): unknown {
  const state = stateOf(error);
  const says = state === undefined ? undefined : states[state];
  if (says === undefined) {
    return error;
  }
  const { host, isSignedIn } = pds;
  const data = { did, host, state };
  if (state === "RepoNotFound") {
    return new DecampError("account-not-found", `The account ${did} ${says} on ${host}.`, {
      hint: "It was deleted there, or it lives on another server: name that with --from.",
      data,
      cause: error,
    });
  }
  return new DecampError("account-unavailable", `The account ${did} ${says} on ${host}.`, {
    hint: isSignedIn
      ? "The server gives it to its owner neither. Ask its operator."
      : "Its owner can still export it: sign in with --sign-in, --password-file or --password-command.",
    data,
    cause: error,
  });
}

function stateOf(error: unknown): string | undefined {
  const name = isDecampError(error, "server-refused") ? error.data["error"] : undefined;
  return typeof name === "string" && Object.hasOwn(states, name) ? name : undefined;
}
