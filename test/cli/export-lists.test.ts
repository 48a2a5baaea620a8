/**
 * The lists that an export of many accounts goes through: what stands there and is no account is counted, and bounded.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { defaultBudgets } from "../../src/data/budgets.ts";
import { startDirectory } from "./support/directory.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-lists-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ends = (stdout: string): { summary: object; accounts: { account: string; code: string; message: string }[] } => {
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string });
  return {
    summary: lines.find(({ type }) => type === "result") ?? {},
    accounts: lines.filter(({ type }) => type === "account") as never,
  };
};

test("an entry of a server that is empty, or looks like a comment, is one that is malformed", async () => {
  const server = await startDirectory();
  const repos = [{ did: "" }, { did: "#did:plc:aaaaaaaaaaaaaaaaaaaaaaaa" }, { did: " " }];
  server.answers.set("/xrpc/com.atproto.sync.listRepos?limit=1000", { repos });
  const args = ["export", "--all", "--pds", server.origin, "-o", folder, ...server.flags];
  const { exitCode, stdout } = await run([...args, "--json"]);
  const people = await run(args);
  server.stop();
  expect(exitCode).toBe(6);
  const { summary, accounts } = ends(stdout);
  expect(summary).toMatchObject({ ok: false, accounts: { total: 3, failed: 3 } });
  expect(accounts.map(({ account, code }) => [account, code])).toEqual([
    ['""', "invalid-account"],
    ["#did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "invalid-account"],
    [" ", "invalid-account"],
  ]);
  expect(people.stdout).toContain('""  failed: This is neither a handle nor a DID: "".');
});

test("a line that is longer than entryLength is no account, and is not repeated; blank lines and comments are none", async () => {
  const list = join(folder, "list");
  const long = "x".repeat(defaultBudgets.entryLength + 1);
  writeFileSync(list, `# a comment\n\n${long}\n  \n${long.slice(1)}\n`);
  const { exitCode, stdout } = await run(["export", "--accounts", list, "-o", folder, "--json"]);
  expect(exitCode).toBe(6);
  const { summary, accounts } = ends(stdout);
  expect(summary).toMatchObject({ accounts: { total: 2, failed: 2 } });
  expect(accounts.map(({ account }) => account)).toEqual(Array.from({ length: 2 }, () => `${"x".repeat(200)}…`));
  expect(accounts[0]?.message).toContain("longer than 2048 letters");
  expect(accounts[1]?.message).toContain("neither a handle nor a DID");
  for (const { message } of accounts) {
    expect(message.length).toBeLessThan(350);
  }
});

test("a line without end ends the list", async () => {
  const { exitCode, stdout, stderr } = await run(["export", "--accounts", "/dev/zero", "-o", folder]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toContain("Cannot read /dev/zero: a line is longer than 100000 letters.");
});
