/**
 * Snapshots that are held: they have what is gone from the account, so no rule removes them until a person releases
 * them.
 *
 * The mark of a held snapshot is a file in the folder `held`. Only the name of the file counts: whatever has become of
 * the content, the snapshot is held. The mark is on the disk before the manifest of the snapshot that lacks something,
 * so there is no moment at which only the poorer one is protected. Older versions of decamp pass over the marks.
 */

import * as v from "valibot";
import { listFolder, syncFolders, writeWhole } from "../services/disk/files.ts";
import { readPlainFile, removeFile } from "../services/disk/plain-entries.ts";
import { heldFile, heldFolder, snapshotName } from "./layout.ts";
import type { Loss } from "./shrink.ts";

/** Why a snapshot is held. */
export interface Hold {
  /** ISO 8601. */
  readonly since: string;
  /** The snapshot that lacks what this one has. */
  readonly by: string;
  readonly losses: readonly Loss[];
}

const schema = v.object({
  since: v.pipe(v.string(), v.isoTimestamp()),
  by: v.string(),
  losses: v.array(
    v.object({
      what: v.picklist(["records", "blobs", "collection"]),
      collection: v.optional(v.string()),
      before: v.number(),
      now: v.number(),
    }),
  ),
});

/** Marks a snapshot; durable when this resolves. To be called with the lock held. @throws DecampError `storage` */
export async function holdSnapshot(archive: string, name: string, hold: Hold): Promise<void> {
  await writeWhole(heldFile(archive, name), `${JSON.stringify(hold, undefined, 2)}\n`);
  await syncFolders([archive]);
}

/** The marks, by the names of the snapshots; undefined where nobody can read why. @throws DecampError `storage` */
export async function readHeld(archive: string): Promise<Map<string, Hold | undefined>> {
  const held = new Map<string, Hold | undefined>();
  for (const file of await listFolder(heldFolder(archive))) {
    const name = file.endsWith(".json") ? file.slice(0, -".json".length) : "";
    if (snapshotName.test(name)) {
      held.set(name, parseHold(await readPlainFile(heldFile(archive, name))));
    }
  }
  return held;
}

/** Takes a mark away. To be called with the lock held. @throws DecampError `storage` */
export async function releaseSnapshot(archive: string, name: string): Promise<void> {
  await removeFile(heldFile(archive, name));
}

function parseHold(bytes: Uint8Array | undefined): Hold | undefined {
  try {
    return v.parse(schema, JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}
