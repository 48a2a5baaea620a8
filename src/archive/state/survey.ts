/**
 * A folder of archives, looked over: how many, how old, how large, what they lack, and what was left behind.
 *
 * All of it is read from the disk each time, and nothing is remembered, so that nothing stands for an archive that is
 * not there: of an archive two folders and the newest manifest, so very many take seconds. Whether the content is what
 * the manifests say is for `verify` to prove.
 */
import { isLeftLock, type LockOwner } from "../../services/disk/lock.ts";
import { contentAtOnce, diskUsageAtOnce, foldersAtOnce, namesAtOnce } from "../../services/disk/quick-look.ts";
import { folderNames } from "../../services/disk/folder-names.ts";
import { splitPath, joinPath } from "../../services/disk/files.ts";
import { archivesIn } from "../archives.ts";
import {
  compareSnapshotNames,
  heldFolder,
  isUnfinishedFile,
  lockFile,
  snapshotFile,
  snapshotName,
  snapshotsFolder,
} from "../layout.ts";
import { hasAllBlobs, parseSoundManifest, readManifest, type Manifest } from "../manifest.ts";
import { readLastRun, renewedAt, type LastRun } from "./last-run.ts";
import { lastRunName, nightLock } from "./run-files.ts";

/** An archive by the name of its folder, and a time of it. */
export interface DatedArchive {
  readonly archive: string;
  readonly did: string;
  /** ISO 8601. */
  readonly at: string;
}

/** What a folder of archives holds, as far as can be seen without reading what lies in them. */
export interface Survey {
  /** They add up to `total`. */
  readonly archives: {
    readonly total: number;
    /** Whose newest snapshot has all blobs. */
    readonly complete: number;
    /** Whose newest snapshot lacks some, or may. */
    readonly lackBlobs: number;
    /** That have no complete snapshot. */
    readonly begun: number;
    /** In which a manifest cannot be read, and none that can be is newer; or that are no folder any more. */
    readonly damaged: number;
  };
  /** The first ones that are damaged. */
  readonly damaged: readonly string[];
  /** All snapshots that have a name of one, finished or not. */
  readonly snapshots: number;
  /** Archives with a snapshot that is held. */
  readonly held: number;
  /** Of the newest snapshots. */
  readonly records: number;
  readonly blobs: number;
  /** Their files and blobs, as the manifests have them. */
  readonly bytes: number;
  /** What all archives take of the disk, if that was asked for. */
  readonly diskBytes?: number;
  /** The oldest of the newest snapshots, and the time in the middle of all of them; unset if there is none. */
  readonly oldest?: DatedArchive;
  readonly medianAt?: string;
  /** Which archive was up to date for the last time longest ago. */
  readonly longestAgo?: DatedArchive;
  /** Those that were not for longer than was asked, the first ones, and how many of all archives. */
  readonly notRenewed: {
    readonly count: number;
    /** Of those that have no complete snapshot nobody knows more than the name. */
    readonly first: readonly (DatedArchive | Pick<DatedArchive, "archive">)[];
  };
  /** What runs over all accounts have said of themselves. */
  readonly runs: readonly SurveyedRun[];
  /** What runs have left; of an archive that is locked by one that may be at work, nothing is. */
  readonly leftovers: {
    /** Archives with a lock whose process is gone. */
    readonly locks: number;
    /** With files that were never finished, at their top. */
    readonly files: number;
    /** With a newest snapshot that has no manifest, beside one that has. */
    readonly snapshots: number;
  };
}

export interface SurveyedRun {
  readonly run: LastRun;
  /** `ended`: it has said how; `running`: it may be at work; `killed`: its process is gone. */
  readonly state: "ended" | "running" | "killed";
}

/** What to look for. */
export interface SurveyOptions {
  /** Epoch milliseconds: what was up to date then, or later, counts as renewed. */
  readonly renewedSince?: number | undefined;
  /** Also how much of the disk they take: every file is looked at. */
  readonly onDisk: boolean;
  readonly lockOwner: LockOwner;
  readonly signal: AbortSignal;
}

/** So many archives are named. */
const named = 100;

/** A longer manifest is read in the usual way (bytes). */
const short = 1 << 20;

/**
 * Looks an archive over, or all that lie in a folder.
 *
 * @param isOne whether `path` is an archive itself
 * @throws DecampError `storage` if the folder cannot be read; the signal's reason
 */
