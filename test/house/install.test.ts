/** Who runs the commands of docs/INSTALL.md. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { installCommands, typedInClone } from "../release/install-page.ts";

const page = installCommands();
const scripts = JSON.parse(readFileSync("package.json", "utf8")).scripts as Record<string, string>;

test("what one types in a clone is typed by npm run twice, which a release runs", () => {
  const typed = typedInClone.flatMap((heading) => page.get(heading) ?? []);
  expect(typed.length).toBeGreaterThanOrEqual(6);
  expect(readFileSync("test/tools/release-rules.ts", "utf8")).toContain('["npm", "run", "twice"]');
  // The image and the action are made in the same way.
  const [first, second] = typed;
  for (const file of ["Dockerfile", "action.yml"]) {
    expect(readFileSync(file, "utf8")).toContain(`${first} --engine-strict`);
    expect(readFileSync(file, "utf8")).toContain(second);
  }
});

test("the others are what test/e2e/executable.test.ts and npm run image do, in their own words", () => {
  const others = [...page].filter(([heading]) => !typedInClone.includes(heading)).flatMap(([, lines]) => lines);
  expect(others.filter((line) => !/^(?:docker (?:build|run) |mkdir archives$)/.test(line))).toEqual([
    "npm run executable",
    "release/decamp-*-linux-x64 --version",
  ]);
  const named = others.flatMap((line) => /^npm run (\S+)/.exec(line)?.[1] ?? []);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});
