/** One run at a time: a file that says who holds the lock. What a process that has died left behind is taken over. */

import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError } from "../errors.ts";
import { storageError } from "./files.ts";

/** Who takes the lock. */
export interface LockOwner {
  readonly pid: number;
  /** Name of the machine. */
  readonly host: string;
  /** Whether a process of this machine lives. */
  readonly isAlive: (pid: number) => boolean;
}

/**
 * Takes the lock at `path`.
 *
 * @param now epoch milliseconds
 * @returns a function that gives it back
 * @throws DecampError `locked` while another run holds it, `storage`
 */
export async function takeLock(path: string, owner: LockOwner, now: number): Promise<() => Promise<void>> {
  const { pid, host } = owner;
  const text = JSON.stringify({ pid, host, since: new Date(now).toISOString() });
  for (let attempt = 1; ; attempt += 1) {
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const handle = await open(path, "wx", 0o600);
      try {
        await handle.writeFile(text);
      } finally {
        await handle.close();
      }
      return async () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
        throw storageError(path, error);
      }
    }
    const holder = await readHolder(path);
    if (attempt > 3 || (holder !== undefined && (holder.host !== host || owner.isAlive(holder.pid)))) {
      const who = holder === undefined ? "another run" : `process ${holder.pid} on ${holder.host}`;
      throw new DecampError("locked", `The lock of this account is held by ${who}, since ${holder?.since ?? "now"}.`, {
        hint: `Wait until that run has ended. If you are sure that it has, remove ${path}.`,
        data: { path },
      });
    }
    // The process that held it is gone.
    await rm(path, { force: true });
  }
}

async function readHolder(path: string): Promise<{ pid: number; host: string; since: string } | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (isJsonObject(value)) {
      const { pid, host, since } = value;
      if (typeof pid === "number" && typeof host === "string" && typeof since === "string") {
        return { pid, host, since };
      }
    }
  } catch {
    // Gone in the meantime, or cut off in the middle: nobody holds it.
  }
  return undefined;
}
