/** One run at a time: a file that says who holds the lock. What a process that has died left behind is taken over. */

import { randomBytes } from "node:crypto";
import { link, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError } from "../errors.ts";
import { makeFolder, readWhole, storageError } from "./files.ts";
import { systemCode } from "./system-error.ts";

/** Who takes the lock. */
export interface LockOwner {
  readonly pid: number;
  /** Name of the machine. */
  readonly host: string;
  /** When it was started, in words that the system has for it; undefined if that is not known. */
  readonly started?: string | undefined;
  /** Whether a process of this machine lives that was started then. */
  readonly isAlive: (pid: number, started: string | undefined) => boolean;
}

/**
 * Takes the lock at `path`.
 *
 * @param now epoch milliseconds
 * @returns a function that gives it back
 * @throws DecampError `locked` while another run holds it, `storage`
 */
export async function takeLock(path: string, owner: LockOwner, now: number): Promise<() => Promise<void>> {
  const { pid, host, started } = owner;
  const token = randomBytes(8).toString("hex");
  const text = JSON.stringify({ pid, host, started, since: new Date(now).toISOString(), token });
  const own = `${path}.${token}`;
  try {
    await makeFolder(dirname(path));
    await writeFile(own, text, { flag: "wx", mode: 0o600 });
    for (let attempt = 1; !(await claim(own, path, text)); attempt += 1) {
      const found = await readLock(path);
      if (found === undefined) {
        continue;
      }
      const { holder } = found;
      if (holder === undefined && !isCutOff(found.text)) {
        throw new DecampError("refused", `${path} is no lock of decamp, but a file of something else.`, {
          hint: "Look at what it is, and move it away.",
          data: { path },
        });
      }
      // One that was cut off in the middle of writing is nobody's.
      const isHeld = holder !== undefined && (holder.host !== host || owner.isAlive(holder.pid, holder.started));
      if (isHeld || attempt > 5) {
        const who = holder === undefined ? "another run" : `process ${holder.pid} on ${holder.host}`;
        const message = `The lock of this account is held by ${who}, since ${holder?.since ?? "now"}.`;
        throw new DecampError("locked", message, {
          hint: `Wait until that run has ended. If you are sure that it has, remove ${path}.`,
          data: { path },
        });
      }
      // The process that held it is gone.
      await takeAway(path, `${own}.old`, found.text);
    }
  } catch (error) {
    throw error instanceof DecampError ? error : storageError(path, error);
  } finally {
    await rm(own, { force: true }).catch(() => undefined);
  }
  await removeRemains(path, owner).catch(() => undefined);
  return async () => {
    if ((await readLock(path))?.text === text) {
      await rm(path, { force: true });
    }
  };
}

/** Removes what processes of this machine have left beside the lock that died while they took it. */
async function removeRemains(path: string, { host, isAlive }: LockOwner): Promise<void> {
  const folder = dirname(path);
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(folder)) {
    if (name.startsWith(prefix) && /^[0-9a-f]{16}(?:\.old)?$/.test(name.slice(prefix.length))) {
      const holder = (await readLock(join(folder, name)))?.holder;
      // Whoever lives and loses one that is not written yet finds the lock held, as it is.
      if (holder === undefined || (holder.host === host && !isAlive(holder.pid, holder.started))) {
        await rm(join(folder, name), { force: true });
      }
    }
  }
}

/** Puts our file in the lock's place, whole, unless something is there. @returns whether that went well */
async function claim(own: string, path: string, text: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") {
      return false;
    }
  }
  // A disk that knows no links.
  try {
    const handle = await open(path, "wx", 0o600);
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") {
      return false;
    }
    throw error;
  }
}

/** Removes a lock that says `text`. One that says something else by now, because another run was faster, is put back. */
async function takeAway(path: string, aside: string, text: string): Promise<void> {
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      return;
    }
    throw error;
  }
  if ((await readLock(aside))?.text !== text) {
    await link(aside, path).catch(() => undefined);
  }
  await rm(aside, { force: true });
}

/** Whether a text is the beginning of what a lock says, or the zeros that a crash of the machine leaves. */
function isCutOff(text: string): boolean {
  const beginning = '{"pid":';
  const written = text.replaceAll("\0", "");
  return written.startsWith(beginning) || beginning.startsWith(written);
}

interface FoundLock {
  readonly text: string;
  readonly holder?: {
    readonly pid: number;
    readonly host: string;
    readonly since: string;
    readonly started: string | undefined;
  };
}

/** Undefined if it is gone. */
async function readLock(path: string): Promise<FoundLock | undefined> {
  const bytes = await readWhole(path);
  if (bytes === undefined) {
    return undefined;
  }
  const text = new TextDecoder().decode(bytes);
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) {
      const { pid, host, since, started } = value;
      if (typeof pid === "number" && typeof host === "string" && typeof since === "string") {
        return { text, holder: { pid, host, since, started: typeof started === "string" ? started : undefined } };
      }
    }
  } catch {
    // No JSON.
  }
  return { text };
}
