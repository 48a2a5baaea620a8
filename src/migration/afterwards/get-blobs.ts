/** Blobs that an archive lacks, from servers that are named, and those where the account lives or has lived. */

import { findAnyIdentity } from "../../account/find.ts";
import { requireArchivedHead } from "../../archive/export/compared-heads.ts";
import { fetchLater, type FetchedLater } from "../../archive/export/fetch-later.ts";
import { exportOptions } from "../../archive/export/export-options.ts";
import { readableManifests } from "../../archive/manifest.ts";
import { readSnapshots } from "../../archive/open.ts";
import { findUsualArchive } from "../../archive/export/usual-archive.ts";
import { DecampError } from "../../errors.ts";
import { parseAccount } from "../../identity/names.ts";
import type { MigrationServices } from "../context.ts";
import { requireArchiveOf } from "./archive-of.ts";
import { BlobGivers, type KeeperAnswers, type OwnerOnly } from "./blob-givers.ts";

/** Whose blobs, and from where. */
export interface GetRequest {
  /** A handle or a DID. */
  readonly account: string;
  /** Folder of the archive; where an export or a move puts it, unless given. */
  readonly archive?: string | undefined;
  /** Origins of servers that are asked before the others; the first one for the handle, too. */
  readonly servers: readonly string[];
  /** Folder of decamp's own state. */
  readonly stateDir: string;
}

/** What came of it. */
export interface Got extends FetchedLater {
  readonly did: string;
  readonly handle: string;
  /** Folder of the archive. */
  readonly archive: string;
  /** Where nobody has signed in that gives blobs to the owner alone. */
  readonly ownerOnly: readonly OwnerOnly[];
}

/**
 * Brings what the archive lacks, as far as a server gives it. No archive is made here.
 *
 * @throws DecampError `refused` for the archive of another account; `usage` where none was named and none lies in its
 *   usual places; what opening the archive, finding the account, signing in and `fetchLater` throw
 */
export async function getBlobs(
  services: MigrationServices,
  answers: KeeperAnswers,
  { account, archive: named, servers, stateDir }: GetRequest,
  signal: AbortSignal,
): Promise<Got> {
  const name = parseAccount(account);
  const contents = named === undefined ? undefined : await readSnapshots(named);
  const identity = await findAnyIdentity(services, name, { from: servers[0], past: true }, signal);
  const { did, handle } = identity;
  if (named !== undefined && contents !== undefined) {
    requireArchiveOf(contents, named, did);
  }
  const archive = named ?? (await requireUsual());
  if (identity.log !== undefined) {
    await requireArchivedHead(archive, await readableManifests(archive), identity.log);
  }
  const wanted = { named: servers, others: { home: true, earlier: true } };
  const givers = await BlobGivers.of(services, identity, wanted, answers, signal);
  try {
    const options = { ...exportOptions(services, { signal }), signsIn: givers.signIn.bind(givers) };
    const fetched = await fetchLater(archive, did, givers.all, options);
    return { did, handle, archive, ...fetched, ownerOnly: givers.ownerOnly };
  } finally {
    await givers.signOut();
  }

  async function requireUsual(): Promise<string> {
    const names = [name, { type: "handle", handle }] as const;
    const { found, places } = await findUsualArchive(names, { did, stateDir }, signal);
    if (found === undefined) {
      throw new DecampError("usage", `No archive of ${handle} is in ${places.join(", or in ")}.`, {
        hint: "If it lies elsewhere, name its folder behind the account. If there is none, this makes one, with all blobs that there are:",
        data: { next: ["export", did] },
      });
    }
    return found;
  }
}
