/**
 * One run at a time: a file that says who holds the lock. What a process has left behind that is certainly gone is
 * taken over.
 *
 * - The lock is one's own file under the lock's name: whoever gives it that name first has it.
 * - Whether a process is gone can be seen only among processes that are numbered together. In a container they have
 *   numbers of their own; a run in another one, or on another machine, is known only by what it does to its lock.
 * - A lock that is held with `withLock`, and says so, is touched every now and then (`beat`). Where nobody can see the
 *   process, one that was not touched for twenty times as long is left behind. Its age is told by the disk: against the
 *   file that who asks has just written beside it, so the clocks of two machines need not agree. Whoever was only held
 *   up meanwhile, such as a machine that was suspended, sees at the next beat that the lock is another's, and stops.
 * - A lock that is left behind has one successor: who takes it away has first put a mark of its own for exactly this
 *   lock, and then sees it still there. So nobody takes away the lock of somebody who was faster.
 */

import { createHash, randomBytes } from "node:crypto";
import { constants, lstatSync } from "node:fs";
import { open, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isJsonObject } from "../../data/json-object.ts";
import { DecampError } from "../../errors.ts";
import { linkNew, makeDurableFolder, onDisk, privateFile, removeName } from "./files.ts";
import { entriesInTurn } from "./folder-names.ts";
import { readShared } from "./own-files.ts";
import { systemCode } from "../system-error.ts";
import { writeAll, WrittenFile } from "./write-whole.ts";

/** Who takes the lock. */
export interface LockOwner {
  readonly pid: number;
  /** Name of the machine. */
  readonly host: string;
  /** When it was started, in words that the system has for it; undefined if that is not known. */
  readonly started?: string | undefined;
  /** Which run of the machine this is; undefined if the system does not say. */
  readonly boot?: string | undefined;
  /** Which processes are numbered together with this one; undefined if the system does not say. */
  readonly space?: string | undefined;
  /** Whether a process lives, among those that are numbered together with this one, that was started then. */
  readonly isAlive: (pid: number, started: string | undefined) => boolean;
  /** How often it touches what it holds with `withLock` (milliseconds); 15 seconds, unless given. */
  readonly beat?: number | undefined;
}

const usualBeat = 15_000;
/** So many beats that do not come are no accident: with the usual one, five minutes. */
const mostMissed = 20;
/** What a lock may say of its beat (milliseconds). */
const longestBeat = 3_600_000;

/**
 * What this run has found to be gone although nobody can see it, and until when it may have lived, by the clock of the
 * disk: it holds nothing else any more, either. One that has touched a lock after that was only held up.
 */
const goneFor = new WeakMap<LockOwner, Map<string, number>>();

/**
 * How often it is tried where others take the lock at the same moment, and how long is waited between (milliseconds).
 */
const tries = 20;
const pause = 25;

/**
 * Does work while the lock at `path` is held.
 *
 * @param now epoch milliseconds
 * @param work gets a signal that fires with the one that is given, and with a `locked` once the lock is another's,
 *   because nothing was seen of this process for too long
 * @throws DecampError as `takeLock`; what `work` throws; `storage` if it cannot be given back after that
 */
