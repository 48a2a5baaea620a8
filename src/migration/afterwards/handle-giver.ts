/** Who gives out names such as a handle: the server of an account, or the one that signs its accounts in. */

import { DecampError, expectedFailure } from "../../errors.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { MigrationServices } from "../context.ts";
import type { HandleRecord } from "./handle-record.ts";

/** The server that gives out names like the handle: that of the account, or the one that signs its accounts in. */
export async function giverOf(
  services: MigrationServices,
  pds: Pds,
  handle: string,
  signal: AbortSignal,
): Promise<Pds | undefined> {
  const givesOut = async (one: Pds): Promise<boolean> =>
    (await one.describe(signal)).availableUserDomains.some((domain) => handle.endsWith(domain.toLowerCase()));
  if (await givesOut(pds)) {
    return pds;
  }
  const others = (await quietly(async () => pds.authorizationServers(signal), signal)) ?? [];
  for (const origin of others.filter((one) => one !== pds.origin)) {
    const entryway = await quietly(async () => {
      const one = services.openPds(origin);
      return (await givesOut(one)) ? one : undefined;
    }, signal);
    if (entryway !== undefined) {
      return entryway;
    }
  }
  return undefined;
}

/** For what only helps: a server that does not say it says nothing. */
export async function quietly<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    expectedFailure(error, signal);
    return undefined;
  }
}

/** @throws DecampError `handle-taken` for a name that the server has given to somebody else */
export async function requireFree(giver: Pds, { did, handle }: HandleRecord, signal: AbortSignal): Promise<void> {
  const holder = await giver.resolveHandle(handle, signal);
  if (holder !== undefined && holder !== did) {
    throw new DecampError("handle-taken", `${handle} belongs to another account at ${giver.host}: ${holder}.`, {
      hint: "Choose another name.",
      data: { handle, did: holder },
    });
  }
}
