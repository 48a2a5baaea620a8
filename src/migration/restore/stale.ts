/** How old what is restored is, and what is newer elsewhere: told before anything is changed. */

import { stateAt, headAt } from "../../account/places.ts";
import { withRepo } from "../../archive/open-repo.ts";
import { requireArchivedHead } from "../../archive/export/compared-heads.ts";
import { proveDownload } from "../../archive/export/fetch-repo.ts";
import { readableManifests, type Manifest } from "../../archive/manifest.ts";
import { describeChanges } from "../../archive/record-changes.ts";
import { firstWords } from "../../data/first-words.ts";
import { expectedFailure, isDecampError } from "../../errors.ts";
import { timeOfRev } from "../../repo/head.ts";
import { newestRecord } from "../../repo/newest-record.ts";
import type { RepoSource } from "../../repo/source.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { Context } from "../context.ts";
import { openAlso } from "./also.ts";
import { restoringOf } from "./restore-options.ts";

const hour = 3_600_000;

/** Says of when the snapshot is, and which record is its newest. */
export async function tellAge(context: Context): Promise<void> {
  const { snapshot, services, warn } = context;
  const age = ageText(services.now() - Date.parse(snapshot.createdAt));
  warn(
    "archive-age",
    `The archive is of ${snapshot.createdAt}, ${age} old.${await newestText(context)} What came after that is not in it.`,
  );
}

/** A sentence on the newest record; nothing where it cannot be read: that is told when the archive is proved. */
async function newestText({ archive, snapshot, signal }: Context): Promise<string> {
  try {
    const newest = await withRepo(archive, snapshot, async (repo) => newestRecord(repo, snapshot.rev, signal));
    if (newest === undefined) {
      return "";
    }
    const words = firstWords(newest.bytes);
    const quoted = words === undefined ? "" : ` (“${words}”)`;
    return ` Its newest record is ${newest.path}, of ${timeOfRev(newest.rkey) ?? "no time"}${quoted}.`;
  } catch (error) {
    if (!isDecampError(error, "damaged", "unreadable-file")) {
      throw error;
    }
    return "";
  }
}

/** In hours, and from two days on in days; below one hour in words. @param age milliseconds */
function ageText(age: number): string {
  const hours = Math.max(0, Math.floor(age / hour));
  if (hours === 0) {
    return "less than an hour";
  }
  return hours < 48 ? `${hours} ${hours === 1 ? "hour" : "hours"}` : `${Math.floor(hours / 24)} days`;
}

/**
 * Says what other snapshots, and the sources that were named, have of the account that is newer. None of it comes
 * along: only blobs are taken from there.
 *
 * @throws DecampError what opening a source throws that was named; as `requireArchivedHead`
 */
export async function tellNewerElsewhere(context: Context): Promise<void> {
  const { archive, snapshot, identity } = context;
  const { also = [] } = restoringOf(context).options;
  const isNewer = ({ did, rev }: Manifest): boolean => did === snapshot.did && rev > snapshot.rev;
  const other = (await readableManifests(archive)).findLast((manifest) => isNewer(manifest));
  if (other !== undefined) {
    await tellNewer(context, archive, async (look) => withRepo(archive, other, look));
  }
  for (const what of also) {
    const source = await openAlso(context, what);
    if (source.kind === "server") {
      await tellNewerServer(context, source.pds);
      continue;
    }
    if (identity.log !== undefined) {
      await requireArchivedHead(source.archive, await readableManifests(source.archive), identity.log);
    }
    if (isNewer(source.manifest)) {
      await tellNewer(context, source.archive, async (look) => withRepo(source.archive, source.manifest, look));
    }
  }
}

async function tellNewerServer(context: Context, pds: Pds): Promise<void> {
  const { identity, snapshot, signal } = context;
  try {
    const isActive = (await stateAt(pds, identity.did, signal)) === "active";
    const head = isActive ? await headAt(pds, identity.did, signal) : undefined;
    if (head === undefined || head.did !== identity.did || head.rev <= snapshot.rev) {
      return;
    }
  } catch (error) {
    expectedFailure(error, signal);
    return; // it shows nothing
  }
  await tellNewer(context, pds.host, async (look) => atServer(context, pds, look));
}

async function tellNewer(context: Context, name: string, open: Open): Promise<void> {
  const what = await showNewer(context, name, open);
  context.warn("newer-elsewhere", `${name} has something newer of this account than what is restored. ${what}`);
}

type Look = (there: RepoSource) => Promise<string>;
/** Hands over the repository of a source, proved where a server gives it out. */
type Open = (look: Look) => Promise<string>;

async function atServer({ archive, identity, expectation, signal }: Context, pds: Pds, look: Look): Promise<string> {
  return proveDownload(archive, await pds.getRepo(identity.did, signal), expectation, signal, look);
}

/** Shows how what the home has differs from the archive. It may be made up: the home holds the key. @returns figures */
export async function showNewerAtHome(context: Context): Promise<string> {
  const { source } = context;
  return showNewer(context, source.host, async (look) => atServer(context, source, look));
}

/** Shows the records that are different. @returns how many, in sentences */
async function showNewer(context: Context, host: string, open: Open): Promise<string> {
  const { archive, snapshot, signal, report } = context;
  try {
    return await open(async (there) => {
      const changes = await withRepo(archive, snapshot, async (repo) => describeChanges(repo, there, "after", signal));
      report({ type: "records", purpose: "newer", host, ...changes });
      const { added, changed, removed } = changes;
      return `Records that are new there: ${added}; changed: ${changed}; gone: ${removed}. A restore brings none of that.`;
    });
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    return `It does not show what: ${message}`;
  }
}
