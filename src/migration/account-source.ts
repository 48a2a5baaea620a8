/**
 * Where an account comes from, as far as the steps at the new server need it: a server that is alive, or an archive and
 * a key of the user's own.
 */

import { randomBytes } from "node:crypto";
import { snapshotFile, snapshotFiles } from "../archive/layout.ts";
import type { Manifest } from "../archive/manifest.ts";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError } from "../errors.ts";
import type { PrivateKey } from "../identity/private-key.ts";
import { signServiceToken } from "../identity/service-token.ts";
import { readPlainFile } from "../services/disk/plain-entries.ts";
import type { Pds } from "../services/servers/pds.ts";

/** What the new server needs from elsewhere. */
export interface Source {
  /** What it is called in a sentence. */
  readonly name: string;
  /** A token of a minute with which the new server makes the account. Throws what signing it throws. */
  serviceToken(audience: string, method: string, signal: AbortSignal): Promise<string>;
  /** The preferences as they were stored. @throws DecampError where they cannot be had */
  preferences(signal: AbortSignal): Promise<readonly unknown[]>;
}

/** The old server, signed in to the account. */
export function liveSource(pds: Pds): Source {
  return {
    name: "your old server",
    serviceToken: async (audience, method, signal) => pds.serviceToken(audience, method, signal),
    preferences: async (signal) => pds.getPreferences(signal),
  };
}

/**
 * A snapshot of the account, and the key that its DID document names for now.
 *
 * @param now epoch milliseconds by the directory's clock
 */
export function archiveSource(
  archive: string,
  snapshot: Manifest,
  { key, now }: { readonly key: () => PrivateKey; readonly now: () => number },
): Source {
  return {
    name: "the archive",
    serviceToken: async (audience, method) =>
      signServiceToken(
        { issuer: snapshot.did, audience, method, now: now(), nonce: randomBytes(16).toString("hex") },
        key(),
      ),
    preferences: async () => archivedPreferences(archive, snapshot),
  };
}

/**
 * The preferences in a snapshot; none where it has none.
 *
 * @throws DecampError `damaged` for a file that is no list of preferences, `storage`
 */
export async function archivedPreferences(archive: string, snapshot: Manifest): Promise<readonly unknown[]> {
  if (snapshot.files[snapshotFiles.preferences] === undefined) {
    return [];
  }
  const path = snapshotFile(archive, snapshot.snapshot, "preferences");
  const bytes = await readPlainFile(path);
  const value = bytes === undefined ? undefined : parsed(bytes);
  const list = isJsonObject(value) ? value["preferences"] : undefined;
  if (!Array.isArray(list)) {
    throw new DecampError("damaged", `${path} holds no preferences.`, { data: { path } });
  }
  return list;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