export async function survey(path: string, isOne: boolean, options: SurveyOptions): Promise<Survey> {
  const { renewedSince, onDisk, lockOwner, signal } = options;
  const runs = isOne ? [] : await readRuns(path, lockOwner);
  const notes = runs.map(({ run }) => run);
  const archives = { total: 0, complete: 0, lackBlobs: 0, begun: 0, damaged: 0 };
  const leftovers = { locks: 0, files: 0, snapshots: 0 };
  const sums = { snapshots: 0, held: 0, records: 0, blobs: 0, bytes: 0, diskBytes: 0 };
  const damaged: string[] = [];
  const times: number[] = [];
  const behind: Survey["notRenewed"]["first"][number][] = [];
  let notRenewed = 0;
  const fallBehind = (one: (typeof behind)[number]): void => {
    notRenewed += 1;
    if (behind.length < named) {
      behind.push(one);
    }
  };
  let oldest: (DatedArchive & { readonly time: number }) | undefined;
  let longestAgo: typeof oldest;
  for await (const place of isOne ? [path] : archivesIn(path)) {
    const { name } = splitPath(place);
    signal.throwIfAborted();
    const seen = await look(place);
    archives.total += 1;
    archives[seen.class] += 1;
    if (seen.class === "damaged" && damaged.length < named) {
      damaged.push(name);
    }
    const isLocked = seen.top.includes("lock");
    const isLeft = isLocked && (await isLeftLock(lockFile(place), lockOwner));
    if (isLeft || !isLocked) {
      leftovers.locks += isLeft ? 1 : 0;
      leftovers.files += seen.top.some(isUnfinishedFile) ? 1 : 0;
      leftovers.snapshots += seen.isUnfinished && seen.newest !== undefined ? 1 : 0;
    }
    sums.snapshots += seen.snapshots;
    sums.held += seen.isHeld ? 1 : 0;
    sums.diskBytes += onDisk ? diskUsageAtOnce(place) : 0;
    const { newest } = seen;
    if (newest === undefined) {
      if (renewedSince !== undefined) {
        fallBehind({ archive: name });
      }
      continue;
    }
    const { did, createdAt, records, blobs, blobBytes, files } = newest;
    sums.records += records;
    sums.blobs += blobs.length;
    sums.bytes += blobBytes + Object.values(files).reduce((sum, { size }) => sum + size, 0);
    const time = Date.parse(createdAt);
    times.push(time);
    if (oldest === undefined || time < oldest.time) {
      oldest = { archive: name, did, at: new Date(time).toISOString(), time };
    }
    const renewed = renewedAt(notes, newest);
    const dated = { archive: name, did, at: new Date(renewed).toISOString() };
    if (longestAgo === undefined || renewed < longestAgo.time) {
      longestAgo = { ...dated, time: renewed };
    }
    if (renewedSince !== undefined && renewed < renewedSince) {
      fallBehind(dated);
    }
  }
  const middle = times.toSorted((a, b) => a - b)[(times.length - 1) >> 1];
  const { diskBytes, ...counted } = sums;
  return {
    archives,
    damaged,
    ...counted,
    ...(onDisk ? { diskBytes } : {}),
    ...(oldest === undefined ? {} : { oldest: withoutTime(oldest) }),
    ...(middle === undefined ? {} : { medianAt: new Date(middle).toISOString() }),
    ...(longestAgo === undefined ? {} : { longestAgo: withoutTime(longestAgo) }),
    notRenewed: { count: notRenewed, first: behind },
    runs,
    leftovers,
  };
}

function withoutTime({ archive, did, at }: DatedArchive): DatedArchive {
  return { archive, did, at };
}

interface Looked {
  readonly class: "complete" | "lackBlobs" | "begun" | "damaged";
  /** The newest snapshot that can be read. */
  readonly newest: Manifest | undefined;
  readonly snapshots: number;
  /** Whether a snapshot is newer that has no manifest. */
  readonly isUnfinished: boolean;
  readonly isHeld: boolean;
  /** Names at the top of the archive. */
  readonly top: readonly string[];
}

async function look(archive: string): Promise<Looked> {
  const top = namesAtOnce(archive);
  const listed = foldersAtOnce(snapshotsFolder(archive));
  const names = (listed ?? []).filter((name) => snapshotName.test(name)).sort(compareSnapshotNames);
  const isHeld = top?.includes("held") === true && (namesAtOnce(heldFolder(archive)) ?? []).length > 0;
  let newest: Manifest | undefined;
  let isUnfinished = false;
  // What cannot be listed although it is there may hold anything.
  let isDamaged = top === undefined || (listed === undefined && top.includes("snapshots"));
  for (const name of names.toReversed()) {
    const found = await manifestOf(archive, name);
    if (found === "damaged") {
      isDamaged = true;
    } else if (found === undefined) {
      isUnfinished = true;
    } else {
      newest = found;
      break;
    }
  }
  const kind = isDamaged ? "damaged" : newest === undefined ? "begun" : hasAllBlobs(newest) ? "complete" : "lackBlobs";
  return { class: kind, newest, snapshots: names.length, isUnfinished, isHeld, top: top ?? [] };
}

/** The manifest of a snapshot; undefined if it has none. */
async function manifestOf(archive: string, name: string): Promise<Manifest | "damaged" | undefined> {
  const bytes = contentAtOnce(snapshotFile(archive, name, "manifest"), short);
  const sound = bytes === undefined ? undefined : parseSoundManifest(bytes);
  return sound?.snapshot === name ? sound : readManifest(archive, name).catch(() => "damaged" as const);
}

/** The newest snapshot of an archive that can be read; undefined if there is none. */
export async function newestOf(archive: string): Promise<Manifest | undefined> {
  return (await look(archive)).newest;
}

/** What the last runs over a folder have said of themselves. */
async function readRuns(folder: string, lockOwner: LockOwner): Promise<SurveyedRun[]> {
  const runs: SurveyedRun[] = [];
  for await (const name of folderNames(folder)) {
    const run = lastRunName.test(name) ? await readLastRun(joinPath(folder, name)) : undefined;
    if (run !== undefined) {
      const lock = nightLock({ folder, ...run });
      const isOver = await isLeftLock(lock, lockOwner);
      const isLocked = contentAtOnce(lock, short) !== undefined;
      runs.push({ run, state: run.endedAt !== undefined ? "ended" : isLocked && !isOver ? "running" : "killed" });
    }
  }
  return runs;
}
