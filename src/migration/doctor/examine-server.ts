/** Whether a server would take an account: what it says of itself, and what it would make of this one. */

import { findAnyIdentity } from "../../account/find.ts";
import { stateAt } from "../../account/places.ts";
import { pastOf, type AnyIdentity } from "../../account/web/any-identity.ts";
import { homeOf, livesAt } from "../../account/where.ts";
import { bytesText } from "../../data/bytes-text.ts";
import { shortened } from "../../data/shortened.ts";
import { expectedFailure, isDecampError } from "../../errors.ts";
import { parseAccount } from "../../identity/names.ts";
import type { Pds, ServerDescription } from "../../services/servers/pds.ts";
import { requireOwnDid } from "../checks/own-did.ts";
import type { MigrationServices } from "../context.ts";
import { neededBlobs } from "./blob-check.ts";
import { fine, found, type HealthCheck } from "./health.ts";
import { checkRelayHost } from "./network-checks.ts";

/** So many domains of handles are named. */
const mostDomains = 5;

/** What is asked about. */
export interface ServerQuestion {
  /** Origin. */
  readonly server: string;
  /** A handle or a DID. */
  readonly account: string;
  /** Origin of a server that is asked for the handle. */
  readonly from?: string | undefined;
  /** Leave out what reads the whole repository. */
  readonly quick: boolean;
}

/** What was found. */
export interface ServerHealth {
  /** Origin. */
  readonly server: string;
  readonly did: string;
  readonly checks: readonly HealthCheck[];
  /** Whether no check is a fault. */
  readonly ok: boolean;
}

/**
 * Looks a server over. Nothing is changed, and nobody signs in.
 *
 * @throws DecampError what finding the account throws
 */
export async function examineServer(
  { server, account, from, quick }: ServerQuestion,
  services: MigrationServices,
  signal: AbortSignal,
): Promise<ServerHealth> {
  const pds = services.openPds(server);
  const identity = await findAnyIdentity(services, parseAccount(account), { from, past: true }, signal);
  const checks = await lookOver(pds, identity, { quick }, services, signal);
  return { server, did: identity.did, checks, ok: checks.every(({ state }) => state !== "fault") };
}

async function lookOver(
  pds: Pds,
  identity: AnyIdentity,
  { quick }: Pick<ServerQuestion, "quick">,
  services: MigrationServices,
  signal: AbortSignal,
): Promise<readonly HealthCheck[]> {
  let description: ServerDescription;
  try {
    description = await pds.describe(signal);
  } catch (error) {
    const { message, hint } = expectedFailure(error, signal);
    return [found("server", "fault", message, { help: hint })];
  }
  const { relay } = services;
  const version = await pds.version(signal);
  const [limits, there, carried] = await Promise.all([
    checkLimits(pds, description, quick ? undefined : identity, services, signal),
    checkThere(pds, identity, signal),
    relay === undefined ? undefined : checkRelayHost(relay, { pds, signal }),
  ]);
  return [
    checkName(pds, description, identity.did) ??
      fine("server", `${pds.host} answers${version === undefined ? "" : `; its version is ${version}`}.`),
    checkAdmission(pds, description),
    checkTerms(pds, description),
    limits,
    there,
    ...(carried === undefined ? [] : [carried]),
  ];
}

/** A move refuses a server that calls itself another. */
function checkName({ host }: Pds, description: ServerDescription, did: string): HealthCheck | undefined {
  try {
    requireOwnDid(host, description, did);
    return undefined;
  } catch (error) {
    if (!isDecampError(error, "refused")) {
      throw error;
    }
    return found("server", "fault", error.message, { help: error.hint });
  }
}

function checkAdmission({ host }: Pds, description: ServerDescription): HealthCheck {
  const { inviteCodeRequired, phoneVerificationRequired, availableUserDomains: domains } = description;
  const more = domains.length > mostDomains ? `, and ${domains.length - mostDomains} others` : "";
  const some = domains.slice(0, mostDomains).map((domain) => shortened(domain));
  const handles = domains.length === 0 ? "" : ` Its handles end with ${some.join(" or ")}${more}.`;
  if (phoneVerificationRequired) {
    const message = `${host} wants a phone number or a captcha of new accounts, which decamp cannot answer.`;
    return found("admission", "fault", message, { help: `Ask its operator how accounts that move get in.` });
  }
  return inviteCodeRequired
    ? found("admission", "warning", `${host} takes new accounts only with an invite code.${handles}`, {
        help: "Ask its operator for one.",
      })
    : fine("admission", `${host} asks for no invite code.${handles}`);
}

function checkTerms({ host }: Pds, { termsOfService, privacyPolicy }: ServerDescription): HealthCheck {
  const links = [termsOfService, privacyPolicy].filter((link) => link !== undefined);
  return links.length === 0
    ? found("terms", "warning", `${host} names no rules and no privacy policy.`)
    : fine("terms", `Its rules: ${links.join(", ")}`);
}

/** The largest blob that the records name, against what the server takes. */
async function checkLimits(
  { host }: Pds,
  { blobUploadLimit }: ServerDescription,
  identity: AnyIdentity | undefined,
  services: MigrationServices,
  signal: AbortSignal,
): Promise<HealthCheck> {
  if (blobUploadLimit === undefined) {
    return found("limits", "warning", `${host} does not say how large a picture or video may be.`);
  }
  const says = `${host} takes pictures and videos of up to ${bytesText(blobUploadLimit)}`;
  const home = identity === undefined ? undefined : homeOf(pastOf(identity));
  if (identity === undefined || home === undefined) {
    return fine("limits", `${says}.`);
  }
  try {
    const subject = { did: identity.did, past: pastOf(identity) };
    const blobs = [...(await neededBlobs(services.openPds(home), subject, signal)).values()];
    const large = blobs.filter(({ size }) => size > blobUploadLimit);
    return large.length === 0
      ? fine("limits", `${says}: enough for all ${blobs.length} of the account.`)
      : found("limits", "fault", `${says}, and ${large.length} of the account are larger, by what its records say.`, {
          help: "Ask its operator to raise the limit, or leave them behind: decamp migrate names them.",
        });
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    return found("limits", "unknown", `${says}. How large those of the account are is not known: ${message}`);
  }
}

async function checkThere(pds: Pds, identity: AnyIdentity, signal: AbortSignal): Promise<HealthCheck> {
  const { did } = identity;
  if (livesAt(pastOf(identity), pds.origin)) {
    return found("there", "warning", `The account lives at ${pds.host} already: the identity names it.`);
  }
  const state = await stateAt(pds, did, signal);
  switch (state) {
    case "absent":
      return fine("there", `${pds.host} does not have the account.`);
    case "unreachable":
    case "unknown":
      return found("there", "unknown", `${pds.host} does not say whether it has the account.`);
    default:
      return found("there", "warning", `${pds.host} has the account already (${state}).`, {
        help: "This says what that means:",
        next: ["migrate", "status", did, "--to", pds.origin],
      });
  }
}
