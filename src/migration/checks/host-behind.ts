/**
 * Servers that only let in. Behind an entryway stand hosts, which keep the accounts: an identity names a host, and the
 * owner knows the entryway. On which host an account was, the verified log says.
 *
 * The hosts of Bluesky are known by their names, and by nothing else. Any other host says itself who signs its accounts
 * in (RFC 9728, "authorization_servers", as OAuth in atproto has it). It could name any server, to have an account that
 * goes there: so the server that was named has to know the account, too, as the host does; and who has let the identity
 * name that host has to be settled. A new password and a whole account go where this leads.
 */

import { stateAt, type PlaceState } from "../../account/places.ts";
import type { AccountServices } from "../../account/services.ts";
import { pastOf } from "../../account/web/any-identity.ts";
import { unsettledServers, type SettlingServices } from "../../account/watch/unsettled-servers.ts";
import { isWebPast, type Past } from "../../account/web/past.ts";
import { serversOf } from "../../account/where.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import type { Context } from "../context.ts";

const bluesky = "https://bsky.social";
const blueskyHost = /^https:\/\/(?:[a-z0-9-]+\.)+host\.bsky\.network$/;

/** How long a host may take to say who signs in for it (milliseconds): it may be gone for long. */
const patience = 4000;

/** States that say nothing of an account that is there. */
const unsaid: ReadonlySet<PlaceState> = new Set(["absent", "unreachable", "unknown"]);

/** The host behind an entryway to which an account can go back, or where it is. */
export interface HostBehind {
  /** Origin. */
  readonly host: string;
  /** What it says of the account. */
  readonly state: PlaceState;
}

/**
 * Where an account lived, or lives, if the server that was named is the entryway to that.
 *
 * @param entry origin of the server that was named
 * @returns undefined for any other server, as far as can be found out
 */
export async function hostBehind(
  services: Pick<AccountServices, "openPds"> & SettlingServices,
  past: Past,
  entry: string,
  signal: AbortSignal,
): Promise<HostBehind | undefined> {
  const { openPds } = services;
  const servers = isWebPast(past) ? [] : serversOf(past);
  if (servers.includes(entry) || (servers.length < 2 && entry !== bluesky)) {
    return undefined;
  }
  const strange = entry === bluesky ? [] : await unsettledServers(services, past, signal);
  const isBehind = await Promise.all(
    servers.map(
      async (server) => !strange.includes(server) && (await entrywaysOf(openPds, server, signal)).includes(entry),
    ),
  );
  let silent: HostBehind | undefined;
  for (const host of servers.filter((_, index) => isBehind[index])) {
    const state = await stateAt(openPds(host), past.did, signal, { attempts: 1 });
    if (entry !== bluesky && (unsaid.has(state) || (await stateAt(openPds(entry), past.did, signal)) !== state)) {
      continue;
    }
    if (host === servers[0] || !unsaid.has(state)) {
      return { host, state };
    }
    silent ??= state === "absent" ? undefined : { host, state };
  }
  return silent;
}

/**
 * Bluesky takes in no account that has not lived there. (Since September 2025 it takes those back that have.)
 *
 * @param target origin of the new server
 * @throws DecampError `unsupported`
 */
export function requireReturn(past: Past, target: string): void {
  const servers = isWebPast(past) ? [] : serversOf(past);
  if ((target !== bluesky && !blueskyHost.test(target)) || servers.includes(target)) {
    return;
  }
  const hosts = servers.filter((server) => blueskyHost.test(server));
  throw new DecampError(
    "unsupported",
    hosts.length === 0
      ? `${target} takes back accounts that began there, and takes in no others. The log of ${past.did} names no host of it.`
      : `${target} takes back accounts that have lived there, where they lived. That was ${hosts.join(", ")}${target === bluesky ? ", which does not have the account any more" : ""}.`,
    {
      hint:
        hosts.length === 0 || target === bluesky
          ? "Choose another server."
          : `Name ${bluesky}, and decamp finds the host.`,
      data: { target, hosts },
    },
  );
}

/**
 * Puts the host in the place of its entryway, where the identity says that the account has lived there.
 *
 * @throws DecampError `unsupported` for a server that is known to take in none that has not lived there
 */
export async function goThroughEntryway(context: Context): Promise<void> {
  const { services, identity, targetOrigin, signal, warn } = context;
  const past = pastOf(identity);
  const behind = await hostBehind(services, past, targetOrigin, signal);
  if (behind === undefined) {
    requireReturn(past, targetOrigin);
    return;
  }
  const { host, state } = behind;
  context.targetOrigin = host;
  const says =
    state === "unreachable" || state === "unknown" ? "does not say how the account is there now" : `has it, ${state}`;
  warn(
    "entryway",
    `${targetOrigin} signs in for many servers, and keeps no accounts itself. By the log of the identity the account was at ${host}, which ${says}: that is the new server.`,
  );
}

/** Origins of the servers that let in at a host; none where it does not say. */
async function entrywaysOf(
  openPds: AccountServices["openPds"],
  host: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (blueskyHost.test(host)) {
    return [bluesky];
  }
  const late = AbortSignal.timeout(patience);
  try {
    const named = await openPds(host).authorizationServers(AbortSignal.any([signal, late]));
    return named.filter((origin) => origin !== bluesky);
  } catch (error) {
    signal.throwIfAborted();
    if (!late.aborted && !isDecampError(error)) {
      throw error;
    }
    return [];
  }
}
