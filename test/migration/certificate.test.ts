import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { verifyCertificate } from "../../src/migration/certificate.ts";
import { run } from "../cli/support/run.ts";
import { certificateFixtures, fixturePath, fixtureText, folder } from "./certificates.ts";

const fixtures = await certificateFixtures();

test("the committed files are what the generator makes, no more and no fewer", () => {
  expect(globSync("*/*.json", { cwd: folder.pathname }).toSorted()).toEqual(fixtures.map(fixturePath).toSorted());
  for (const fixture of fixtures) {
    expect(readFileSync(new URL(fixturePath(fixture), folder), "utf8")).toBe(fixtureText(fixture));
  }
});

test.each(fixtures.map((fixture) => [fixturePath(fixture), fixture] as const))("%s", async (_, fixture) => {
  const { expect: copy, because, certificate } = fixture;
  const report = await verifyCertificate(certificate);
  expect(report).toMatchObject({ copy, ok: because === undefined });
  if (because === undefined) {
    expect(report.findings).toEqual([]);
  } else {
    expect(report.findings).toEqual([expect.stringContaining(because)]);
  }
  // A commit in the report is one that is proved to be of the server that it is said to be of.
  expect(report.newCommit !== undefined).toBe(copy === "identical" || copy === "different");
});

async function show(name: string): Promise<{ exitCode: number; stdout: string }> {
  const { certificate } = JSON.parse(readFileSync(new URL(name, folder), "utf8")) as { certificate: object };
  return run(["verify", "--certificate", "-"], { input: JSON.stringify(certificate) });
}

test("what is shown claims no copy that is not proved", async () => {
  const good = await show("valid/both-signed.json");
  expect(good).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("an identical copy") as string });
  expect(good.stdout).toContain(", on both");
  for (const name of [
    "valid/new-server-signed-nothing.json",
    "invalid/new-commit-of-another-tree.json",
    "invalid/both-servers-have-the-same-key.json",
  ]) {
    const { exitCode, stdout } = await show(name);
    expect(exitCode).toBe(name.startsWith("valid") ? 0 : 3);
    expect(stdout).not.toMatch(/Proved: the new server|on both/);
  }
});
