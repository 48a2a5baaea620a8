/**
 * `npm run servers [-- [MAKE | COLUMN] …]`: moves accounts in and out for every make of server, says what held, and
 * writes that into the table of docs/SERVERS.md. All of it takes half an hour; by name only some is tried.
 */
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { habits } from "../network/habits/index.ts";
import { foundIn, nameOf, tableOf, withTable } from "../network/habits/page.ts";
import { columns, fieldOf } from "../network/habits/table.ts";
import { startNetwork } from "../network/index.ts";
import { buildIfStale } from "./dist.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const names = Object.keys(columns);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !names.includes(name) && !habits.some((habit) => habit === name));
if (unknown.length > 0) {
  throw new Error(`neither a make nor a column: ${unknown.join(", ")}`);
}
const chosen = <T extends string>(all: readonly T[]): readonly T[] => {
  const named = all.filter((one) => wanted.includes(one));
  return named.length === 0 ? all : named;
};
if ((await buildIfStale()) !== 0) {
  throw new Error("there is no build to try");
}

const network = await startNetwork();
const found = new Map<string, string[]>();
for (const habit of chosen(habits)) {
  for (const column of chosen(names)) {
    const { cells, refusal } = fieldOf(column, habit);
    const wrong: string[] = [];
    for (const cell of cells) {
      try {
        wrong.push(...(await cell(network, habit, refusal?.sentence)));
      } catch (error) {
        wrong.push(`broke: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    if (cells.length > 0) {
      found.set(nameOf(habit, column), wrong);
      console.log(`${habit} ${column}: ${wrong.length === 0 ? "right" : wrong.join("; ")}`);
    }
  }
}
await network.stop();
const file = path.join(root, "docs/SERVERS.md");
const page = await readFile(file, "utf8");
const all = new Map([...foundIn(page), ...found]);
await writeFile(file, withTable(page, tableOf(all, new Date().toISOString().slice(0, 10))));
execFileSync("npx", ["prettier", "--write", "docs/SERVERS.md"], { cwd: root });
process.exit([...found.values()].every((wrong) => wrong.length === 0) ? 0 : 1);