export async function withLock<T>(
  path: string,
  owner: LockOwner,
  { now, signal }: { readonly now: number; readonly signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const unlock = await takeLock(path, owner, now, (error) => lost.abort(error));
  let result: T;
  try {
    result = await work(AbortSignal.any([signal, lost.signal]));
  } catch (error) {
    // On a disk that takes nothing any more the lock stays, and is taken over later.
    await unlock().catch(() => undefined);
    throw error;
  }
  await unlock();
  return result;
}

/**
 * Takes the lock at `path`.
 *
 * @param now epoch milliseconds
 * @param onLost makes it a lock that is touched as long as it is held, so that another machine sees it left behind; is
 *   called once it is another's. Without it, a lock whose process cannot be seen stays until a person removes it
 * @returns a function that gives it back; it throws DecampError `storage`
 * @throws DecampError `locked` while another run holds it, or may hold it; `unreadable-file` for what is no plain file;
 *   `refused` for a file of something else; `storage`
 */
export async function takeLock(
  path: string,
  owner: LockOwner,
  now: number,
  onLost?: (error: DecampError) => void,
): Promise<() => Promise<void>> {
  const { pid, host, started, boot, space } = owner;
  const beat = onLost === undefined ? undefined : (owner.beat ?? usualBeat);
  const token = randomBytes(8).toString("hex");
  const since = new Date(now).toISOString();
  const own: OwnFile = {
    path: `${path}.${token}`,
    text: JSON.stringify({ pid, host, started, boot, space, since, beat, token }),
    touched: 0,
  };
  await onDisk(path, async () => {
    try {
      await makeDurableFolder(dirname(path));
      await writeFresh(own.path, own.text);
      own.touched = await writtenAt(own.path);
      await take(path, own, owner);
    } finally {
      await removeName(own.path).catch(() => undefined);
    }
  });
  await removeRemains(path, own, owner).catch(() => undefined);
  const stop = beat === undefined || onLost === undefined ? () => undefined : touching(path, own.text, beat, onLost);
  return async () => {
    stop();
    await onDisk(path, async () => {
      if ((await readLock(path))?.text === own.text) {
        await removeName(path);
      }
    });
  };
}

/** What stands in the lock when this run has it; it lies beside it before. */
interface OwnFile {
  readonly path: string;
  readonly text: string;
  /** When it was written, by the clock of the disk: epoch milliseconds. */
  touched: number;
}

/** Touches a lock again and again. @returns to be called at the end */
function touching(path: string, text: string, beat: number, onLost: (error: DecampError) => void): () => void {
  let isBusy = false;
  const touchOnce = async (): Promise<void> => {
    isBusy = true;
    // A disk that does not answer at this moment may do so at the next.
    const isOurs = await touch(path, text).catch(() => true);
    isBusy = false;
    if (!isOurs) {
      clearInterval(timer);
      onLost(
        new DecampError("locked", `The lock ${path} was taken away from this run.`, {
          hint: "Either nothing was seen of this run for minutes, and another one has taken its place, or somebody removed the lock. What is finished is kept: run the same command again once no other run is at work.",
          data: { path },
        }),
      );
    }
  };
  const timer = setInterval(() => {
    if (!isBusy) {
      void touchOnce();
    }
  }, beat);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Writes what stands there already, so that the disk gives it a new time, by its own clock.
 *
 * @returns whether it is ours
 */
async function touch(path: string, text: string): Promise<boolean> {
  if ((await readLock(path))?.text !== text) {
    return false;
  }
  const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDWR } = constants as Partial<typeof constants> & typeof constants;
  await using handle = await open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  await writeAll(handle, new TextEncoder().encode(text.slice(0, 1)), 0);
  return true;
}

/**
 * When a file was written, by the clock of the disk: epoch milliseconds. 0 if it is gone again: others remove what they
 * cannot tell from remains. Then nothing is taken for left behind this time.
 */
async function writtenAt(path: string): Promise<number> {
  // In place: to give way costs ten times what the look does.
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

async function take(path: string, own: OwnFile, owner: LockOwner): Promise<void> {
  for (let attempt = 1; !(await claim(own, path)); attempt += 1) {
    const found = await readLock(path);
    if (found !== undefined && found.holder === undefined && !isCutOff(found.text)) {
      throw new DecampError("refused", `${path} is no lock of decamp, but a file of something else.`, {
        hint: "Look at what it is, and move it away.",
        data: { path },
      });
    }
    const standing = await standingOf(found?.holder, owner, path, own);
    if (attempt > tries || !(standing === "gone" || standing === "unknown")) {
      throw locked(path, found?.holder, standing);
    }
    // One that says nothing may be written at this moment, on a disk that knows no links.
    if (found !== undefined && (standing === "gone" || attempt > tries / 2)) {
      await takeAway(path, found.text, own, owner);
    }
    await setTimeout(attempt === 1 ? 0 : pause);
  }
}

/**
 * Whether the process that left a lock lives: `held` by one that does; `gone`; `away`: on another machine, or nobody
 * can see where; `elsewhere`: it is numbered among others, as in a container; `earlier`: it is from another run of the
 * machine, or on another of that name; `unknown`: the lock does not say whose it is, or was gone when it was read.
 */
type Standing = "held" | "gone" | "away" | "elsewhere" | "earlier" | "unknown";

async function standingOf(holder: Holder | undefined, owner: LockOwner, path: string, own: OwnFile): Promise<Standing> {
  if (holder === undefined) {
    return "unknown";
  }
  const seen = await seenStanding(holder, owner, path);
  if (seen === "held" || seen === "gone") {
    return seen;
  }
  const { pid, host, started, boot, space } = holder;
  const name = JSON.stringify([pid, host, started, boot, space]);
  const gone = goneFor.get(owner) ?? new Map<string, number>();
  const { beat } = holder;
  const touched = await writtenAt(path).catch(() => Infinity);
  if (beat !== undefined && touched > 0 && own.touched - touched > beat * mostMissed) {
    // It touched all that it held within one beat.
    goneFor.set(owner, gone.set(name, Math.max(touched + 2 * beat, gone.get(name) ?? 0)));
  } else if (touched > (gone.get(name) ?? -1)) {
    return seen;
  }
  return "gone";
}

/** What can be seen of it from here. */
async function seenStanding(
  holder: Holder,
  owner: LockOwner,
  path: string,
): Promise<"held" | "gone" | "away" | "elsewhere" | "earlier"> {
  if (holder.host !== owner.host) {
    return "away";
  }
  if (holder.boot !== undefined && holder.boot !== owner.boot) {
    return owner.boot !== undefined && (await isLocal(dirname(path))) ? "gone" : "earlier";
  }
  if (holder.space !== undefined && holder.space !== owner.space) {
    return owner.space === undefined ? "away" : "elsewhere";
  }
  return owner.isAlive(holder.pid, holder.started) ? "held" : "gone";
}

/** File systems of Linux that one machine has for itself, by their numbers in statfs(2). */
const localDisks: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0xf2f52010, // f2fs
  0x2fc12fc1, // zfs
  0xca451a4e, // bcachefs
  0x01021994, // tmpfs
  0x794c7630, // overlayfs
]);

