/** What is different between two repositories, record by record, for whoever decides which of them stays. */

import { firstWords } from "../data/first-words.ts";
import { isDecampError } from "../errors.ts";
import { diffInTurns, type RecordChange } from "../repo/diff.ts";
import { recordsInTurns } from "../repo/records.ts";
import type { RepoSource } from "../repo/source.ts";

/** So many changes of each kind are named; all are counted. */
export const mostNamedChanges = 1000;

/** A record that is not the same in both. */
export interface NamedChange {
  readonly kind: RecordChange["kind"];
  readonly path: string;
  /** The first words of it, where it has any. Whoever wrote the record chose them: they are not escaped. */
  readonly words?: string;
}

/** How two repositories differ. */
export interface RecordChanges {
  /** How many of each kind there are. */
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** Of each kind the first `mostNamedChanges`, in the order of their paths. */
  readonly records: readonly NamedChange[];
}

/**
 * Compares two repositories. What is kept in memory is bounded, however much they differ.
 *
 * @param words which of the two a changed record is quoted from
 * @throws DecampError `damaged` where a node that is needed is missing or malformed; the signal's reason
 */
export async function describeChanges(
  before: RepoSource,
  after: RepoSource,
  words: "before" | "after",
  signal: AbortSignal,
): Promise<RecordChanges> {
  const counts = { added: 0, changed: 0, removed: 0 };
  const named: { kind: RecordChange["kind"]; path: string }[] = [];
  for await (const { kind, path } of diffInTurns(before, after, { signal })) {
    counts[kind] += 1;
    if (counts[kind] <= mostNamedChanges) {
      named.push({ kind, path });
    }
  }
  const pathsIn = (side: "before" | "after"): Set<string> =>
    new Set(named.filter(({ kind }) => sideOf(kind, words) === side).map(({ path }) => path));
  const quoted = {
    before: await quote(before, pathsIn("before"), signal),
    after: await quote(after, pathsIn("after"), signal),
  };
  const records = named.map(({ kind, path }) => {
    const text = quoted[sideOf(kind, words)].get(path);
    return { kind, path, ...(text === undefined ? {} : { words: text }) };
  });
  return { ...counts, records };
}

function sideOf(kind: RecordChange["kind"], words: "before" | "after"): "before" | "after" {
  return kind === "added" ? "after" : kind === "removed" ? "before" : words;
}

/** The first words of these records. What cannot be read is not quoted. */
async function quote(source: RepoSource, paths: Set<string>, signal: AbortSignal): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  try {
    for await (const { path, bytes } of paths.size === 0 ? [] : recordsInTurns(source, { signal })) {
      const words = paths.delete(path) ? firstWords(bytes) : undefined;
      if (words !== undefined) {
        found.set(path, words);
      }
      if (paths.size === 0) {
        break;
      }
    }
  } catch (error) {
    if (!isDecampError(error, "damaged")) {
      throw error;
    }
  }
  return found;
}
