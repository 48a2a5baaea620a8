/** Which blobs lie in an archive, by their names alone. */

import { isCid, type Cid } from "../data/cid.ts";
import { joinPath } from "../services/disk/files.ts";
import { listEntries } from "../services/disk/plain-entries.ts";
import { blobsFolder } from "./layout.ts";

export interface StoredBlobs {
  readonly cids: ReadonlySet<Cid>;
  /** Paths of files among them that an interrupted run has left. */
  readonly leftovers: readonly string[];
}

/** Lists the store. What a link leads to is not in it. @throws DecampError `storage` */
export async function listStoredBlobs(archive: string): Promise<StoredBlobs> {
  const cids = new Set<Cid>();
  const leftovers: string[] = [];
  const root = blobsFolder(archive);
  for (const folder of await listEntries(root)) {
    if (folder.kind !== "folder" || !/^[2-7a-z]{2}$/.test(folder.name)) {
      continue;
    }
    for (const { name, kind } of await listEntries(joinPath(root, folder.name))) {
      const cid = name.replace(/\.part$/, "");
      if (kind !== "file" || !isCid(cid) || !cid.endsWith(folder.name)) {
        continue;
      }
      if (cid === name) {
        cids.add(cid);
      } else {
        leftovers.push(joinPath(root, folder.name, name));
      }
    }
  }
  return { cids, leftovers };
}
