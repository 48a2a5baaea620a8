/** Lists that a server gives in pages: gone through to their end, and no further. */

import * as v from "valibot";
import { overLimit, type Limits } from "../../data/budgets.ts";
import { DecampError } from "../../errors.ts";
import type { Shape } from "./xrpc.ts";

/** The name of the next page: some servers count, and some end the list with null or an empty text. */
type Cursor = string | number | null | undefined;

/**
 * What every page of a list has beside its entries. A number that was rounded when it was read is no name of a page:
 * entries would be missing.
 */
export const pageEntries: { readonly cursor: Shape<Cursor> } = {
  cursor: v.nullish(v.union([v.string(), v.pipe(v.number(), v.check(isExact))])),
};

function isExact(cursor: number): boolean {
  return Math.abs(cursor) <= Number.MAX_SAFE_INTEGER;
}

/**
 * All items of a list. Pages may be empty, as where all entries were filtered out, but not too many in a row.
 *
 * @param server whose list it is
 * @param fetchPage gives the page of this name; the first one without a name
 * @param nameOf what an item is called: no two pages begin with the same
 * @throws DecampError `bad-answer` when the pages do not end or come again, when an entry or a name of a page is too
 *   long to be one, and what `fetchPage` throws
 */
export async function* allPages<T = string>(
  { host, limits }: { readonly host: string; readonly limits: Limits },
  fetchPage: (cursor: { cursor?: string }) => Promise<{ items: readonly T[]; cursor: Cursor }>,
  nameOf: (item: T) => string = String,
): AsyncGenerator<T> {
  // Neither a name of a page nor its first item comes twice in a list that ends.
  const cursors = new Set<string>();
  const firsts = new Set<string>();
  let empty = 0;
  let entries = 0;
  let name: string | undefined;
  do {
    const { items, cursor } = await fetchPage(name === undefined ? {} : { cursor: name });
    const first = items[0] === undefined ? undefined : nameOf(items[0]);
    name = (cursor ?? "") === "" ? undefined : String(cursor);
    empty = first === undefined ? empty + 1 : 0;
    if ((first !== undefined && firsts.has(first)) || (name !== undefined && cursors.has(name))) {
      throw new DecampError("bad-answer", `${host} gives the same page of a list again and again.`);
    }
    entries += items.length;
    const what = `${host} gives a list of`;
    if (cursors.size >= limits.listPages) {
      throw overLimit("listPages", what, limits.listPages, "pages");
    }
    if (empty > limits.listEmptyPages) {
      throw overLimit("listEmptyPages", what, limits.listEmptyPages, "empty pages in a row");
    }
    if (entries > limits.listEntries) {
      throw overLimit("listEntries", what, limits.listEntries, "entries");
    }
    if (items.some((item) => nameOf(item).length > limits.entryLength)) {
      throw overLimit("entryLength", `${host} gives a list with an entry of`, limits.entryLength, "letters");
    }
    if ((name ?? "").length > limits.cursorLength) {
      throw overLimit("cursorLength", `${host} gives a page of a list a name of`, limits.cursorLength, "letters");
    }
    if (first !== undefined) {
      firsts.add(first);
    }
    cursors.add(name ?? "");
    yield* items;
  } while (name !== undefined);
}
