/**
 * What a watch has told of, and what it waits for: one file for all of its accounts. It helps, and is never needed:
 * what cannot be read or written is said, and ends no watch.
 */
import { rename } from "node:fs/promises";
import { isJsonObject } from "../../../data/json-object.ts";
import { DecampError, isDecampError } from "../../../errors.ts";
import { joinPath, onDisk, writeWhole } from "../files.ts";
import { takeLock, type LockOwner } from "../lock.ts";
import { ownFolder, readOwn } from "../own-files.ts";

/** What is new, by DID or by the host of a directory. */
export interface WatchNews {
  /** The newest operations that were told: CIDs by DID. */
  readonly heads: ReadonlyMap<string, readonly string[]>;
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
  /** Adds to what is remembered; durable when it resolves, unless something lacks. @throws DecampError `storage` */
  save(news: WatchNews): Promise<void>;
  /** Gives it back to other runs. */
  close(): Promise<void>;
}

/**
 * Opens the memory of a watch, for this run alone. A file of decamp's own that is damaged is put aside; one that was
 * named is left as it is, and nothing is written.
 *
 * @param file the file; `watch/heads.json` in the folder of the state unless given
 * @param now epoch milliseconds
 * @throws DecampError `locked` while another watch has it
 */
export async function openWatchMemory(
  stateDir: string,
  file: string | undefined,
  owner: LockOwner,
  now: number,
): Promise<WatchMemory> {
  const path = file ?? joinPath(stateDir, "watch", "heads.json");
  let close = nothing;
  let read: Maps = empty();
  let lacks: DecampError | undefined;
  let isKept = true;
  try {
    if (file === undefined) {
      await ownFolder(stateDir, "watch", true);
    }
    // Whoever has it instead writes it from now on.
    close = await takeLock(`${path}.lock`, owner, now, () => (isKept = false));
  } catch (error) {
    lacks = noticed(error);
    isKept = false;
  }
  try {
    read = parse(await readOwn(path), path);
  } catch (error) {
    lacks ??= noticed(error);
    isKept &&= isDecampError(error, "damaged") && file === undefined && (await isPutAside(path));
  }
  const { heads, listed, answered } = read;
  return {
    path,
    ...read,
    lacks,
    close,
    save: async (news) => {
      for (const [did, cids] of news.heads) {
        heads.set(did, cids);
      }
      for (const [host, all] of news.listed) {
        listed.set(host, all);
      }
      for (const [host, time] of news.answered) {
        answered.set(host, time);
      }
      if (isKept) {
        await writeWhole(path, `${JSON.stringify(asJson(read))}\n`);
      }
    },
  };
}

async function nothing(): Promise<void> {
  // There is no lock to give back.
}

interface Maps {
  readonly names: Map<string, string>;
  readonly heads: Map<string, readonly string[]>;
  readonly listed: Map<string, ReadonlyMap<string, string>>;
  readonly answered: Map<string, number>;
}

function empty(): Maps {
  return { names: new Map(), heads: new Map(), listed: new Map(), answered: new Map() };
}

/** @throws what is no trouble with a file, and `locked` */
function noticed(error: unknown): DecampError {
  if (!isDecampError(error) || error.code === "locked" || error.code === "interrupted") {
    throw error;
  }
  return error;
}

async function isPutAside(path: string): Promise<boolean> {
  try {
    await onDisk(path, async () => rename(path, `${path}.damaged`));
    return true;
  } catch (error) {
    noticed(error);
    return false;
  }
}

function asJson({ names, heads, listed, answered }: Maps): object {
  return {
    format: 1,
    names: Object.fromEntries(names),
    heads: Object.fromEntries(heads),
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
    const { names, heads, listed, answered } = isJsonObject(value) && value["format"] === 1 ? value : {};
    if (isJsonObject(heads)) {
      return {
        names: new Map(entriesOf(names).filter(isText)),
        heads: new Map(entriesOf(heads).map(([did, cids]) => [did, texts(cids)])),
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
