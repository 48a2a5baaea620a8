/**
 * The heads of the audit logs of very many accounts that have an archive. A further file for each would only take
 * longer: what no archive has got is remembered as usual, once the run is through with it. A run that is stopped before
 * that has seen nothing.
 */
import type { SeenHead, SeenHeads } from "../../services/disk/seen-heads.ts";
import { joinPath } from "../../services/disk/files.ts";
import { comparedHeads } from "../export/compared-heads.ts";
import { archiveName } from "../layout.ts";

export interface ArchivedHeads extends SeenHeads {
  /**
   * Says that the run is through with an account.
   *
   * @param isWritten whether the log was written into its archive; else the head is remembered, durably
   * @throws as `SeenHeads.remember`
   */
  settle(did: string, isWritten: boolean): Promise<void>;
}

/**
 * Heads that are compared with those in the archives, as `comparedHeads`, and of which `remember` is durable once the
 * account is settled.
 *
 * @param folder of the archives
 * @param heads where the rest is remembered
 */
export function archivedHeads(folder: string, heads: SeenHeads): ArchivedHeads {
  /** Seen by this run, and not settled: of the accounts that it is at. */
  const unsettled = new Map<string, SeenHead>();
  return {
    ...comparedHeads((did) => joinPath(folder, archiveName(did)), heads),
    remember: async (head) => {
      unsettled.set(head.did, head);
    },
    settle: async (did, isWritten) => {
      const head = unsettled.get(did);
      unsettled.delete(did);
      if (head !== undefined && !isWritten) {
        await heads.remember(head);
      }
    },
  };
}
