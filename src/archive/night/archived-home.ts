/** Where the identity of an account named its server when a snapshot of it was made. */
import { isDecampError } from "../../errors.ts";
import { verifyLog } from "../../plc/log.ts";
import { pdsOf } from "../../plc/operation.ts";
import { readPlainFile } from "../../services/disk/plain-entries.ts";
import { snapshotFile } from "../layout.ts";

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
