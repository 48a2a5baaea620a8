/**
 * The heads of the audit logs of accounts that have an archive. What was seen last of one lies there, with the whole
 * log: so a run with another state, or with none, notices as well that an operation is held back, before what is in the
 * archive gets a successor without it.
 *
 * Of very many accounts a further file for each would only take longer: what no archive has got is remembered as usual,
 * once the run is through with it. A run that is stopped before that has seen nothing.
 */
import { hash } from "node:crypto";
import { isJsonObject } from "../../data/json-object.ts";
import { isDecampError } from "../../errors.ts";
import type { SeenHead, SeenHeads } from "../../services/disk/seen-heads.ts";
import { joinPath } from "../../services/disk/files.ts";
import { readPlainFile } from "../../services/disk/plain-entries.ts";
import { archiveName, snapshotFile, snapshotFiles } from "../layout.ts";
import { readableManifests } from "../manifest.ts";

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
 * The heads that are remembered, of which `recall` has the later one of what is remembered and what the archive has. An
 * archive that cannot be read, or is another account's, says nothing.
 *
 * @param archiveOf the archive of an account
 */
export function comparedHeads(archiveOf: (did: string) => string, heads: SeenHeads): SeenHeads {
  return {
    ...heads,
    recall: async (did) => {
      const remembered = await heads.recall(did);
      const archived = await archivedLog(archiveOf(did), did).catch((error: unknown) => {
        if (!isDecampError(error)) {
          throw error;
        }
        return undefined;
      });
      if (archived === undefined || (remembered !== undefined && !archived.cids.has(remembered.cid))) {
        return remembered;
      }
      return { did, cid: archived.head, seenAt: archived.seenAt, place: archived.path };
    },
  };
}

/**
 * The same for very many accounts: `remember` is durable once the account is settled.
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

/** An audit log as it lies in an archive, where it was proved before. */
interface ArchivedLog {
  readonly path: string;
  /** CIDs of all its operations, and of the newest one that counts. */
  readonly cids: ReadonlySet<string>;
  readonly head: string;
  /** When its snapshot was made, ISO 8601. */
  readonly seenAt: string;
}

/**
 * The log of the newest snapshot that has it whole; undefined if none has.
 *
 * @throws DecampError `storage`
 */
async function archivedLog(archive: string, did: string): Promise<ArchivedLog | undefined> {
  const manifests = (await readableManifests(archive)).filter((manifest) => manifest.did === did);
  for (const { snapshot, files, createdAt } of manifests.toReversed()) {
    const path = snapshotFile(archive, snapshot, "log");
    const bytes = await readPlainFile(path);
    if (bytes !== undefined && hash("sha256", bytes, "hex") === files[snapshotFiles.log]?.sha256) {
      const entries = parseEntries(bytes);
      const head = entries.findLast(({ nullified }) => !nullified);
      if (head !== undefined) {
        return { path, cids: new Set(entries.map(({ cid }) => cid)), head: head.cid, seenAt: createdAt };
      }
    }
  }
  return undefined;
}

function parseEntries(bytes: Uint8Array): { readonly cid: string; readonly nullified: boolean }[] {
  try {
    const log: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return (Array.isArray(log) ? log : []).flatMap((entry: unknown) => {
      const { cid, nullified } = isJsonObject(entry) ? entry : {};
      return typeof cid === "string" ? [{ cid, nullified: nullified === true }] : [];
    });
  } catch {
    return [];
  }
}
