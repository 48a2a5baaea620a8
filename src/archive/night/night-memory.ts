/** What nights remember in the folder of the archives; see night.ts. */
import * as v from "valibot";
import { isDid } from "../../identity/names.ts";
import { joinPath, readWhole, writeWhole } from "../../services/disk/files.ts";
import { folderNames } from "../../services/disk/folder-names.ts";
import { memoryFile, partOfMemory } from "../state/run-files.ts";
import { isInShard, type Shard } from "../state/shard.ts";

/** What nights over the accounts of one server, or of a part of them, leave for the next one. */
export interface NightMemory {
  readonly type: "decamp night";
  readonly format: 1;
  /** Origin of the server whose accounts these are. */
  readonly server: string;
  /** Which half of the identities the last whole night has looked up, or would have. */
  readonly half: 0 | 1;
  /** When the list was gone through to its end, the last time; epoch milliseconds. Older versions kept none. */
  readonly at?: number | undefined;
  /** Accounts with an archive from this server that its list does not have, and since which night. */
  readonly gone?: Readonly<Record<string, number>> | undefined;
  /** Accounts that are not active there, and whose identity names another server. */
  readonly moved: Readonly<Record<string, string>>;
  /** What is known of the identities; unset if nothing is. */
  readonly identities?:
    | {
        /** Origin of the directory. */
        readonly directory: string;
        /** When each half was seen last: epoch milliseconds, by the clock of the directory. */
        readonly upTo: readonly [number | null, number | null];
        /** How many accounts were in the list. */
        readonly accounts: number;
        /** Those whose archive does not have what the directory says of them, as far as is known. */
        readonly inDoubt: readonly string[];
      }
    | undefined;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const did = v.pipe(v.string(), v.check(isDid));
const memorySchema: v.GenericSchema<unknown, NightMemory> = v.object({
  type: v.literal("decamp night"),
  format: v.literal(1),
  server: v.string(),
  half: v.picklist([0, 1]),
  at: v.optional(count),
  gone: v.optional(v.record(did, count)),
  moved: v.record(did, v.string()),
  identities: v.optional(
    v.object({
      directory: v.string(),
      upTo: v.tuple([v.nullable(count), v.nullable(count)]),
      accounts: count,
      inDoubt: v.array(did),
    }),
  ),
});

/** Of which archives: the folder that they lie in, and the part of the accounts. */
export interface NightPlace {
  readonly folder: string;
  readonly shard: Shard | undefined;
}

/**
 * What the last night has left.
 *
 * @returns undefined for nothing, and for what is in another format
 * @throws DecampError `storage`
 */
export async function recallNight(place: NightPlace): Promise<NightMemory | undefined> {
  return readMemory(memoryFile(place));
}

/** @throws DecampError `storage` */
export async function rememberNight(place: NightPlace, memory: NightMemory): Promise<void> {
  await writeWhole(memoryFile(place), `${JSON.stringify(memory)}\n`);
}

/** An account with an archive from a server whose list does not have it. */
export interface MissedAccount {
  readonly did: string;
  /** Origin. */
  readonly server: string;
  /** Since which night; epoch milliseconds. */
  readonly since: number;
}

/**
 * Whom the nights over a folder have missed, each by the newest one that has looked after that account, whatever parts
 * there were.
 *
 * @returns undefined if no night has ended there that noted it
 * @throws DecampError `storage`
 */
export async function missedAccounts(folder: string): Promise<readonly MissedAccount[] | undefined> {
  const nights = (await allNights(folder))
    .flatMap(({ shard, memory }) => (memory.at === undefined ? [] : [{ shard, memory, at: memory.at }]))
    .sort((a, b) => b.at - a.at);
  if (nights.length === 0) {
    return undefined;
  }
  const newestFor = (did: string): NightMemory | undefined => nights.find(({ shard }) => isInShard(did, shard))?.memory;
  return nights.flatMap(({ memory }) =>
    Object.entries(memory.gone ?? {}).flatMap(([did, since]) =>
      newestFor(did) === memory ? [{ did, server: memory.server, since }] : [],
    ),
  );
}

/** What the nights over all parts of the accounts have left, each with its part. */
async function allNights(
  folder: string,
): Promise<readonly { readonly shard: Shard | undefined; readonly memory: NightMemory }[]> {
  const found: { shard: Shard | undefined; memory: NightMemory }[] = [];
  for await (const name of folderNames(folder)) {
    const part = partOfMemory(name);
    const memory = part === undefined ? undefined : await readMemory(joinPath(folder, name));
    if (part !== undefined && memory !== undefined) {
      found.push({ ...part, memory });
    }
  }
  return found;
}

async function readMemory(path: string): Promise<NightMemory | undefined> {
  const bytes = await readWhole(path);
  try {
    return v.parse(memorySchema, JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}
