/** docs/LIMITS.md is the table of the code, and every row of it is exceeded somewhere. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { budgetNames, budgets, limitName } from "../../src/data/budgets.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const squeezed = (line: string): string => line.replaceAll(/ {2,}/g, " ");

test("docs/LIMITS.md is the table of the code", () => {
  const lines = budgetNames.map((name) => {
    const { most, unit, flag, bounds } = budgets[name];
    const number = unit === "time" ? `${most / 1000} s` : String(most);
    return squeezed(`| \`${limitName(name)}\` | ${number} | ${flag ? "yes" : " "} | ${bounds} |`);
  });
  const page = readFileSync(path.join(root, "docs", "LIMITS.md"), "utf8");
  expect(
    page
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map(squeezed),
  ).toEqual(lines);
});

test("every limit has a test that exceeds it", () => {
  const tests = readdirSync(path.join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(path.join("house", "limits.test.ts")))
    .map((name) => readFileSync(path.join(root, "test", name), "utf8"));
  expect(budgetNames.filter((name) => !tests.some((text) => new RegExp(`\\b${name}\\b`).test(text)))).toEqual([]);
});
