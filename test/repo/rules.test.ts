import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { defaultLimits, limitName } from "../../src/repo/limits.ts";
import { ruleIds, rules } from "../../src/repo/rules.ts";
import { invalid } from "./fixtures/invalid.ts";
import { valid } from "./fixtures/valid.ts";

const page = readFileSync(new URL("../../docs/RULES.md", import.meta.url), "utf8").replaceAll(/ {2,}/g, " ");

test("docs/RULES.md is the table of the code", () => {
  const lines = ruleIds.map((id) => {
    const { severity, parts, sentence } = rules[id];
    return `| \`${id}\` | ${severity} | ${parts.join(", ")} | ${sentence} |`;
  });
  const written = page.split("\n").filter((line) => line.startsWith("| `") && line.includes("/"));
  expect(written.map((line) => line.replaceAll(/ {2,}/g, " "))).toEqual(
    lines.map((line) => line.replaceAll(/ {2,}/g, " ")),
  );
});

test("docs/RULES.md names the limits", () => {
  for (const [limit, value] of Object.entries(defaultLimits)) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.entries does not know the keys
    expect(page).toContain(`| \`${limitName(limit as keyof typeof defaultLimits)}\` | ${value} |`);
  }
});

test("every rule about the data has a fixture", async () => {
  const fixtures = [...(await Promise.all(valid)), ...(await Promise.all(invalid))];
  const broken = new Set(fixtures.flatMap(({ verdict }) => verdict.rules));
  const without = ruleIds.filter((id) => !broken.has(id));
  // These are about size: see limits.test.ts.
  expect(without).toEqual(["record/size", "limit/index-entries", "limit/held-bytes", "limit/findings"]);
});
