/** The table of docs/SERVERS.md has what `npm run servers` tries, all of it, and nothing that does not hold. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { habits } from "../network/habits/index.ts";
import { foundIn, nameOf, tableIn, tableOf, withTable } from "../network/habits/page.ts";
import { columns, fieldOf } from "../network/habits/table.ts";

const page = readFileSync(new URL("../../docs/SERVERS.md", import.meta.url), "utf8");
const names = Object.keys(columns);
const fields = habits.flatMap((habit) => names.map((column) => ({ habit, column, ...fieldOf(column, habit) })));

test("every make and every column stands there, and nothing else", () => {
  const [head = [], , ...rows] = tableIn(page);
  expect(head).toEqual(["", ...names]);
  expect(rows.map(([make]) => make)).toEqual(habits);
});

test("what is tried holds, what is refused says so with its sentence, and the rest is called not tried", () => {
  const [, , ...rows] = tableIn(page);
  for (const { habit, column, cells, refusal } of fields) {
    const said = rows.find(([make]) => make === habit)?.[names.indexOf(column) + 1] ?? "";
    const wanted = cells.length === 0 ? "not tried" : refusal === undefined ? columns[column]?.holds : "refused";
    expect(`${nameOf(habit, column)}: ${said.replace(/ \(\d+\)/g, "")}`).toBe(`${nameOf(habit, column)}: ${wanted}`);
    if (refusal !== undefined) {
      expect(page.replaceAll(/\s+/g, " ")).toContain(`“${refusal.sentence}” ${refusal.why}`);
    }
  }
});

test("what does not hold is said in the table, and a page without a place for it is left alone", () => {
  const first = fields.find(({ cells, refusal }) => cells.length > 0 && refusal === undefined);
  const found = new Map(fields.map(({ habit, column }) => [nameOf(habit, column), [] as string[]]));
  found.set(nameOf(first!.habit, first!.column), ["a blob is lost"]);
  const changed = withTable(page, tableOf(found, "2026-11-30"));
  expect(tableIn(changed).flat()).toContain("**does not hold**");
  // What is not tried anew stays.
  const again = withTable(changed, tableOf(foundIn(changed), "2026-11-30"));
  expect(again).toBe(changed);
  expect(() => withTable("# Another page\n", "")).toThrow("no place");
});
