/**
 * Which archives of a folder are those of accounts that are gone: their server's list has not had them for so long,
 * as the nights of `export --all` have seen it, and the world says the same now.
 *
 * What is remembered only says whom to look at. Before anybody counts as gone, the server gives its list once more, to
 * the end, and does not have the account; it says of the account itself that there is none; and the identity is given
 * up, or names that server still. For how long, our clock and the server's both have to say; and nobody is gone for
 * longer than the newest snapshot is old. An account whose identity names another server has moved away: what lies here
 * may be the last copy of it. Whoever does not answer says nothing.
 */
import { locateAccount } from "../../account/find.ts";
import type { AccountServices } from "../../account/services.ts";
import { DecampError, expectedFailure, isDecampError } from "../../errors.ts";
import { isDid } from "../../identity/names.ts";
import { joinPath } from "../../services/disk/files.ts";
import { comparedHeads } from "../export/compared-heads.ts";
import { archivedHome } from "../night/archived-home.ts";
import { missedAccounts, type MissedAccount } from "../night/night-memory.ts";
import { before, type Span } from "../keep-rules.ts";
import { archiveName } from "../layout.ts";
import { readableManifests, type Manifest } from "../manifest.ts";

/** What is known of an account that nights have missed for so long. */
export interface GoneAccount {
  readonly did: string;
  readonly archive: string;
  /** The newest snapshot of it. */
  readonly manifest: Manifest;
  /** The night since which its server's list does not have it: ISO 8601. */
  readonly since: string;
  /**
   * `gone`: it is nowhere, as far as everybody says. `moved`: its identity names another server, `home`, or that one
   * has it. `there`: its server has it again, or still. `unknown`: somebody who has to be asked did not answer, or not
   * so that it says something: `error`.
   */
  readonly state: "gone" | "moved" | "there" | "unknown";
  readonly home?: string | undefined;
  readonly error?: DecampError | undefined;
}

/** All of a folder that have been missed for so long, and how many others have been missed for a shorter time. */
export interface GoneAccounts {
  readonly accounts: readonly GoneAccount[];
  readonly younger: number;
}

/**
 * Looks for accounts that are gone for at least `span`, and asks the world about each.
 *
 * @throws DecampError `unreadable-file` if no night has ended in this folder that noted who is gone; what a server
 *   throws that does not give its list to the end; `bad-answer` for a list that has nobody; `storage`; the signal's
 *   reason
 */
export async function judgeGone(
  folder: string,
  span: Span,
  given: AccountServices,
  signal: AbortSignal,
): Promise<GoneAccounts> {
  // A directory that holds a move back would have the last copy removed.
  const services = { ...given, heads: comparedHeads((did) => joinPath(folder, archiveName(did)), given.heads) };
  const now = services.now();
  const missed = await findMissed(folder);
  const due = missed.filter(({ since }) => since <= before(now, span));
  const accounts: GoneAccount[] = [];
  let younger = missed.length - due.length;
  for (const server of new Set(due.map((one) => one.server))) {
    const candidates = due.filter((one) => one.server === server);
    const listed = await listedAmong(server, new Set(candidates.map(({ did }) => did)), services, signal);
    // If ours is wrong, it is not for that that somebody is gone for long: the clock counts which says less.
    const latest = before(now + Math.min(0, services.clockOffset(server) ?? 0), span);
    for (const { did, since } of candidates) {
      signal.throwIfAborted();
      const archive = joinPath(folder, archiveName(did));
      const manifests = await readableManifests(archive);
      const manifest = manifests.at(-1);
      if (manifest?.did !== did || manifest.source !== server) {
        // Removed by hand meanwhile, or damaged, or made from another server since.
        continue;
      }
      if (Math.max(since, Date.parse(manifest.createdAt)) > latest) {
        younger += 1;
        continue;
      }
      const facts = { did, archive, manifest, since: new Date(since).toISOString() };
      accounts.push({
        ...facts,
        ...(listed.has(did) ? { state: "there" } : await judge(facts, server, services, signal)),
      });
    }
  }
  return { accounts, younger };
}

/** Whom nights have missed. @throws DecampError `unreadable-file` if none has noted that */
async function findMissed(folder: string): Promise<readonly MissedAccount[]> {
  const missed = await missedAccounts(folder);
  if (missed === undefined) {
    throw new DecampError("unreadable-file", `${folder} does not say which accounts are gone, and since when.`, {
      hint: "decamp export --all notes it there, each time that it has gone through the list of the server.",
      data: { path: folder },
    });
  }
  return missed;
}

/** Those of the accounts that a server lists now. */
async function listedAmong(
  server: string,
  dids: ReadonlySet<string>,
  { openPds }: AccountServices,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const pds = openPds(server);
  const listed = new Set<string>();
  let isEmpty = true;
  for await (const { did } of pds.listRepos(signal)) {
    isEmpty &&= !isDid(did);
    if (dids.has(did)) {
      listed.add(did);
    }
  }
  if (isEmpty) {
    throw new DecampError(
      "bad-answer",
      `${pds.host} lists no account at all: that says of nobody that they are gone.`,
      {
        hint: "Look whether the server is well. If all its accounts are gone, remove the folders by hand.",
        data: { host: pds.host },
      },
    );
  }
  return listed;
}

type Verdict = Pick<GoneAccount, "state" | "home" | "error">;

/** @returns what the server itself says of an account that it does not list, and its identity, and who that names */
async function judge(
  { did, archive, manifest }: Pick<GoneAccount, "did" | "archive" | "manifest">,
  server: string,
  services: AccountServices,
  signal: AbortSignal,
): Promise<Verdict> {
  try {
    if (await hasIt(server, did, services, signal)) {
      return { state: "there" };
    }
    const home = await homeOf(did, services, signal);
    if (home === undefined || home === server) {
      return { state: "gone" };
    }
    // A server may be asked by another address than the identity names: then that was so when the archive was made.
    if (home !== (await archivedHome(archive, did, manifest.snapshot))) {
      return { state: "moved", home };
    }
    // The archive may also have been made when the account had moved already.
    return (await hasIt(home, did, services, signal)) ? { state: "moved", home } : { state: "gone" };
  } catch (error) {
    const failure = expectedFailure(error, signal);
    if (isDecampError(failure, "storage")) {
      throw failure;
    }
    return { state: "unknown", error: failure };
  }
}

/** Whether a server has an account, in whatever state. Some say of one that they had that it is deleted. */
async function hasIt(server: string, did: string, { openPds }: AccountServices, signal: AbortSignal): Promise<boolean> {
  const said = await openPds(server).repoStatus(did, signal);
  return said !== undefined && said.status !== "deleted";
}

/** The server that an identity names; undefined if it was given up. @throws DecampError as `locateAccount` */
async function homeOf(did: string, services: AccountServices, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await locateAccount(services, { type: "did", did }, {}, signal)).pds;
  } catch (error) {
    if (isDecampError(error, "identity-invalid") && error.data["state"] === "tombstone") {
      return undefined;
    }
    throw error;
  }
}