/** Whether no other machine can have this folder at the same time. False where that is not known. */
async function isLocal(folder: string): Promise<boolean> {
  try {
    return localDisks.has((await statfs(folder)).type >>> 0);
  } catch {
    return false;
  }
}

function locked(path: string, holder: Holder | undefined, standing: Standing): DecampError {
  const who = holder === undefined ? "" : `: process ${holder.pid} on ${holder.host}, since ${holder.since}`;
  const message = `Another run holds the lock ${path}${who}.`;
  const hints: Partial<Record<Standing, string>> = {
    elsewhere: `That process belongs to another container or sandbox, so it cannot be seen from here whether it still runs. Look at the containers of this machine (docker ps): if none is at work with this folder, remove ${path} and run the same command again.`,
    earlier: `It was taken before this machine was started, or on another machine of the same name that has this folder, too. If no such machine is at work with it, remove ${path} and run the same command again.`,
  };
  const { beat } = holder ?? {};
  const touched =
    beat === undefined || standing === "held"
      ? undefined
      : `Wait until that run has ended. If it was killed, its lock is left alone for ${waitText(beat * mostMissed)}: run the same command again after that.`;
  return new DecampError("locked", message, {
    hint: touched ?? hints[standing] ?? `Wait until that run has ended. If you are sure that it has, remove ${path}.`,
    data: { path },
  });
}

function waitText(milliseconds: number): string {
  const minutes = Math.max(1, Math.ceil(milliseconds / 60_000));
  return minutes === 1 ? "a minute" : `${minutes} minutes`;
}

/** Removes what processes have left beside the lock that died while they took it. */
async function removeRemains(path: string, own: OwnFile, owner: LockOwner): Promise<void> {
  const folder = dirname(path);
  const prefix = `${basename(path)}.`;
  for (const { name } of entriesInTurn(folder)) {
    if (name.startsWith(prefix) && /^[0-9a-f]{16}(?:\.(?:[0-9a-f]{16}|old))?$/.test(name.slice(prefix.length))) {
      const left = join(folder, name);
      const standing = await standingOf((await readLock(left))?.holder, owner, left, own);
      // A living run whose own file is not written yet, and is removed here, finds the lock held in any case.
      if (standing === "gone" || standing === "unknown") {
        await removeName(join(folder, name));
      }
    }
  }
}

