/** How an account is at the servers that its identity names, or has named. Nobody signs in, and nothing changes. */

import type { PlaceState } from "../../account/places.ts";
import { findAnyIdentity } from "../../account/find.ts";
import { pastOf } from "../../account/web/any-identity.ts";
import { parseAccount } from "../../identity/names.ts";
import type { MigrationServices } from "../context.ts";
import type { HealthCheck } from "./health.ts";
import { askElsewhere, askStanding, checkElsewhere, checkHome } from "./home-checks.ts";

/** What the servers say of an account. */
export interface AccountStanding {
  readonly did: string;
  readonly handle: string;
  /** The server that the identity names, if it names one, and then those where it has lived, the last ones. */
  readonly servers: readonly {
    /** Origin. */
    readonly server: string;
    readonly state: PlaceState;
    /** Whether the identity names it. */
    readonly home: boolean;
  }[];
  /** What that means, and what mends it: `home`, and `elsewhere` where it has lived elsewhere. */
  readonly checks: readonly HealthCheck[];
  /** Whether no check is a fault. */
  readonly ok: boolean;
}

/**
 * Asks the servers of an account how it is there.
 *
 * @param question `account`: a handle or a DID; `from`: origin of the server that is asked for the handle
 * @throws DecampError what finding the account and proving its log throw
 */
export async function standingOf(
  services: MigrationServices,
  { account, from }: { readonly account: string; readonly from?: string | undefined },
  signal: AbortSignal,
): Promise<AccountStanding> {
  const identity = await findAnyIdentity(services, parseAccount(account), { from, past: true }, signal);
  const { did, handle } = identity;
  const subject = { did, handle, past: pastOf(identity), signingKey: undefined };
  const standing = await askStanding(services, subject, signal);
  const [home, places] = await Promise.all([
    checkHome(services, did, standing, signal),
    askElsewhere(services, subject, standing, signal),
  ]);
  const elsewhere = checkElsewhere(subject, standing, places);
  const checks = elsewhere === undefined ? [home] : [home, elsewhere];
  const named = standing.home;
  return {
    did,
    handle,
    servers: [
      ...(named === undefined ? [] : [{ server: named.url, state: named.state, home: true }]),
      ...places.map(({ url, state }) => ({ server: url, state, home: false })),
    ],
    checks,
    ok: checks.every(({ state }) => state !== "fault"),
  };
}
