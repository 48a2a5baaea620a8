/** Where the archive of an account lies unless somebody has said where: an export and a move each have a place. */

import { expectedFailure } from "../../errors.ts";
import type { Account } from "../../identity/names.ts";
import { joinPath } from "../../services/disk/files.ts";
import { ownRules } from "../../services/system-rules.ts";
import { archiveName } from "../layout.ts";
import { readableManifests } from "../manifest.ts";

/** A folder here, named like the account; with `_` before it where the system keeps that name for itself. */
export function usualFolder(account: Account): string {
  const name = account.type === "handle" ? account.handle : archiveName(account.did);
  return ownRules.isReserved(name) ? `_${name}` : name;
}

/** The archive of a move. @param stateDir folder of decamp's own state */
export function archiveOfMove(stateDir: string, did: string): string {
  return joinPath(stateDir, "archives", archiveName(did));
}

/**
 * The first archive of an account that lies in one of its usual places. What cannot be read there is none.
 *
 * @param names those by which it may have been exported
 * @returns `found`, a folder with a complete snapshot of this account, if there is one; `places`, where it was looked
 *   for
 */
export async function findUsualArchive(
  names: readonly Account[],
  { did, stateDir }: { readonly did: string; readonly stateDir: string },
  signal: AbortSignal,
): Promise<{ readonly found: string | undefined; readonly places: readonly string[] }> {
  const places = [
    ...new Set([...names.map(usualFolder), usualFolder({ type: "did", did }), archiveOfMove(stateDir, did)]),
  ];
  for (const place of places) {
    try {
      if ((await readableManifests(place)).at(-1)?.did === did) {
        return { found: place, places };
      }
    } catch (error) {
      expectedFailure(error, signal);
    }
  }
  return { found: undefined, places };
}
