/** An account by the name that a person types, also by one that leads nowhere any more, if a journal here names it. */

import { hadHandle, lookUp } from "../../account/find.ts";
import type { AccountServices } from "../../account/services.ts";
import { DecampError, expectedFailure } from "../../errors.ts";
import { parseAccount } from "../../identity/names.ts";
import { archivesIn } from "../../archive/archives.ts";
import { openSnapshot } from "../../archive/open.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { joinPath } from "../../services/disk/files.ts";
import { rememberedAccounts } from "../journal.ts";
import { found, type HealthCheck } from "./health.ts";

/** Whose account it is. */
export interface Named {
  readonly did: string;
  /** The handle that it was asked for by, where that leads to it. */
  readonly asked: string | undefined;
  /** Where only a journal knows the handle. */
  readonly memory?: { readonly handle: string; readonly check: HealthCheck };
}

/** How a name is looked up. */
export interface Lookup {
  /** Origin of the server that is asked for the handle, before others are. */
  readonly from?: string | undefined;
  /** Folder of decamp's own state, with the journals; none is read unless given. */
  readonly stateDir?: string | undefined;
}

/**
 * Finds the DID that a name leads to. What a journal says counts only where nobody else knows the name.
 *
 * @param text a handle or a DID
 * @throws DecampError as `findDid`
 */
export async function findNamed(
  services: Pick<AccountServices, "openPds" | "handles">,
  text: string,
  { from, stateDir }: Lookup,
  signal: AbortSignal,
): Promise<Named> {
  const account = parseAccount(text);
  if (account.type === "did") {
    return { did: account.did, asked: undefined };
  }
  const { handle } = account;
  // A folder of the state that cannot be read helps nobody, and holds nobody up.
  const known = stateDir === undefined ? [] : await remembered(stateDir, handle, signal);
  const { did, fromMemory } = await lookUp(
    services,
    account,
    { from, remembered: known.map((one) => one.did) },
    signal,
  );
  if (!fromMemory) {
    return { did, asked: handle };
  }
  const { at, archive } = known.findLast((one) => one.did === did) ?? {};
  const who = archive === undefined ? "This machine's journal" : `The archive ${archive}`;
  const message = `Nobody says where ${handle} leads now. ${who}${at === undefined ? "" : ` of ${at}`} says that it was that of ${did}.`;
  return { did, asked: undefined, memory: { handle, check: found("journal", "warning", message) } };
}

interface Remembered {
  readonly did: string;
  /** ISO 8601. */
  readonly at: string | undefined;
  /** Folder of the archive that says it; a journal does, unless given. */
  readonly archive?: string;
}

/** The accounts that had a handle, by the journals here; by decamp's own archives, if those do not know. */
async function remembered(stateDir: string, handle: string, signal: AbortSignal): Promise<readonly Remembered[]> {
  try {
    const known = await rememberedAccounts(stateDir, handle);
    return known.length > 0 ? known : await archivedAccounts(joinPath(stateDir, "archives"), handle, signal);
  } catch (error) {
    expectedFailure(error, signal);
    return [];
  }
}

async function archivedAccounts(folder: string, handle: string, signal: AbortSignal): Promise<readonly Remembered[]> {
  const found: Remembered[] = [];
  for await (const archive of archivesIn(folder)) {
    try {
      const { manifest } = await openSnapshot(archive);
      if (manifest.handle?.toLowerCase() === handle) {
        found.push({ did: manifest.did, at: manifest.createdAt, archive });
      }
    } catch (error) {
      expectedFailure(error, signal);
    }
  }
  return found;
}

/** @throws DecampError `account-not-found` for a handle that only a journal knows, and not the log */
export function requireRemembered({ memory }: Named, log: VerifiedLog | undefined): void {
  if (memory !== undefined && log !== undefined && !hadHandle(log, memory.handle)) {
    throw new DecampError("account-not-found", `The handle ${memory.handle} leads to no account that has ever had it.`);
  }
}
