/** The newest operations that a watch has told of: one file for all of its accounts. */
import { isJsonObject } from "../../../data/json-object.ts";
import { DecampError } from "../../../errors.ts";
import { joinPath, writeWhole } from "../files.ts";
import { takeLock, type LockOwner } from "../lock.ts";
import { ownFolder, readOwn } from "../own-files.ts";

/** What is remembered, and a place for more. */
export interface WatchMemory {
  readonly path: string;
  /** CIDs, by DID. */
  readonly heads: Map<string, readonly string[]>;
  /** Adds to what is remembered; durable when it resolves. @throws DecampError `storage` */
  save(heads: ReadonlyMap<string, readonly string[]>): Promise<void>;
  /** Gives it back to other runs. */
  close(): Promise<void>;
}

/**
 * Opens the memory of a watch, for this run alone.
 *
 * @param file the file; `watch/heads.json` in the folder of the state unless given
 * @param now epoch milliseconds
 * @throws DecampError `damaged` if it is not as decamp writes it, `locked` while another watch has it; `refused`,
 *   `unreadable-file`, `storage`
 */
export async function openWatchMemory(
  stateDir: string,
  file: string | undefined,
  owner: LockOwner,
  now: number,
): Promise<WatchMemory> {
  const path = file ?? joinPath(await ownFolder(stateDir, "watch", true), "heads.json");
  const close = await takeLock(`${path}.lock`, owner, now);
  try {
    const heads = parse(await readOwn(path), path);
    return {
      path,
      heads,
      close,
      save: async (more) => {
        for (const [did, cids] of more) {
          heads.set(did, cids);
        }
        await writeWhole(path, `${JSON.stringify({ format: 1, heads: Object.fromEntries(heads) })}\n`);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function parse(bytes: Uint8Array | undefined, path: string): Map<string, readonly string[]> {
  if (bytes === undefined) {
    return new Map();
  }
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const heads = isJsonObject(value) && value["format"] === 1 ? value["heads"] : undefined;
    if (isJsonObject(heads)) {
      return new Map(Object.entries(heads).map(([did, cids]) => [did, texts(cids)]));
    }
  } catch {
    // falls through to the one sentence
  }
  throw new DecampError("damaged", `${path} is no memory of a watch.`, {
    hint: "Name another file. If decamp has written this one and nobody else touched it, remove it: a watch does without.",
    data: { path },
  });
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
