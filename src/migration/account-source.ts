/**
 * Where an account comes from, as far as the steps at the new server need it: a server that is alive, or an archive and
 * a key of the user's own.
 */

import { randomBytes } from "node:crypto";
import { newestPreferences, preferencesOf } from "../archive/archived-preferences.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { PrivateKey } from "../identity/private-key.ts";
import { signServiceToken } from "../identity/service-token.ts";
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
 * A snapshot of the account, and the key that its DID document names for now. Where the snapshot has no preferences,
 * the newest that its archive has are taken.
 *
 * @param parts `now`: epoch milliseconds by the directory's clock; `onOther`: told of when preferences are that are of
 *   another snapshot (ISO 8601)
 */
export function archiveSource(
  archive: string,
  snapshot: Manifest,
  {
    key,
    now,
    onOther,
  }: { readonly key: () => PrivateKey; readonly now: () => number; readonly onOther: (of: string) => void },
): Source {
  return {
    name: "the archive",
    serviceToken: async (audience, method) =>
      signServiceToken(
        { issuer: snapshot.did, audience, method, now: now(), nonce: randomBytes(16).toString("hex") },
        key(),
      ),
    preferences: async () => {
      const own = await preferencesOf(archive, snapshot);
      if (own !== undefined) {
        return own.list;
      }
      const other = await newestPreferences(archive, snapshot.did);
      if (other !== undefined) {
        onOther(other.at);
      }
      return other?.list ?? [];
    },
  };
}
