/**
 * An account, active again where its identity points. Nothing else is made active: two live copies of one account part
 * from each other, and an empty one hides the full one.
 */

import { DecampError, isDecampError, withOwnHint } from "../errors.ts";
import { parseServerUrl } from "../identity/addresses.ts";
import { documentUrl, parseAccount } from "../identity/names.ts";
import { emptyTree } from "../repo/head.ts";
import type { IdentityAnswers } from "./answers.ts";
import { findAnyIdentity } from "./find.ts";
import { headAt, stateAt } from "./places.ts";
import type { Pds } from "../services/servers/pds.ts";
import { ownCredentials } from "./plan-move.ts";
import { unsettledSentence, unsettledServers } from "./watch/unsettled-servers.ts";
import { lackingParts, originOf } from "./repair/lacking-parts.ts";
import type { AccountServices } from "./services.ts";
import { signIn } from "./sign-in.ts";
import { pastOf, type AnyIdentity } from "./web/any-identity.ts";
import { isWebPast } from "./web/past.ts";
import { homeBefore, requireHome } from "./where.ts";

/** Whose account, and how it is found. */
export interface ActivateRequest {
  /** A handle or a DID. */
  readonly account: string;
  /** Origin of the server that is asked for the handle. */
  readonly from?: string | undefined;
  readonly allowPrivateHosts: boolean;
}

/** What came of it. */
export interface Activated {
  readonly did: string;
  readonly handle: string;
  /** Origin of the server that the identity names. */
  readonly server: string;
  readonly state: "activated" | "already-active";
}

/**
 * Activates an account at the server that its identity names.
 *
 * @throws DecampError `refused` for an empty copy while another server may have what the account had, and for a server
 *   that does not do it; `account-not-found` if the server does not have the account; what finding it and signing in
 *   throw
 */
export async function activateAccount(
  services: AccountServices,
  answers: IdentityAnswers,
  { account, from, allowPrivateHosts }: ActivateRequest,
  signal: AbortSignal,
): Promise<Activated> {
  const identity = await findAnyIdentity(services, parseAccount(account), { from, past: true }, signal);
  const { did, handle } = identity;
  const past = pastOf(identity);
  const server = parseServerUrl(requireHome(past), { allowPrivateHosts });
  const pds = services.openPds(server);
  if ((await stateAt(pds, did, signal)) === "active") {
    return { did, handle, server, state: "already-active" };
  }
  try {
    await signIn(services, pds, { past, handle, named: [from] }, answers, "sourcePassword", signal);
    const before = homeBefore(past);
    const head = await headAt(pds, did, signal);
    if (before !== undefined && head?.data === emptyTree) {
      const there = await stateAt(services.openPds(before), did, signal);
      if (there !== "absent") {
        throw new DecampError(
          "refused",
          `The account is empty at ${pds.host}, and ${before}, where it has lived, may have all of it (${there}).`,
          from === server || !(await unsettledServers(services, past, signal)).includes(server)
            ? {
                hint: "Nobody would see anything of it. This brings what is there first, and then activates the account:",
                data: { next: ["migrate", did, "--from", before, "--to", server] },
              }
            : {
                hint: `${unsettledSentence(past, pds)} First settle whether it was you: this shows it, and the way back.`,
                data: { next: ["doctor", did] },
              },
        );
      }
    }
    await pds.activate(signal).catch(async (error: unknown) => {
      throw isDecampError(error, "server-refused") ? await withReason(error, pds, identity, signal) : error;
    });
    const state = await stateAt(pds, did, signal);
    if (state !== "active") {
      throw new DecampError("server-refused", `${pds.host} did not activate the account. It says of it: ${state}.`, {
        hint: `Ask the operator of ${pds.host}.`,
      });
    }
    return { did, handle, server, state: "activated" };
  } finally {
    await pds.signOut();
  }
}

/** A refusal to activate, with what mends it, where it is the identity that does not say what the server needs. */
async function withReason(
  error: DecampError,
  pds: Pds,
  identity: AnyIdentity,
  signal: AbortSignal,
): Promise<DecampError> {
  const { did, document } = identity;
  const past = pastOf(identity);
  const own = await ownCredentials(pds, signal, !isWebPast(past));
  if (own === undefined) {
    return error;
  }
  if (isWebPast(past)) {
    return document.signingKey === own.signingKey && originOf(own.pds.endpoint) === pds.origin
      ? error
      : withOwnHint(
          error,
          `The document at ${documentUrl(did)} has to name what this server has: the signing key ${own.signingKey}, and the address ${own.pds.endpoint}. Publish that, then activate the account again.`,
        );
  }
  const hint =
    "The identity does not say all that this server needs. This lets it say that. Then activate the account again.";
  return Object.keys(lackingParts(past.head.operation, own, false)).length === 0
    ? error
    : withOwnHint(error, hint, { next: ["plc", "repair", did] });
}
