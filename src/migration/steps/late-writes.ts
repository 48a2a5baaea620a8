/**
 * late-writes: an app that was still signed in at the old server may have written there after the last look before the
 * switch. The old repository is compared before the account is deactivated there, since not every server shows it
 * then, and once more afterwards, when nothing can be written any more. Records that exist only there are named, and
 * with `--bring-late-writes` written to the new server; as long as they are not, the account stays active there. What
 * was changed or deleted there is only named.
 */

import { stateAt } from "../../account/places.ts";
import { staysOf } from "../../account/where.ts";
import { blobFile } from "../../archive/layout.ts";
import { changesSince } from "../../archive/compare-snapshots.ts";
import { fetchBlobs } from "../../archive/export/fetch-blobs.ts";
import { recordJson } from "../../archive/unpack.ts";
import { recordBlobRefs } from "../../data/blob-refs.ts";
import { isDecampError } from "../../errors.ts";
import { recordsInTurns, type RepoRecord } from "../../repo/records.ts";
import type { RepoSource } from "../../repo/source.ts";
import { isOwnRefusal } from "../../services/servers/refusal.ts";
import { defaultDownloads } from "../../services/defaults.ts";
import { openForUpload } from "../../services/disk/files.ts";
import { headToOwner, onlyIn, withOld, withThere, type Paths } from "../checks/two-copies.ts";
import type { Context, Step } from "../context.ts";
import { findHolding } from "../holding.ts";
import { signInToSource, signInToTarget } from "../sign-in.ts";

export const lateWrites: Step = {
  id: "late-writes",
  // Not done as long as something is left there: the next run may be asked to bring it.
  done: (context) =>
    Promise.resolve(context.lacking.length === 0 && context.journal.state.sourceCompared === arrivalOf(context)),
  run: async (context) => {
    const { source, signal, looked } = context;
    if (looked !== undefined && context.sourceStillActive) {
      return told(context.lateWrites, looked.count); // it was said a moment ago
    }
    const last = context.hasSnapshot ? context.snapshot : await context.lastSnapshot();
    if (last === undefined && context.lacking.length === 0) {
      return "there is no archive to compare with";
    }
    if (last !== undefined) {
      context.snapshot = last;
    }
    try {
      if (!source.isSignedIn && (await stateAt(source, context.identity.did, signal)) !== "active") {
        await signInToSource(context);
      }
      const { paths, count } = await findLateWrites(context);
      context.lateWrites = paths;
      if (count === 0) {
        await context.note({ type: "source-compared", operation: arrivalOf(context) });
      }
      return told(paths, count);
    } catch (error) {
      signal.throwIfAborted();
      if (!isDecampError(error) || error.code === "interrupted") {
        throw error;
      }
      if (looked?.count === 0 && isOwnRefusal(error)) {
        return lookAtItsHead(context, looked.head);
      }
      context.leave("late-writes-unknown", `The old server could not be looked at once more: ${error.message}`);
      return "not looked at";
    }
  },
};

/**
 * The old server shows nothing of an account that is deactivated there. What it says of it to the owner names the head:
 * whether that is the one that was there right before.
 */
async function lookAtItsHead(context: Context, before: string): Promise<string> {
  const { source, signal } = context;
  const head = await headToOwner(source, signal);
  if (head !== undefined && head !== before) {
    context.leave(
      "late-writes-unknown",
      `Something was written at ${source.host} right before the account was deactivated there, and that server does not show what.`,
    );
    return "not looked at";
  }
  await context.note({ type: "source-compared", operation: arrivalOf(context) });
  return head === before
    ? `none: ${source.host} still names the head that it had`
    : `none right before it was deactivated; ${source.host} shows nothing of it since`;
}

function told(paths: readonly string[], count: number): string {
  return count === 0 ? "none" : `${count}: ${paths.slice(0, 5).join(", ")}`;
}

/**
 * Looks for late writes while the account is still active on the old server, and brings them if that is asked for.
 *
 * @returns why the account should stay active there; undefined where nothing holds it up
 * @throws DecampError where something was written there, and cannot be read
 */
export async function lookBeforeClosing(context: Context): Promise<string | undefined> {
  const { source, identity, options, target, signal } = context;
  const last = context.hasSnapshot ? context.snapshot : await context.lastSnapshot();
  if (last === undefined) {
    return undefined;
  }
  context.snapshot = last;
  let head: string;
  try {
    head = await askTwice(async () => (await source.latestCommit(identity.did, signal)).cid);
  } catch (error) {
    if (!isOwnRefusal(error)) {
      throw error;
    }
    return undefined; // the step of its own says so
  }
  const { paths, count } = await findLateWrites(context, head);
  context.lateWrites = paths;
  context.looked = { head, count };
  return count === 0 || options.bringLateWrites
    ? undefined
    : `${count} of its records are not on ${target.host}, such as ${paths[0] ?? ""}`;
}

/** Asks once more after an answer that makes no sense: to stop here leaves the account active on two servers. */
async function askTwice<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isDecampError(error, "bad-answer")) {
      throw error;
    }
    return ask();
  }
}

/**
 * CID of the operation that brought the account to the new server: this run's, or the one that was there. Of a did:web,
 * the signing key that its document names since.
 */
function arrivalOf({ signed, identity }: Context): string | undefined {
  return identity.log === undefined
    ? identity.document.signingKey
    : (signed?.cid ?? staysOf(identity.log).at(-1)?.arrival.cid);
}

/**
 * Writes to the new server what it lacks although the identity names it, and looks again whether that was all.
 *
 * @throws DecampError what both servers throw
 */