/**
 * Whether a lock lies at `path` that a run has left behind which is certainly gone: the next one takes it over. Never
 * throws.
 */
export async function isLeftLock(path: string, owner: LockOwner): Promise<boolean> {
  try {
    const found = await readLock(path);
    return found?.holder !== undefined && (await seenStanding(found.holder, owner, path)) === "gone";
  } catch {
    return false;
  }
}

/**
 * Whether a run holds the lock at `path`, as far as can be seen by whoever writes nothing beside it: by its process, or
 * where that cannot be seen, by when it was touched. Never throws.
 *
 * @param now epoch milliseconds, by a clock that is about that of the disk
 */
export async function isHeld(path: string, owner: LockOwner, now: number): Promise<boolean> {
  try {
    const found = await readLock(path);
    const seen = found?.holder === undefined ? "unknown" : await seenStanding(found.holder, owner, path);
    const beat = found?.holder?.beat ?? usualBeat;
    return (
      found !== undefined && seen !== "gone" && (seen === "held" || now - (await writtenAt(path)) < beat * mostMissed)
    );
  } catch {
    return false;
  }
}

/** Puts our file in the lock's place, whole, unless something is there. @returns whether that went well */
async function claim(own: OwnFile, path: string): Promise<boolean> {
  try {
    return await linkNew(own.path, path);
  } catch {
    // A disk that knows no links.
  }
  try {
    await writeFresh(path, own.text);
  } catch (error) {
    if (systemCode(error) === "EEXIST") {
      return false;
    }
    throw error;
  }
  // Another run may have judged this lock to be a torn write, and replaced it: it is read back.
  return (await readLock(path))?.text === own.text;
}

async function writeFresh(path: string, text: string): Promise<void> {
  const file = await WrittenFile.create(path, privateFile);
  try {
    await file.write(new TextEncoder().encode(text), 0);
  } finally {
    file.close();
  }
}

/**
 * Removes a lock that says `text`, and whose process is gone. Of all that try so at once, one has the mark for it; and
 * after that one is done, nobody finds `text` there any more. A mark whose process is gone is taken away in the same
 * way.
 */
async function takeAway(path: string, text: string, own: OwnFile, owner: LockOwner): Promise<void> {
  const mark = `${path.replace(markEnd, "")}.${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
  if (await claim(own, mark)) {
    try {
      if ((await readLock(path))?.text === text) {
        await removeName(path);
      }
    } finally {
      await removeName(mark);
    }
    return;
  }
  const found = await readLock(mark);
  if (found !== undefined && (await standingOf(found.holder, owner, mark, own)) === "gone") {
    await takeAway(mark, found.text, own, owner);
  }
}

const markEnd = /\.[0-9a-f]{16}$/;

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
  readonly started: string | undefined;
  readonly boot: string | undefined;
  readonly space: string | undefined;
  /** How often it is touched (milliseconds). */
  readonly beat: number | undefined;
}

/** Whether a text is the beginning of what a lock says, or the zeros that a crash of the machine leaves. */
function isCutOff(text: string): boolean {
  const beginning = '{"pid":';
  const written = text.replaceAll("\0", "");
  return written.startsWith(beginning) || beginning.startsWith(written);
}

interface FoundLock {
  readonly text: string;
  /** Undefined for one that was cut off in the middle of writing. */
  readonly holder?: Holder;
}

/** Undefined if it is gone. Versions before wrote neither `boot` nor `space`, nor `beat`. */
async function readLock(path: string): Promise<FoundLock | undefined> {
  const bytes = await readShared(path);
  if (bytes === undefined) {
    return undefined;
  }
  const text = new TextDecoder().decode(bytes);
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) {
      const { pid, host, since } = value;
      if (typeof pid === "number" && typeof host === "string" && typeof since === "string") {
        const [started, boot, space] = [value["started"], value["boot"], value["space"]].map(textOf);
        const beat = beatOf(value["beat"]);
        return { text, holder: { pid, host, since, started, boot, space, beat } };
      }
    }
  } catch {
    // No JSON.
  }
  return { text };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function beatOf(value: unknown): number | undefined {
  return typeof value === "number" && value >= 1 && value <= longestBeat ? value : undefined;
}
