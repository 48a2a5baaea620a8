/** The manual page has what the help has. */
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { topicNames } from "../../src/cli/help/asked.ts";
import { table } from "../../src/cli/help/command-table.ts";
import { manPage } from "../tools/man.ts";

const page = manPage("1.2.3");

test("every command, flag and topic stands in the manual page, in plain ASCII", () => {
  const plain = page.replaceAll("\\-", "-");
  const wanted = [
    ...Object.keys(table.commands).flatMap((name) => (name === "" ? [] : [`.SS decamp ${name}`])),
    ...table.flags.flatMap(({ names }) => names),
    ...topicNames.map((name) => `.SH ${name.toUpperCase()}`),
    "decamp 1.2.3",
    "$ decamp plc add-key alice.example.com rotation-key.age",
  ];
  expect(wanted.length).toBeGreaterThan(100);
  expect(wanted.filter((text) => !plain.includes(text))).toEqual([]);
  expect(page).toMatch(/^[\n -~]*$/);
  const requests = [...page.matchAll(/^['.](.*)$/gm)].map(([, request = ""]) => request.split(" ")[0]);
  expect(new Set(requests)).toEqual(new Set(["B", "I", "PP", "SH", "SS", "TH", "TP", "fi", "nf"]));
});

const { error } = spawnSync("groff", ["--version"]);
const said = error === undefined ? "" : " (skipped: groff is not installed)";

describe("groff", () => {
  test.skipIf(said !== "")(`shows it without a warning, and every example in one line${said}`, () => {
    const shown = spawnSync("groff", ["-man", "-Tutf8", "-P-cbou", "-ww"], { input: page, encoding: "utf8" });
    expect({ status: shown.status, stderr: shown.stderr }).toEqual({ status: 0, stderr: "" });
    // Systems differ in what they make of a hyphen.
    const text = shown.stdout.replaceAll(/[\u2010\u2212]/g, "-");
    expect(text).toMatch(/^ {3}decamp plc add-key <account> <key>$/m);
    expect(shown.stdout).toMatch(
      /^ +\$ decamp migrate alice\.example\.com --to https:\/\/pds\.example\.org --dry-run$/m,
    );
  });
});
