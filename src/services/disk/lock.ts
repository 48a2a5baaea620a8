/**
 * One run at a time: a file that says who holds the lock. What a process has left behind that is certainly gone is
 * taken over.
 *
 * - The lock is one's own file under the lock's name: whoever gives it that name first has it.
 * - Whether a process is gone can be seen only among processes that are numbered together. In a container they have
 *   numbers of their own; a run in another one is never taken for gone, and neither is one on another machine.
 * - A lock that is left behind has one successor: who takes it away has first put a mark of its own for exactly this
 *   lock, and then sees it still there. So nobody takes away the lock of somebody who was faster.
 */

import { createHash, randomBytes } from "node:crypto";
import { open, readdir, rm, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isJsonObject } from "../../data/json-object.ts";
import { DecampError } from "../../errors.ts";
import { linkNew, makeFolder, onDisk, privateFile } from "./files.ts";
import { readShared } from "./own-files.ts";
import { systemCode } from "../system-error.ts";
import { writeAll } from "./write-whole.ts";

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
}

/**
 * How often it is tried where others take the lock at the same moment, and how long is waited between (milliseconds).
 */
const tries = 20;
const pause = 25;

/**
 * Takes the lock at `path`.
 *
 * @param now epoch milliseconds
 * @returns a function that gives it back
 * @throws DecampError `locked` while another run holds it, or may hold it; `unreadable-file` for what is no plain file;
 *   `refused` for a file of something else; `storage`
 */
export async function takeLock(path: string, owner: LockOwner, now: number): Promise<() => Promise<void>> {
  const { pid, host, started, boot, space } = owner;
  const token = randomBytes(8).toString("hex");
  const since = new Date(now).toISOString();
  const own: OwnFile = {
    path: `${path}.${token}`,
    text: JSON.stringify({ pid, host, started, boot, space, since, token }),
  };
  await onDisk(path, async () => {
    try {
      await makeFolder(dirname(path));
      await writeFresh(own.path, own.text);
      await take(path, own, owner);
    } finally {
      await rm(own.path, { force: true }).catch(() => undefined);
    }
  });
  await removeRemains(path, owner).catch(() => undefined);
  return async () => {
    if ((await readLock(path))?.text === own.text) {
      await rm(path, { force: true });
    }
  };
}

/** What stands in the lock when this run has it; it lies beside it before. */
interface OwnFile {
  readonly path: string;
  readonly text: string;
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
    const standing = await standingOf(found?.holder, owner, path);
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
 * Whether the process that left a lock lives: `held` by one that does, as far as can be seen; `gone`; `elsewhere`: it
 * is numbered among others, as in a container; `earlier`: it is from another run of the machine, or on another of that
 * name; `unknown`: the lock does not say whose it is, or was gone when it was read.
 */
type Standing = "held" | "gone" | "elsewhere" | "earlier" | "unknown";

async function standingOf(holder: Holder | undefined, owner: LockOwner, path: string): Promise<Standing> {
  if (holder === undefined) {
    return "unknown";
  }
  if (holder.host !== owner.host) {
    return "held";
  }
  if (holder.boot !== undefined && holder.boot !== owner.boot) {
    return owner.boot !== undefined && (await isLocal(dirname(path))) ? "gone" : "earlier";
  }
  if (holder.space !== undefined && holder.space !== owner.space) {
    return owner.space === undefined ? "held" : "elsewhere";
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
  const who = holder === undefined ? "another run" : `process ${holder.pid} on ${holder.host}`;
  const message = `The lock of this account is held by ${who}, since ${holder?.since ?? "now"}.`;
  const hints: Partial<Record<Standing, string>> = {
    elsewhere: `That process belongs to another container or sandbox, so it cannot be seen from here whether it still runs. Look at the containers of this machine (docker ps): if none is at work with this folder, remove ${path} and run the same command again.`,
    earlier: `It was taken before this machine was started, or on another machine of the same name that has this folder, too. If no such machine is at work with it, remove ${path} and run the same command again.`,
  };
  return new DecampError("locked", message, {
    hint: hints[standing] ?? `Wait until that run has ended. If you are sure that it has, remove ${path}.`,
    data: { path },
  });
}

/** Removes what processes have left beside the lock that died while they took it. */
async function removeRemains(path: string, owner: LockOwner): Promise<void> {
  const folder = dirname(path);
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(folder)) {
    if (name.startsWith(prefix) && /^[0-9a-f]{16}(?:\.(?:[0-9a-f]{16}|old))?$/.test(name.slice(prefix.length))) {
      const standing = await standingOf((await readLock(join(folder, name)))?.holder, owner, path);
      // A living run whose own file is not written yet, and is removed here, finds the lock held in any case.
      if (standing === "gone" || standing === "unknown") {
        await rm(join(folder, name), { force: true });
      }
    }
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
  await using handle = await open(path, "wx", privateFile);
  await writeAll(handle, new TextEncoder().encode(text));
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
        await rm(path, { force: true });
      }
    } finally {
      await rm(mark, { force: true });
    }
    return;
  }
  const found = await readLock(mark);
  if (found !== undefined && (await standingOf(found.holder, owner, mark)) === "gone") {
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

/** Undefined if it is gone. Versions before wrote neither `boot` nor `space`. */
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
        return { text, holder: { pid, host, since, started, boot, space } };
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
