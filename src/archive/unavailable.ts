/** Accounts and blobs that a server does not hand out: which state it is, exactly, and what can be done. */

import { DecampError, isDecampError } from "../errors.ts";
import type { Pds } from "../services/servers/pds.ts";
import type { Missing } from "./manifest.ts";

/** The protocol's names, and what they say. */
const states: Readonly<Partial<Record<string, string>>> = {
  RepoDeactivated: "is deactivated",
  RepoTakendown: "has been taken down",
  RepoSuspended: "is suspended",
  RepoNotFound: "does not exist",
};

/** The same as a status, in the word of manifests and of lists of accounts. */
const statuses: Readonly<Partial<Record<string, string>>> = {
  RepoDeactivated: "deactivated",
  RepoTakendown: "takendown",
  RepoSuspended: "suspended",
};

const signInHint =
  "Many servers still give it to its owner: sign in with --sign-in, --password-file or --password-command.";

/** Why an account is not active, if that is why its server does not hand it out. */
export function inactiveStatus(error: unknown): string | undefined {
  const state = isDecampError(error, "account-unavailable") ? error.data["state"] : undefined;
  return typeof state === "string" && Object.hasOwn(statuses, state) ? statuses[state] : undefined;
}

/**
 * The error for an account that a server's list says it does not hand out.
 *
 * @param status the word of the list
 * @returns undefined for a word that has no name here: then the server is asked
 */
export function listedUnavailable(host: string, did: string, status: string | undefined): DecampError | undefined {
  const state = Object.keys(statuses).find((name) => statuses[name] === status);
  const says = state === undefined ? undefined : states[state];
  return says === undefined
    ? undefined
    : new DecampError("account-unavailable", `${host} says in its list that the account ${did} ${says}.`, {
        hint: signInHint,
        data: { did, host, state },
      });
}

/**
 * The reason in a manifest for a blob that is gone: the sentence of the reference server, as older manifests have it.
 */
export const blobGone = "Blob not found";

/**
 * Whether a server says that it does not have a blob: `BlobNotFound`, or what the reference server answers in its
 * place, an `InvalidRequest` with that sentence. Nothing else says so: not a 404 without a name, nor a 500.
 */
export function isBlobNotFound(error: unknown): boolean {
  if (!isDecampError(error, "server-refused")) {
    return false;
  }
  const { error: name, status, detail } = error.data;
  return name === "BlobNotFound" || (name === "InvalidRequest" && status === 400 && detail === blobGone);
}

/** Whether a blob is missing because the server said that it does not have it; all others could not be had. */
export function isGone({ reason }: Pick<Missing, "reason">): boolean {
  return reason === blobGone;
}

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
  const { host, isSignedIn, isOperators } = pds;
  const data = { did, host, state };
  if (state === "RepoNotFound") {
    return new DecampError("account-not-found", `${host} says that the account ${did} ${says}.`, {
      hint: "If it lives on another server, name that with --from.",
      data,
      cause: error,
    });
  }
  return new DecampError("account-unavailable", `${host} says that the account ${did} ${says}.`, {
    hint: isOperators
      ? "It was asked for with the admin password, and this server does not hand it out to that."
      : isSignedIn
        ? "It was asked for with the account's session. Ask the operator of that server."
        : signInHint,
    data,
    cause: error,
  });
}

function stateOf(error: unknown): string | undefined {
  const name = isDecampError(error, "server-refused") ? error.data["error"] : undefined;
  return typeof name === "string" && Object.hasOwn(states, name) ? name : undefined;
}
