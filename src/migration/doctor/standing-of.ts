/**
 * How an account is at the servers that its identity names, or has named; and what its server says to the owner, where
 * that is asked for. Nothing changes.
 */

import type { PlaceState } from "../../account/places.ts";
import { hadHandle, notClaimed } from "../../account/find.ts";
import { pastOf, readAnyIdentity, type AnyIdentity } from "../../account/web/any-identity.ts";
import type { MigrationServices } from "../context.ts";
import { findNamed, requireRemembered, type Lookup, type Named } from "./by-memory.ts";
import { madeHere } from "../../services/disk/remembered/made-operations.ts";
import { recentChanges, withoutStrangers } from "./change-checks.ts";
import type { HealthCheck } from "./health.ts";
import { checkMove, withMove } from "./move-checks.ts";
import { checkAsOwner, type OwnerAnswers } from "./owner-checks.ts";
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
  /**
   * What that means, and what mends it: `changes` where somebody changed the identity lately, `move` where one is
   * under way, `journal` where only one of those knows the handle, `home`, `elsewhere` where it has lived elsewhere,
   * and what the owner is told.
   */
  readonly checks: readonly HealthCheck[];
  /** Whether no check is a fault. */
  readonly ok: boolean;
}

/**
 * Asks the servers of an account how it is there.
 *
 * @param question `account`: a handle or a DID; `owner`: sign in at the server of the account, too
 * @throws DecampError what finding the account and proving its log throw; as `checkAsOwner`
 */
export async function standingOf(
  services: MigrationServices,
  { account, owner, ...lookup }: Lookup & { readonly account: string; readonly owner?: OwnerAnswers | undefined },
  signal: AbortSignal,
): Promise<AccountStanding> {
  const named = await findNamed(services, account, lookup, signal);
  const identity = await readAnyIdentity(services, named.did, signal);
  requireRemembered(named, identity.log);
  requireClaimed(named, identity);
  const { did, handle } = identity;
  const { signingKey } = identity.document;
  const subject = { did, handle, past: pastOf(identity), signingKey };
  const standing = await askStanding(services, subject, signal);
  const places = await askElsewhere(services, subject, standing, lookup.stateDir, signal);
  const home = await checkHome(services, subject, standing, places, signal);
  const elsewhere = checkElsewhere(subject, standing, places);
  const outside = [
    ...(named.memory === undefined ? [] : [named.memory.check]),
    home,
    ...(elsewhere === undefined ? [] : [elsewhere]),
  ];
  const inside =
    owner === undefined
      ? []
      : await checkAsOwner(services, subject, standing, { owner, from: lookup.from }, Promise.resolve(outside), signal);
  const { log } = identity;
  const changes =
    log === undefined ? undefined : recentChanges(services, log, await madeHere(lookup.stateDir, did, signal));
  const move = await checkMove(services, subject, lookup.stateDir, signal);
  const seen = withMove([...outside, ...inside], move);
  const checks = withoutStrangers([...[changes?.check ?? []].flat(), ...seen], changes);
  const { home: at } = standing;
  return {
    did,
    handle,
    servers: [
      ...(at === undefined ? [] : [{ server: at.url, state: at.state, home: true }]),
      ...places.map(({ url, state }) => ({ server: url, state, home: false })),
    ],
    checks,
    ok: checks.every(({ state }) => state !== "fault"),
  };
}

/** @throws DecampError `identity-invalid` for an account that neither has the handle nor has had it */
function requireClaimed({ asked }: Named, { did, handle, log }: AnyIdentity): void {
  if (
    asked !== undefined &&
    handle.toLowerCase() !== asked.toLowerCase() &&
    (log === undefined || !hadHandle(log, asked))
  ) {
    throw notClaimed(asked, did, handle);
  }
}
