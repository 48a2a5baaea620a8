/** Blobs that an archive lacks, from servers that are named, and those where the account lives or has lived. */

import { findAnyIdentity } from "../../account/find.ts";
import { pastOf } from "../../account/web/any-identity.ts";
import { homeOf } from "../../account/where.ts";
import { fetchLater, type FetchedLater } from "../../archive/export/fetch-later.ts";
import { exportOptions } from "../../archive/export/export-options.ts";
import { readSnapshots } from "../../archive/open.ts";
import { parseAccount } from "../../identity/names.ts";
import type { MigrationServices } from "../context.ts";
import { earlierHomes } from "../doctor/home-checks.ts";
import { requireArchiveOf } from "./archive-of.ts";

/** Whose blobs, and from where. */
export interface GetRequest {
  /** A handle or a DID. */
  readonly account: string;
  /** Folder of the archive. */
  readonly archive: string;
  /** Origins of servers that are asked before the others. */
  readonly servers: readonly string[];
}

/** What came of it. */
export interface Got extends FetchedLater {
  readonly did: string;
  readonly handle: string;
}

/**
 * Brings what the archive lacks, as far as a server gives it. Nobody is signed in.
 *
 * @throws DecampError `refused` for the archive of another account; what opening the archive, finding the account and
 *   `fetchLater` throw
 */
export async function getBlobs(
  services: MigrationServices,
  { account, archive, servers }: GetRequest,
  signal: AbortSignal,
): Promise<Got> {
  const contents = await readSnapshots(archive);
  const identity = await findAnyIdentity(services, parseAccount(account), { past: true }, signal);
  const { did, handle } = identity;
  requireArchiveOf(contents, archive, did);
  const past = pastOf(identity);
  const home = homeOf(past);
  const origins = new Set([...servers, ...(home === undefined ? [] : [home]), ...earlierHomes({ past })]);
  const asked = [...origins].map((origin) => services.openPds(origin));
  return { did, handle, ...(await fetchLater(archive, did, asked, exportOptions(services, { signal }))) };
}
