/**
 * What a watch has told of, and what it waits for: one file for all accounts and all watches. It helps, and is never
 * needed: what cannot be read or written is said, and ends no watch.
 *
 * Several watches may run at once, of the same accounts or of others. None holds the file: whoever has news locks it
 * for a moment, reads what others have written meanwhile, and adds its own. Of an account of which two have news, both
 * are kept.
 */
import { lstat, rename } from "node:fs/promises";
import { isJsonObject } from "../../../data/json-object.ts";
import { DecampError, isDecampError } from "../../../errors.ts";
import { pause } from "../../wait.ts";
import { joinPath, onDisk, writeWhole } from "../files.ts";
import { takeLock, type LockOwner } from "../lock.ts";
import { ownFolder, readOwn } from "../own-files.ts";

/** What is new, by DID or by the host of a directory. */
export interface WatchNews {
  /** The newest operations that were told: CIDs by DID. */
  readonly heads: ReadonlyMap<string, readonly string[]>;
  /** Newer ones that were seen, and that nobody has taken yet: CIDs by DID; none where there are none any more. */
  readonly seen: ReadonlyMap<string, readonly string[]>;
  /** What a directory lists and does not show, by its host: CIDs by DID. */
  readonly listed: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** When a directory answered last, by its host: epoch milliseconds. */
  readonly answered: ReadonlyMap<string, number>;
}

/** What is remembered, and a place for more. */
export interface WatchMemory extends WatchNews {
  readonly path: string;
  /** Whom a handle led to last: DIDs. What is set is written with the next news. */
  readonly names: Map<string, string>;
  /** Why there is none, or none that lasts. */
  readonly lacks: DecampError | undefined;
  /**
   * Adds to what is remembered; durable when it resolves, unless something lacks.
   *
   * @param isOwn whether this watch is for a DID: what directories list of others is theirs
   * @throws DecampError `storage`, `locked` if another run has the file for ten seconds; the signal's reason
   */
  save(news: WatchNews, isOwn: (did: string) => boolean, signal: AbortSignal): Promise<void>;
}

/** Who opens it, and when: epoch milliseconds. */
export interface MemoryUser {
  readonly owner: LockOwner;
  readonly now: () => number;
}

/** So often the lock is tried, and so long is waited between (milliseconds): others have it for an instant. */
const tries = 100;
const pace = 100;

/** So many operations are kept of an account of which several watches have news. */
const mostKept = 16;

/**
 * Opens the memory of a watch. A file of decamp's own that is damaged is put aside; one that was named is left as it
 * is, and nothing is written.
 *
 * @param file the file; `watch/heads.json` in the folder of the state unless given
 * @throws the signal's reason
 */
export async function openWatchMemory(
  stateDir: string,
  file: string | undefined,
  user: MemoryUser,
  signal: AbortSignal,
): Promise<WatchMemory> {
  const path = file ?? joinPath(stateDir, "watch", "heads.json");
  let own: Maps = empty();
  let lacks: DecampError | undefined;
  let isKept = true;
  let stamp: string | undefined;
  /** What the file has now; ours where it has nothing, or nothing that can be read. */
  const reread = async (): Promise<Maps> => {
    const current = await stampOf(path);
    if (current === undefined || current === stamp) {
      return own;
    }
    try {
      return parse(await readOwn(path), path);
    } catch (error) {
      if (!isDecampError(error, "damaged") || file !== undefined) {
        throw error;
      }
      await onDisk(path, async () => rename(path, `${path}.damaged`));
      return own;
    }
  };
  try {
    if (file === undefined) {
      await ownFolder(stateDir, "watch", true);
    }
  } catch (error) {
    lacks = noticed(error);
    isKept = false;
  }
  try {
    const current = await stampOf(path);
    own = parse(await readOwn(path), path);
    stamp = current;
  } catch (error) {
    lacks ??= noticed(error);
    if (isKept && isDecampError(error, "damaged") && file === undefined) {
      // Somebody else may have put it aside by then, and written another one.
      own = await locked(path, user, signal, reread).catch((failure: unknown) => {
        noticed(failure);
        isKept = false;
        return own;
      });
    } else {
      isKept = false;
    }
  }
  const namesBefore = new Map(own.names);
  return {
    path,
    ...own,
    lacks,
    save: async (news, isOwn, aborted) => {
      const write = async (): Promise<void> => {
        const there = isKept ? await reread() : own;
        for (const [name, did] of own.names) {
          if (namesBefore.get(name) !== did) {
            there.names.set(name, did);
          }
        }
        add(news, { own, there }, isOwn);
        if (isKept) {
          await writeWhole(path, `${JSON.stringify(asJson(there))}\n`);
          stamp = await stampOf(path);
        }
        if (there !== own) {
          keepUp(own, there);
        }
      };
      await (isKept ? locked(path, user, aborted, write) : write());
    },
  };
}

