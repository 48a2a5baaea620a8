/**
 * Signing in at a server: asks again where a person can answer, and makes sure whose session it is. It is the one way
 * of a password to a server where the account is already: whoever takes an identity has it name a server of theirs, and
 * the next job of the owner would give the password away. So one that was given beforehand goes to no server that only
 * a change of the last days has named which may be a stranger's; a person sees the host, and types.
 */

import { DecampError, isDecampError, withHint } from "../errors.ts";
import type { Pds } from "../services/servers/pds.ts";
import type { SessionInfo } from "../services/servers/session.ts";
import type { IdentityAnswers } from "./answers.ts";
import type { AccountLog } from "./find.ts";
import { unsettledSentence, unsettledServers, type SettlingServices } from "./watch/unsettled-servers.ts";
import type { Past } from "./web/past.ts";

/** The servers allow 30 tries in five minutes; nobody needs that many. */
const tries = 5;

/** Which password it is that is asked for. */
type Password = "sourcePassword" | "targetPassword";

/** Whom a session is for, and by whose word it is at that server. */
export interface SessionOwner {
  /** What is known of where the account was, and is: it shows who has let the identity name the server. */
  readonly past: Past;
  /** Origins that the person has named for this work: a password that was given beforehand may go there. */
  readonly named: readonly (string | undefined)[];
  /** What people call the account there; the DID unless given. */
  readonly handle?: string | undefined;
}

/** The same of an account whose log was read. @param named as in `SessionOwner` */
export function ownerOf({ log, handle }: AccountLog, named: SessionOwner["named"] = []): SessionOwner {
  return { past: log, handle, named };
}

/**
 * Signs in with the account's own password.
 *
 * @param password the question that is asked for it
 * @param toRead the session is only for reading: an app password will do, and an account that was taken down
 * @throws DecampError `auth-refused` for the password; `account-not-found` if the server refuses and says that it has
 *   no such account; `account-unavailable`, `account-unconfirmed`, `unsupported` as `PinnedSession.signIn`;
 *   `app-password`, `auth-factor-required`, `input-needed`; `refused` if it is the session of another account, and
 *   where nobody can be asked for the password of a server that is not settled; and what the services throw
 */
export async function signIn(
  services: SettlingServices,
  pds: Pds,
  { past, named, handle = past.did }: SessionOwner,
  answers: Pick<IdentityAnswers, "authFactorCode" | "canAskAgain" | Password>,
  password: Password,
  signal: AbortSignal,
  toRead: boolean = false,
): Promise<SessionInfo> {
  const { did } = past;
  const { host } = pds;
  const isNamed = named.includes(pds.origin);
  const isSettled = isNamed || !(await unsettledServers(services, past, signal)).includes(pds.origin);
  if (!isSettled && !answers.canAskAgain) {
    throw unsettled(past, pds, "The password was not sent there.", ifItIsYours(pds));
  }
  const onlyTyped = isSettled ? {} : { onlyTyped: unsettledSentence(past, pds) };
  let again: { again?: string } = {};
  let factor: { authFactorToken?: string } = {};
  for (let count = 1; ; count += 1) {
    try {
      const answer = await answers[password]({ handle, host, isNew: false, ...onlyTyped, ...again });
      const credentials = { identifier: did, password: answer, ...factor };
      const info = await pds.signIn(toRead ? { ...credentials, allowTakendown: true } : credentials, signal, toRead);
      if (info.did !== did) {
        throw new DecampError("refused", `${host} signed in ${info.did}, not ${did}.`);
      }
      return info;
    } catch (caught) {
      const error = toRead ? asReader(caught) : caught;
      if (isDecampError(error, "auth-refused") && (await isAbsent(pds, did, signal))) {
        throw new DecampError(
          "account-not-found",
          `${host} refuses the sign-in, and says that it does not have the account ${did}.`,
          { hint: "Look whether it is the right server, and the right account.", data: { host, did }, cause: error },
        );
      }
      if (count >= tries) {
        throw error;
      }
      if (isDecampError(error, "auth-factor-required")) {
        if (factor.authFactorToken !== undefined && !answers.canAskAgain) {
          throw error;
        }
        factor = { authFactorToken: await answers.authFactorCode({ host }) };
        again = {};
      } else if (isDecampError(error, "auth-refused", "app-password") && answers.canAskAgain) {
        again = { again: error.message };
      } else {
        throw error;
      }
    }
  }
}

/**
 * The error where something would be given, or given up, to whom perhaps a stranger has named.
 *
 * @param held what was not done
 * @param ifYours what to do if it was the owner; sentences, both
 */
export function unsettled(past: Past, pds: Pds, held: string, ifYours: string): DecampError {
  return new DecampError("refused", `${unsettledSentence(past, pds)} ${held}`, {
    hint: `${ifYours} If it was not you, this shows what happened, and the way back:`,
    data: { reason: "unsettled-server", host: pds.host, next: ["doctor", past.did] },
  });
}

/** What to do with an error for the reason `unsettled-server`, where that was the owner. */
export function ifItIsYours({ origin }: Pick<Pds, "origin">): string {
  return `If you have moved there, name it with --from ${origin}, or type the password at a terminal.`;
}

/** Who only reads may have an app password: the hint of the code says otherwise. */
function asReader(error: unknown): unknown {
  return isDecampError(error, "auth-refused")
    ? withHint(error, "Try again with the account's password at that server, or with an app password of the account.")
    : error;
}

/**
 * Whether the server says that it does not have the account. Many refuse an account that they do not have as they
 * refuse a wrong password; one that does not answer this says nothing.
 */
async function isAbsent(pds: Pds, did: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await pds.repoStatus(did, signal)) === undefined;
  } catch (error) {
    if (!isDecampError(error) || signal.aborted) {
      throw error;
    }
    return false;
  }
}
