/** The preferences of an account, put back at its server from an archive. What is newer there is never lost unasked. */

import type { IdentityAnswers } from "../../account/answers.ts";
import { findAnyIdentity } from "../../account/find.ts";
import type { AccountServices } from "../../account/services.ts";
import { signIn } from "../../account/sign-in.ts";
import { pastOf } from "../../account/web/any-identity.ts";
import { requireHome } from "../../account/where.ts";
import { newestPreferences } from "../../archive/archived-preferences.ts";
import { comparedHeads } from "../../archive/export/compared-heads.ts";
import { readSnapshots } from "../../archive/open.ts";
import { DecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { parseAccount } from "../../identity/names.ts";
import { inWords, kindsOfPreferences, lackingPreferences, storedPreferences } from "../checks/preferences.ts";
import { requireArchiveOf } from "./archive-of.ts";

/** Whose preferences, and where they are. */
export interface PutBackRequest {
  /** A handle or a DID. */
  readonly account: string;
  /** Folder of the archive. */
  readonly archive: string;
  /** Origin of the server that is asked for the handle. */
  readonly from?: string | undefined;
  readonly allowPrivateHosts: boolean;
}

/** What the archive has and the server has not, and the other way round. */
export interface PreferencesDifference {
  readonly handle: string;
  /** Origin of the server that the identity names. */
  readonly server: string;
  /** When the archive got them: what was changed since is not in them (ISO 8601). */
  readonly at: string;
  /** Kinds that the server would have anew, or otherwise. */
  readonly comes: readonly string[];
  /** Kinds that it has, and would not have any more, or otherwise. */
  readonly goes: readonly string[];
}

/** What came of it. */
export interface PutBack extends PreferencesDifference {
  readonly did: string;
  /** `same`: the server had them already, and nothing was sent. */
  readonly state: "put-back" | "same";
  /** How many the archive has. */
  readonly preferences: number;
}

/**
 * Puts them back, and reads them back.
 *
 * @param confirm called before anything is lost that the server has, and the archive has not; throws to stop that
 * @throws DecampError `incomplete` for an archive without preferences, and for a server that does not keep them as they
 *   are; `refused` for the archive of another account; what opening the archive, finding the account and signing in
 *   throw
 */
export async function putPreferencesBack(
  given: AccountServices,
  answers: IdentityAnswers,
  { account, archive, from, allowPrivateHosts }: PutBackRequest,
  confirm: (difference: PreferencesDifference) => Promise<void>,
  signal: AbortSignal,
): Promise<PutBack> {
  const contents = await readSnapshots(archive);
  // The password goes to the server that the log names.
  const services = { ...given, heads: comparedHeads(() => archive, given.heads) };
  const identity = await findAnyIdentity(services, parseAccount(account), { from, past: true }, signal);
  const { did, handle } = identity;
  requireArchiveOf(contents, archive, did);
  const archived = await newestPreferences(archive, did);
  if (archived === undefined) {
    throw new DecampError("incomplete", `The archive in ${archive} has no preferences of ${handle}.`, {
      hint: "They are in an archive that was made while signed in: decamp export with --sign-in, or a move.",
    });
  }
  const past = pastOf(identity);
  const server = parseServerUrl(requireHome(past), { allowPrivateHosts });
  const pds = services.openPds(server);
  try {
    await signIn(services, pds, { past, handle, named: [from] }, answers, "sourcePassword", signal);
    const list = storedPreferences(archived.list);
    const there = storedPreferences(await pds.getPreferences(signal));
    const comes = kindsOfPreferences(lackingPreferences(list, there));
    const goes = kindsOfPreferences(lackingPreferences(there, list));
    const difference = { handle, server, at: archived.at, comes, goes };
    if (comes.length + goes.length === 0) {
      return { did, ...difference, state: "same", preferences: list.length };
    }
    if (goes.length > 0) {
      await confirm(difference);
    }
    await pds.putPreferences(list, signal);
    const lacks = kindsOfPreferences(lackingPreferences(list, storedPreferences(await pds.getPreferences(signal))));
    if (lacks.length > 0) {
      const kinds = inWords(lacks).slice(0, 10).join(", ");
      throw new DecampError("incomplete", `${pds.host} does not give these back as they were written: ${kinds}.`, {
        hint: `Set them in your app. The archive has them in ${archived.path}.`,
      });
    }
    return { did, ...difference, state: "put-back", preferences: list.length };
  } finally {
    await pds.signOut();
  }
}
