/** Which blobs lie in an archive, by their names alone. */

import { isCid, type Cid } from "../data/cid.ts";
import { joinPath, listFolder } from "../services/files.ts";
import { blobsFolder } from "./layout.ts";

export interface StoredBlobs {
  readonly cids: ReadonlySet<Cid>;
  /** Paths of what lies among them and is no blob: what an interrupted run has left. */
  readonly leftovers: readonly string[];
  hasAll(cids: readonly Cid[]): boolean;
}

/** Lists the store. @throws DecampError `storage` */
export async function listStoredBlobs(archive: string): Promise<StoredBlobs> {
  const cids = new Set<Cid>();
  const leftovers: string[] = [];
  const root = blobsFolder(archive);
  for (const folder of await listFolder(root)) {
    for (const name of await listFolder(joinPath(root, folder))) {
      if (isCid(name) && name.endsWith(folder)) {
        cids.add(name);
      } else if (name.endsWith(".part")) {
        leftovers.push(joinPath(root, folder, name));
      }
    }
  }
  return { cids, leftovers, hasAll: (wanted) => wanted.every((cid) => cids.has(cid)) };
}
