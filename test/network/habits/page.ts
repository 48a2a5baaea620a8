/** The part of docs/SERVERS.md that `npm run servers` writes. */
import { habits, type Habit } from "./index.ts";
import { columns, fieldOf } from "./table.ts";

/** What was found in each field that was tried: nothing if it holds. */
export type Found = ReadonlyMap<string, readonly string[]>;

const begin = "<!-- Written by npm run servers, down to the end of the notes. -->";
const end = "<!-- Here that ends. -->";

/** A field by name. */
export function nameOf(habit: Habit, column: string): string {
  return `${habit} ${column}`;
}

/** The table, and its notes. @param day of the run, as `2026-11-30` */
export function tableOf(found: Found, day: string): string {
  const notes: string[] = [];
  const note = (text: string): string => {
    const at = notes.indexOf(text);
    return ` (${at === -1 ? notes.push(text) : at + 1})`;
  };
  const cell = (habit: Habit, column: string): string => {
    const { cells, refusal, note: more } = fieldOf(column, habit);
    const wrong = found.get(nameOf(habit, column));
    if (cells.length === 0 || wrong === undefined) {
      return "not tried";
    }
    const behind = more === undefined ? "" : note(more);
    if (wrong.length > 0) {
      return `**does not hold**${behind}`;
    }
    return refusal === undefined
      ? `${columns[column]?.holds ?? ""}${behind}`
      : `refused${note(`“${refusal.sentence}” ${refusal.why} Nothing was changed.`)}${behind}`;
  };
  const names = Object.keys(columns);
  const rows = habits.map((habit) => [`\`${habit}\``, ...names.map((column) => cell(habit, column))]);
  return [
    begin,
    "",
    `Last tried on ${day}:`,
    "",
    ...[
      ["", ...names.map((name) => (name.startsWith("-") ? `\`${name}\`` : name))],
      names.concat("").map(() => "---"),
      ...rows,
    ].map((row) => `| ${row.join(" | ")} |`),
    "",
    ...notes.map((text, index) => `${index + 1}. ${text}`),
    ...(notes.length === 0 ? [] : [""]),
    end,
  ].join("\n");
}

/** The page with this table in the place of the one before. @throws Error for a page without a place for it */
export function withTable(page: string, table: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) {
    throw new Error("the page has no place for the table");
  }
  return page.slice(0, from) + table + page.slice(to + end.length);
}

/** What the page says that holds, or does not: for fields that are not tried anew. */
export function foundIn(page: string): Map<string, readonly string[]> {
  const [heads = [], , ...rows] = tableIn(page);
  const found = new Map<string, readonly string[]>();
  for (const [make = "", ...fields] of rows) {
    fields.forEach((said, at) => {
      if (said !== "not tried") {
        found.set(`${make} ${heads[at + 1] ?? ""}`, said.startsWith("**") ? [said] : []);
      }
    });
  }
  return found;
}

/** What the page has now, as cells of a table, heads first. */
export function tableIn(page: string): string[][] {
  return page
    .slice(page.indexOf(begin), page.indexOf(end))
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((text) => text.trim().replace(/^`(.*)`$/, "$1")),
    );
}
