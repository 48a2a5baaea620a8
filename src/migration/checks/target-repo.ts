/**
 * The account that is on the new server already, from an earlier try or because it has lived there: an import replaces
 * its repository. So that repository has to be one that decamp has moved, or may hold nothing that would be lost.
 */

import { inspectDownload } from "../../archive/export/fetch-repo.ts";
import { replacedRepo } from "../../archive/layout.ts";
import { withRepo } from "../../archive/open-repo.ts";
import { readManifests, type Manifest } from "../../archive/manifest.ts";
import { describeChanges, type RecordChanges } from "../../archive/record-changes.ts";
import { collect } from "../../data/slices.ts";
import { DecampError } from "../../errors.ts";
import { diffInTurns } from "../../repo/diff.ts";
import { emptyTree } from "../../repo/head.ts";
import type { RepoReport } from "../../repo/report.ts";
import type { RepoSource } from "../../repo/source.ts";
import type { Context } from "../context.ts";
import { headAtTarget, isActiveThere, statusAtTarget } from "./target-account.ts";
import { isMereCopy, noteActiveCopy } from "./mere-copy.ts";
import { headOrHidden } from "./unseen.ts";

/**
 * @throws DecampError `target-in-use` if the account is active, holds the repository of another account, or records
 *   that are in no snapshot of it, unless those may be replaced: then what is there is kept in the archive
 */
export async function requireReplaceable(context: Context): Promise<void> {
  const { target, identity, snapshot, archive, signal } = context;
  const { host } = target;
  const status = await statusAtTarget(context);
  const isActive = await isActiveThere(context, status);
  if (isActive && !context.switched && (await isMereCopy(context))) {
    await noteActiveCopy(context);
    return;
  }
  if (isActive && !(context.switched && status?.records === 0)) {
    throw new DecampError("target-in-use", `${host} has this account already, and it is active there.`, {
      hint: "An import would replace what is there; decamp does not do that.",
    });
  }
  const ours = [snapshot, ...(await readManifests(archive))];
  // What a restore brings may be older than another snapshot, which an import would take away there all the same.
  const isOlder = ({ rev }: Manifest): boolean => context.restoring === undefined || rev <= snapshot.rev;
  const head = status?.records === 0 ? undefined : (status?.repoCommit ?? (await headAtTarget(context)));
  if (head === undefined || ours.some((one) => one.commit === head && isOlder(one))) {
    return;
  }
  // A commit of the server's own over a tree that was moved there.
  const there = await headOrHidden(context);
  if (there === "hidden") {
    requireMereCopy(context);
    return;
  }
  if (there?.did === identity.did && ours.some((one) => one.data === there.data && isOlder(one))) {
    return;
  }
  const download = await target.getRepo(identity.did, signal);
  await inspectDownload(archive, identity.did, download, signal, async (there, report) => {
    requireSameAccount(report, identity.did, host);
    if (report.data === emptyTree) {
      return undefined; // not all servers count their records
    }
    const isNewer = report.rev !== undefined && report.rev > snapshot.rev;
    const others = isNewer ? [snapshot] : ours;
    const paths = await onlyThere(there, context, others, isNewer);
    return paths.length === 0
      ? undefined
      : settle(context, { paths, changes: await showChanges(context, there) }, report);
  });
}

/**
 * What nobody can see there may be replaced only if it is a copy: the account has never lived there.
 *
 * @throws DecampError `target-in-use`
 */
function requireMereCopy({ where, target, switched }: Context): void {
  if (switched || where.livedAtTarget) {
    throw new DecampError(
      "target-in-use",
      `The account has lived at ${target.host}, which does not show what it has of it as long as it is not active.`,
      {
        hint: "An import would take that away, whatever it is. decamp does not do that.",
        data: { host: target.host, reason: "hides-copy" },
      },
    );
  }
}

function requireSameAccount({ did }: RepoReport, wanted: string, host: string): void {
  if (did !== wanted) {
    throw new DecampError(
      "target-in-use",
      `${host} has this account already, with the repository of another one in it: ${did ?? "nobody knows whose"}.`,
      {
        hint: `Take that account away with decamp migrate cancel, or ask the operator of ${host} to do so; then run the same command again.`,
        data: { host, found: did },
      },
    );
  }
}

/**
 * Paths of the records that are in none of the snapshots: nobody has deleted them since, as far as the archive can
 * tell.
 *
 * @param isNewer the repository there is newer than the snapshot: then what was changed or deleted there counts as well
 */
async function onlyThere(
  there: RepoSource,
  { archive, signal }: Context,
  snapshots: readonly Manifest[],
  isNewer: boolean,
): Promise<readonly string[]> {
  let paths: Set<string> | undefined;
  for (const manifest of new Map(snapshots.map((one) => [one.snapshot, one])).values()) {
    const changes = await withRepo(archive, manifest, async (repo) => collect(diffInTurns(repo, there, { signal })));
    const added = changes.flatMap(({ kind, path }) => (kind === "added" || isNewer ? [path] : []));
    paths = new Set(paths === undefined ? added : added.filter((path) => paths?.has(path)));
    if (paths.size === 0) {
      break;
    }
  }
  return [...(paths ?? [])];
}

/** Shows what the import would do to the copy that is there. */
async function showChanges(context: Context, there: RepoSource): Promise<RecordChanges> {
  const { archive, snapshot, target, report, signal } = context;
  const changes = await withRepo(archive, snapshot, async (repo) => describeChanges(there, repo, "before", signal));
  report({ type: "records", purpose: "replace", host: target.host, ...changes });
  return changes;
}

/**
 * @returns where what is there is to be kept
 * @throws DecampError `target-in-use` unless it may be replaced; what the answer throws
 */
async function settle(
  { options, answers, target, snapshot, archive, warn, from, restoring }: Context,
  { paths, changes }: { readonly paths: readonly string[]; readonly changes: RecordChanges },
  { rev = "unknown" }: RepoReport,
): Promise<string> {
  const what = `${paths.length} records that are not as in what would be imported, such as ${paths[0] ?? ""}`;
  if (!options.replaceCopy) {
    throw new DecampError(
      "target-in-use",
      `${target.host} has this account already, with ${what}. Its revision is ${rev}, and that of ${from.name} ${snapshot.rev}.`,
      {
        hint: `An import would take them away there. Find out whether you want them. With ${restoring === undefined ? "--replace-copy the move" : "--replace-newer the restore"} goes on, and the repository that is there is kept in the archive.`,
        data: { host: target.host, there: rev, here: snapshot.rev, records: paths.slice(0, 1000) },
      },
    );
  }
  await answers.confirmReplacement?.({ host: target.host, changes });
  const place = replacedRepo(archive, rev);
  warn("copy-replaced", `${target.host} had ${what}. The repository that was there is kept in ${place}.`);
  return place;
}
