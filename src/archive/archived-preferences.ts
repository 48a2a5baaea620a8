/** The preferences of an account, as an archive has them. */

import { hash } from "node:crypto";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { readPlainFile } from "../services/disk/plain-entries.ts";
import { snapshotFile, snapshotFiles } from "./layout.ts";
import { readableManifests, type Manifest } from "./manifest.ts";

/** Preferences, and where they lie. */
export interface ArchivedPreferences {
  readonly list: readonly unknown[];
  /** When the server was asked for them: what was changed since is not in them (ISO 8601). */
  readonly at: string;
  /** Path of the file. */
  readonly path: string;
}

/**
 * The preferences in a snapshot; undefined where it has none.
 *
 * @throws DecampError `damaged` for a file that is no list of preferences or not the one that was written, `storage`
 */
export async function preferencesOf(archive: string, snapshot: Manifest): Promise<ArchivedPreferences | undefined> {
  const described = snapshot.files[snapshotFiles.preferences];
  if (described === undefined) {
    return undefined;
  }
  const path = snapshotFile(archive, snapshot.snapshot, "preferences");
  const bytes = await readPlainFile(path);
  const value = bytes === undefined || hash("sha256", bytes, "hex") !== described.sha256 ? undefined : parsed(bytes);
  const list = isJsonObject(value) ? value["preferences"] : undefined;
  if (!Array.isArray(list)) {
    throw new DecampError("damaged", `${path} holds no preferences, or not those that were written.`, {
      data: { path },
    });
  }
  return { list, at: snapshot.createdAt, path };
}

/**
 * The newest preferences of an account that an archive has. An empty list is passed over: a server that has no such
 * method leaves one, too. So is what cannot be read.
 *
 * @throws DecampError `storage`
 */
export async function newestPreferences(archive: string, did: string): Promise<ArchivedPreferences | undefined> {
  for (const manifest of (await readableManifests(archive)).toReversed()) {
    if (manifest.did !== did) {
      continue;
    }
    try {
      const found = await preferencesOf(archive, manifest);
      if (found !== undefined && found.list.length > 0) {
        return found;
      }
    } catch (error) {
      if (!isDecampError(error, "damaged", "unreadable-file")) {
        throw error;
      }
    }
  }
  return undefined;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