export async function bringLacking(context: Context): Promise<void> {
  await withOld(context, async (old) => bringMissing(context, old));
  const now = await findHolding(context, { isFresh: true });
  context.proved = now.kind === "proved";
  context.lacking = now.kind === "lacking" ? now.paths : [];
  context.lackingCount = now.kind === "lacking" ? now.count : 0;
}

/** Writes all that the new server lacks, however much that is. @returns the paths of what it does not take */
async function bringMissing(context: Context, old: RepoSource): Promise<string[]> {
  return withThere(context, async (now) => bring(context, old, onlyIn(old, now, context.signal)));
}

/**
 * What is left on the old server, and was not brought along.
 *
 * @param seen CID of the head of the old server, if it was just asked for
 */
async function findLateWrites(context: Context, seen?: string): Promise<Paths> {
  const { source, identity, options, lacking, lackingCount, looked, signal } = context;
  if (lacking.length === 0) {
    const head = seen ?? (await source.latestCommit(identity.did, signal)).cid;
    if (head === context.snapshot.commit) {
      return { paths: [], count: 0 };
    }
    if (head === looked?.head) {
      return { paths: context.lateWrites, count: looked.count };
    }
  }
  return withOld(context, async (now) => {
    const paths = lacking.length > 0 ? lacking : await writtenSince(context, now);
    const count = lacking.length > 0 ? lackingCount : paths.length;
    if (count === 0) {
      return { paths, count };
    }
    if (!options.bringLateWrites) {
      context.warn(
        "late-writes",
        `${count} records are on the old server and not on the new one, such as ${paths[0] ?? ""}. Run the same command with --bring-late-writes to have them written to the new one, too.`,
      );
      return { paths, count };
    }
    const unfit = await (lacking.length > 0 ? bringMissing(context, now) : bring(context, now, each(paths)));
    return { paths: unfit, count: unfit.length };
  });
}

async function* each(paths: readonly string[]): AsyncGenerator<{ readonly path: string }> {
  for (const path of paths) {
    yield await Promise.resolve({ path });
  }
}

/** What is new on the old server since the snapshot that was moved. What was changed or deleted there is only named. */
async function writtenSince(context: Context, now: RepoSource): Promise<string[]> {
  const { archive, snapshot, signal } = context;
  const changes = await changesSince({ archive, manifest: snapshot }, now, signal);
  const others = changes.filter(({ kind }) => kind !== "added").map(({ path }) => path);
  if (others.length > 0) {
    context.warn(
      "late-changes",
      `After the move ${others.length} records were changed or deleted on the old server, such as ${others[0] ?? ""}. That is not brought along.`,
    );
  }
  const added = changes.filter(({ kind }) => kind === "added").map(({ path }) => path);
  return added.length === 0 ? added : notThere(context, now, added);
}

/** Those of them that the new server does not have: an earlier run may have brought some. */
async function notThere(context: Context, now: RepoSource, added: readonly string[]): Promise<string[]> {
  const wanted = new Set(added);
  return withThere(context, async (there) => {
    const paths: string[] = [];
    for await (const { path } of onlyIn(now, there, context.signal)) {
      if (wanted.has(path)) {
        paths.push(path);
      }
    }
    return paths;
  });
}

/**
 * Writes these records to the new server. They are read one by one, so it does not matter how many there are.
 *
 * @param wanted in the order of their paths
 * @returns the paths of records that no server takes as they stand: they break the data model
 */
async function bring(
  context: Context,
  source: RepoSource,
  wanted: AsyncGenerator<{ readonly path: string }>,
): Promise<string[]> {
  const { target, identity, signal } = context;
  const unfit: string[] = [];
  if (!target.isSignedIn) {
    await signInToTarget(context);
  }
  let next = await wanted.next();
  for await (const record of recordsInTurns(source, { signal })) {
    if (next.done === true) {
      break;
    }
    if (next.value.path !== record.path) {
      continue;
    }
    next = await wanted.next();
    const { path, collection, rkey } = record;
    const { json, fault } = recordJson(record);
    if (json === undefined || fault !== undefined) {
      // What can be written as JSON would be another record.
      unfit.push(path);
      context.leave(
        "late-write-unfit",
        `${path} cannot be written to the new server as it stands on the old one: it breaks the data model. ${fault ?? ""}`.trimEnd(),
      );
      continue;
    }
    await bringBlobs(context, record);
    await target.createRecord({ did: identity.did, collection, rkey }, json, signal);
  }
  return unfit;
}

/** The blobs of one record: into the archive, hashed, and to the new server, before the record that refers to them. */
async function bringBlobs(context: Context, { path, bytes }: RepoRecord): Promise<void> {
  const { archive, source, target, identity, options, services, signal } = context;
  const { refs } = recordBlobRefs(bytes);
  const wanted = new Map(refs.map(({ cid, mimeType, size }) => [cid, { mimeType, size, records: [path] }]));
  const { blobs, missing } = await fetchBlobs(
    archive,
    wanted,
    async (cid, either, busy) => source.getBlob(identity.did, cid, either, busy),
    {
      concurrency: options.concurrency ?? defaultDownloads,
      signal,
      pause: async (attempt) => services.sleep(1000 * attempt, signal),
      onProgress: () => undefined,
    },
  );
  for (const { cid, size, mimeType } of blobs) {
    await target.uploadBlob(
      { length: size, open: () => openForUpload(blobFile(archive, cid), size) },
      mimeType,
      signal,
    );
  }
  for (const { cid, reason } of missing) {
    context.warn("late-blob-missing", `The blob ${cid} of ${path} could not be had: ${reason}.`);
  }
}
