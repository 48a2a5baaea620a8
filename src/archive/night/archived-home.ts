/** Where the identity of an account named its server when a snapshot of it was made, and whether it does now. */
import type { LocatedAccount } from "../../account/find.ts";
import { isDecampError } from "../../errors.ts";
import { originOfPds } from "../../identity/did-document.ts";
import { verifyLog } from "../../plc/log.ts";
import { pdsOf } from "../../plc/operation.ts";
import { readPlainFile } from "../../services/disk/plain-entries.ts";
import { snapshotFile } from "../layout.ts";
import { readableManifests } from "../manifest.ts";

/**
 * Origin of the server that the identity named when a snapshot was made; undefined if that cannot be read.
 *
 * @throws DecampError `storage`
 */
export async function archivedHome(archive: string, did: string, snapshot: string): Promise<string | undefined> {
  try {
    const bytes = await readPlainFile(snapshotFile(archive, snapshot, "log"));
    const { head } = verifyLog(did, JSON.parse(new TextDecoder().decode(bytes)));
    const named = pdsOf(head.operation);
    return named === undefined ? undefined : new URL(named).origin;
  } catch (error) {
    if (isDecampError(error, "storage")) {
      throw error;
    }
    return undefined;
  }
}

/**
 * Origin of the server that the identity of an account names, if that is not the one that is asked, and it named
 * another one when the newest snapshot was made. Where it names who is asked, nothing is read.
 *
 * @param asked its origin
 * @returns undefined also where that is not known
 * @throws DecampError `storage`
 */
export async function newHome(
  archive: string,
  { did, log }: LocatedAccount,
  asked: string,
): Promise<string | undefined> {
  const home = log === undefined ? undefined : originOfPds(pdsOf(log.verified.head.operation));
  const newest = home === undefined || home === asked ? undefined : (await readableManifests(archive)).at(-1);
  const before = newest === undefined ? undefined : await archivedHome(archive, did, newest.snapshot);
  return before === undefined || before === home ? undefined : home;
}