interface Maps {
  readonly names: Map<string, string>;
  readonly heads: Map<string, readonly string[]>;
  readonly seen: Map<string, readonly string[]>;
  readonly listed: Map<string, ReadonlyMap<string, string>>;
  readonly answered: Map<string, number>;
}

function empty(): Maps {
  return { names: new Map(), heads: new Map(), seen: new Map(), listed: new Map(), answered: new Map() };
}

/** Adds news to what the file has. @param both what this run had read or written last, and what is there now */
function add(news: WatchNews, { own, there }: { own: Maps; there: Maps }, isOwn: (did: string) => boolean): void {
  for (const field of ["heads", "seen"] as const) {
    for (const [did, cids] of news[field]) {
      const before = own[field].get(did) ?? [];
      const now = there[field].get(did) ?? [];
      const all = now.length === 0 || isSame(before, now) ? cids : [...new Set([...now, ...cids])].slice(-mostKept);
      if (all.length === 0) {
        there[field].delete(did);
      } else {
        there[field].set(did, all);
      }
    }
  }
  for (const [host, all] of news.listed) {
    const others = [...(there.listed.get(host) ?? [])].filter(([did]) => !isOwn(did));
    there.listed.set(host, new Map([...others, ...all]));
  }
  for (const [host, time] of news.answered) {
    const now = there.answered.get(host);
    const isTheirs = now !== undefined && now !== own.answered.get(host);
    there.answered.set(host, isTheirs ? Math.max(now, time) : time);
  }
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item) => other.includes(item));
}

/** What this run remembers is what the file has. */
function keepUp(own: Maps, there: Maps): void {
  replace(own.names, there.names);
  replace(own.heads, there.heads);
  replace(own.seen, there.seen);
  replace(own.listed, there.listed);
  replace(own.answered, there.answered);
}

function replace<T>(map: Map<string, T>, by: ReadonlyMap<string, T>): void {
  map.clear();
  by.forEach((value, key) => map.set(key, value));
}

/** Works while no other run changes the file. @throws DecampError `locked`, the signal's reason, what `work` throws */
async function locked<T>(
  path: string,
  { owner, now }: MemoryUser,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      // Touched while it is held, so that one which a container has left is taken over in its time.
      const unlock = await takeLock(`${path}.lock`, owner, now(), () => undefined);
      try {
        return await work();
      } finally {
        await unlock();
      }
    } catch (error) {
      if (!isDecampError(error, "locked") || attempt >= tries) {
        throw error;
      }
    }
    await pause(pace, signal);
  }
}

/** What tells one content of a file from another: each is written as a new file. Undefined where there is none. */
async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { ino, mtimeMs, size } = await lstat(path);
    return [ino, mtimeMs, size].join(" ");
  } catch {
    return undefined;
  }
}

/** @throws what is no trouble with a file */
function noticed(error: unknown): DecampError {
  if (!isDecampError(error) || error.code === "interrupted") {
    throw error;
  }
  return error;
}

function asJson({ names, heads, seen, listed, answered }: Maps): object {
  return {
    format: 1,
    names: Object.fromEntries(names),
    heads: Object.fromEntries(heads),
    ...(seen.size === 0 ? {} : { seen: Object.fromEntries(seen) }),
    listed: Object.fromEntries([...listed].map(([host, all]) => [host, Object.fromEntries(all)])),
    answered: Object.fromEntries([...answered].map(([host, time]) => [host, new Date(time).toISOString()])),
  };
}

function parse(bytes: Uint8Array | undefined, path: string): Maps {
  if (bytes === undefined) {
    return empty();
  }
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const { names, heads, seen, listed, answered } = isJsonObject(value) && value["format"] === 1 ? value : {};
    if (isJsonObject(heads)) {
      return {
        names: new Map(entriesOf(names).filter(isText)),
        heads: new Map(entriesOf(heads).map(([did, cids]) => [did, texts(cids)])),
        seen: new Map(entriesOf(seen).map(([did, cids]) => [did, texts(cids)])),
        listed: new Map(entriesOf(listed).map(([host, all]) => [host, new Map(entriesOf(all).filter(isText))])),
        answered: new Map(
          entriesOf(answered)
            .map(([host, time]) => [host, Date.parse(String(time))] as const)
            .filter(([, time]) => !Number.isNaN(time)),
        ),
      };
    }
  } catch {
    // falls through to the one sentence
  }
  throw new DecampError("damaged", `${path} is no memory of a watch.`, {
    hint: "Name another file. If decamp has written this one and nobody else touched it, remove it: a watch does without.",
    data: { path },
  });
}

function entriesOf(value: unknown): [string, unknown][] {
  return isJsonObject(value) ? Object.entries(value) : [];
}

function isText(entry: [string, unknown]): entry is [string, string] {
  return typeof entry[1] === "string";
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
