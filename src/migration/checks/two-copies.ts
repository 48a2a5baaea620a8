/**
 * Two copies of one account: that of the server which the identity names, and an older one. Whether the first has what
 * the second has is proved here, for a move that deactivates the old account, and for whoever does only that.
 */

import { stateAt, type PlaceState } from "../../account/places.ts";
import { proveDownload, type ProvedRepo } from "../../archive/export/fetch-repo.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { diffInTurns } from "../../repo/diff.ts";
import type { RepoSource } from "../../repo/source.ts";
import type { Expectation } from "../../repo/verify.ts";
import type { Pds } from "../../services/servers/pds.ts";

/** What it takes to compare them. Nothing is written anywhere but into files that are gone afterwards. */
export interface TwoCopies {
  /** The server of the older copy. */
  readonly source: Pds;
  /** The server that the identity names. */
  readonly target: Pds;
  /** What the repository of the older copy has to be. */
  readonly expectation: Expectation & { readonly did: string };
  /** The same for what the other server gives out. */
  readonly expectationThere: Expectation & { readonly did: string };
  /** Folder of the archive, if there is one: what is only looked at passes through it. */
  readonly archive: string | undefined;
  readonly signal: AbortSignal;
}

/** Looks into a proved repository, before it is gone. */
type Look<T> = (repo: RepoSource, proved: ProvedRepo) => Promise<T>;

/** What the server of the older copy gives out, proved. @throws DecampError `damaged`, and what its answers throw */
export async function withOld<T>(copies: TwoCopies, look: Look<T>): Promise<T> {
  const { source, expectation, archive, signal } = copies;
  return proveDownload(archive, await source.getRepo(expectation.did, signal), expectation, signal, look);
}

/** The same of the server that the identity names. */
export async function withThere<T>(copies: TwoCopies, look: Look<T>): Promise<T> {
  const { target, expectationThere, archive, signal } = copies;
  return proveDownload(archive, await target.getRepo(expectationThere.did, signal), expectationThere, signal, look);
}

/** At most so many paths are named. */
const mostPaths = 1000;

/** Paths of records, the first ones, and how many there are. */
export interface Paths {
  readonly paths: readonly string[];
  readonly count: number;
}

/** What is otherwise in the older of two repositories. */
export interface OtherRecords {
  /** What only that has. */
  readonly lacking: Paths;
  /** What the two have otherwise. */
  readonly changed: Paths;
}

/** Compares every record of both. What only the newer one has says nothing. */
export async function compareRepos(old: RepoSource, now: RepoSource, signal: AbortSignal): Promise<OtherRecords> {
  const seen = { removed: { paths: new Array<string>(), count: 0 }, changed: { paths: new Array<string>(), count: 0 } };
  for await (const { kind, path } of diffInTurns(old, now, { signal })) {
    if (kind !== "added") {
      const those = seen[kind];
      those.count += 1;
      those.paths.push(...(those.paths.length < mostPaths ? [path] : []));
    }
  }
  return { lacking: seen.removed, changed: seen.changed };
}

/** The records of one repository that have no counterpart in another, in the order of their paths. */
export async function* onlyIn(
  one: RepoSource,
  other: RepoSource,
  signal: AbortSignal,
): AsyncGenerator<{ readonly path: string }> {
  for await (const change of diffInTurns(one, other, { signal })) {
    if (change.kind === "removed") {
      yield change;
    }
  }
}

/**
 * Deactivates the older copy, signed in there, and asks whether it is.
 *
 * @returns how it is there now, as far as the server says it
 * @throws DecampError `server-refused` if it is still active, and what its answers throw
 */
export async function closeOld({
  source,
  expectation: { did },
  signal,
}: Pick<TwoCopies, "source" | "expectation" | "signal">): Promise<PlaceState> {
  await source.deactivate(signal);
  const state = await stateAt(source, did, signal);
  if (state === "active") {
    throw new DecampError(
      "server-refused",
      `${source.host} did not deactivate the account: it is still active there.`,
      {
        hint: `Ask the operator of ${source.host}.`,
      },
    );
  }
  return state;
}

/**
 * What a server that shows nothing of a deactivated account says of it to the owner: CID of the head; undefined where
 * it says none.
 *
 * @throws DecampError `interrupted`
 */
export async function headToOwner(pds: Pds, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await pds.accountStatus(signal)).repoCommit;
  } catch (error) {
    if (!isDecampError(error) || error.code === "interrupted") {
      throw error;
    }
    return undefined;
  }
}
