/** The units and crontabs that lie in the clone or stand on pages are what the code of `decamp insure` makes. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { madeFiles } from "../tools/units.ts";

const made = [...madeFiles()];

test.each(made)("%s is as npm run units writes it", (name, text) => {
  expect(readFileSync(new URL(`../../${name}`, import.meta.url), "utf8")).toBe(text);
});

test("both pages and all units are among them", () => {
  expect(made.map(([name]) => name)).toEqual([
    "deploy/systemd/decamp-export@.service",
    "deploy/systemd/decamp-export@.timer",
    "deploy/systemd/decamp-server@.service",
    "deploy/systemd/decamp-server@.timer",
    "deploy/systemd/decamp-prune@.service",
    "deploy/systemd/decamp-prune@.timer",
    "docs/INSURANCE.md",
    "docs/SCRIPTING.md",
  ]);
});
