import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { plcFixtures } from "./fixtures.ts";

const root = new URL("../../", import.meta.url);
const rule = /(?<=["`])(?:plc|did-document|handle)\/[a-z-]+(?=["`])/g;

function rulesIn(text: string): string[] {
  return [...new Set(text.match(rule))].toSorted();
}

const sections = readFileSync(new URL("docs/RULES-PLC.md", root), "utf8").split("\n## ");

test("the tables name every rule of the code, and no other", () => {
  const files = globSync("src/{plc,identity,account}/*.ts", { cwd: root.pathname });
  const code = files.map((file) => readFileSync(new URL(file, root), "utf8")).join("\n");
  expect(rulesIn(sections.join("\n"))).toEqual(rulesIn(code));
});

test("every rule that refuses a log has a fixture", async () => {
  const shown = (await plcFixtures()).map(({ expect: expected }) => expected).filter((name) => name !== "valid");
  expect([...new Set(shown)].toSorted()).toEqual(rulesIn(sections[1] ?? ""));
});
