/**
 * Which identities may have changed since a moment, by the `/export` of a directory: a request for a thousand
 * operations, in place of one for every account.
 *
 * - It is a hint where to look. An identity with an operation there is looked up, whatever the operation is: one that
 *   was nullified, too, since the one that did so stands there as well.
 * - Where there is no such list, or it does not answer, or is longer than it is worth, nobody knows, and identities are
 *   looked up one by one.
 * - How far it was read is a time of the directory itself, that of the newest operation it has shown. Ours only says
 *   which times lie in the future.
 */
import { NumberSet } from "../../data/number-set.ts";
import { isDecampError } from "../../errors.ts";
import type { PlcDirectory } from "../../services/servers/plc-directory.ts";
import { clockSkew, exportPage, nextCursor, type ExportCursor } from "../../services/servers/plc-export.ts";

/** So many identities are kept one by one. */
const mostExact = 48_000;

/** Bytes of the set below for a page of identities: one in ten or less of all others counts as if it were in it. */
const pageBytes = 1250;
const mostBytes = 16 << 20;

/** Identities by their numbers: a few as they are, and from so many on roughly. */
class Identities {
  #exact: NumberSet | undefined = new NumberSet();
  #rough: Rough | undefined;
  readonly #pages: number;

  /** @param pages will be added at the most */
  constructor(pages: number) {
    this.#pages = pages;
  }

  add(number: number): void {
    this.#exact?.add(number);
    this.#rough?.add(number);
    if (this.#exact !== undefined && this.#exact.size >= mostExact) {
      this.#rough = new Rough(this.#pages);
      for (const one of this.#exact) {
        this.#rough.add(one);
      }
      this.#exact = undefined;
    }
  }

  has(number: number): boolean {
    return (this.#exact ?? this.#rough)?.has(number) === true;
  }
}

/** Very many identities in little memory: some that are not among them count as if they were. */
class Rough {
  readonly #bits: Uint8Array;

  constructor(pages: number) {
    this.#bits = new Uint8Array(Math.min(pages * pageBytes, mostBytes));
  }

  add(number: number): void {
    const bit = number % (8 * this.#bits.length);
    this.#bits[bit >>> 3]! |= 1 << (bit & 7);
  }

  has(number: number): boolean {
    const bit = number % (8 * this.#bits.length);
    return (this.#bits[bit >>> 3]! & (1 << (bit & 7))) !== 0;
  }
}

/** What was found. */
export interface Changed {
  /** Whether an identity may have changed. @param number its number, as `numberOf` says it */
  readonly has: (number: number) => boolean;
  /** Up to where this is known, epoch milliseconds, by the clock of the directory. */
  readonly upTo: number;
}

/** From where, and how far. */
export interface ChangedSince {
  /** Epoch milliseconds, by the clock of the directory. */
  readonly since: number;
  /** More pages are not worth it. */
  readonly mostPages: number;
  /** A number of at least 32 bits for a DID. */
  readonly numberOf: (did: string) => number;
  /** The clock of the directory, epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Reads what has happened since.
 *
 * @returns undefined if that cannot be had from this directory, or is not worth it
 * @throws DecampError `storage`; the signal's reason
 */
export async function readChanged(
  directory: Pick<PlcDirectory, "exported">,
  { since, mostPages, numberOf, now }: ChangedSince,
  signal: AbortSignal,
): Promise<Changed | undefined> {
  const start = since - clockSkew;
  const found = new Identities(mostPages);
  let cursor: ExportCursor = { time: start };
  let newest = start;
  for (let pages = 1; pages <= mostPages; pages += 1) {
    const lines = await directory.exported(cursor, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      if (!isDecampError(error) || isDecampError(error, "storage")) {
        throw error;
      }
      return undefined;
    });
    if (lines === undefined) {
      return undefined;
    }
    const before = newest;
    for (const { did, time } of lines) {
      found.add(numberOf(did));
      newest = Math.max(newest, time);
    }
    const isFull = lines.length >= exportPage;
    // Pages may be shorter than we think that they are: the last one is that which brings nothing newer.
    if (!isFull && newest === before) {
      return { has: (number) => found.has(number), upTo: Math.floor(Math.max(since, Math.min(newest, now()))) };
    }
    // Half a day may be busier than the other half: what seems to be twice too long may still be short enough.
    if (isFull && (pages * (now() - start)) / Math.max(1, newest - start) > 2 * mostPages) {
      return undefined;
    }
    cursor = nextCursor(cursor, lines, now(), true);
  }
  return undefined;
}
