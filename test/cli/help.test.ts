import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runNode, startScript } from "./support/child.ts";
import { captured } from "./support/streams.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-help-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const packageJson = JSON.parse(readFileSync(fileURLToPath(new URL("../../package.json", import.meta.url)), "utf8")) as {
  version: string;
  dependencies: Record<string, string>;
};

test.each([
  ["--help"],
  ["--version"],
  ["migrate", "--help"],
  ["help", "migrate"],
  ["plc", "--help"],
  ["plc", "audit", "--help"],
])("%j prints to stdout and loads nothing of the network code", async (...argv) => {
  const list = join(folder, argv.join("_"));
  const hook = new URL("support/list-modules.ts", import.meta.url).href;
  const { code, stdout, stderr } = await runNode(["--import", hook, startScript, ...argv], { MODULE_LIST: list });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).not.toBe("");

  const loaded = readFileSync(list, "utf8").trim().split("\n");
  // The hook works at all: what has to be there is there.
  expect(loaded.filter((url) => url.includes("/src/cli/main.ts"))).toHaveLength(1);
  const packages = loaded
    .map((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1])
    .filter((name) => name !== undefined);
  expect(packages.filter((name) => name !== "commander")).toEqual([]);
  const ours = loaded.map((url) => /\/src\/([a-z]+)\//.exec(url)?.[1]).filter((name) => name !== undefined);
  // `data`: what is printed is searched for secrets. Of the services, what says which version this is, what writes, and
  // the defaults.
  expect(new Set(ours)).toEqual(new Set(["cli", "data", "services"]));
  const services = new Set(loaded.flatMap((url) => /\/src\/services\/(.+)$/.exec(url)?.[1] ?? []));
  const few = new Set(["defaults.ts", "disk/write-whole.ts", "package.ts"]);
  expect([...services].filter((file) => !few.has(file))).toEqual([]);
  expect(loaded.filter((url) => /^node:(?:net|http|https|tls|dns)/.test(url))).toEqual([]);
});

test("--version prints the version of the package, also behind a command", async () => {
  for (const argv of [["--version"], ["migrate", "--version"]]) {
    const { parts, stdout, stderr } = captured();
    expect(await main(argv, parts)).toBe(0);
    expect([stdout(), stderr()]).toEqual([`${packageJson.version}\n`, ""]);
  }
});

const identity = ["audit", "history", "diff", "sign", "submit", "add-key", "recover", "undo"].map((name) => [
  "plc",
  name,
  "--help",
]);

test("help starts with what the command does and with examples, and names all global flags", async () => {
  for (const argv of [["--help"], ["-h"], ["migrate", "--help"], ["migrate", "-h"], ["help"], ...identity]) {
    const { parts, stdout } = captured();
    expect(await main(argv, parts)).toBe(0);
    const text = stdout();
    expect(text.indexOf("Examples:")).toBeGreaterThan(0);
    expect(text.indexOf("Examples:")).toBeLessThan(text.indexOf("Usage:"));
    for (const flag of [
      "-q, --quiet",
      "-v, --verbose",
      "--json",
      "--no-input",
      "-y, --yes",
      "--no-color",
      "--plc-url",
      "--allow-private-hosts",
      "--state-dir",
      "--limit",
      "--version",
    ]) {
      expect(text).toContain(`  ${flag} `);
    }
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  }
});

test("the help of migrate names every flag of the contract and the variables beside them", async () => {
  const { parts, stdout } = captured();
  await main(["migrate", "--help"], parts);
  const names =
    "--to --from --dry-run --until --archive --new-handle --new-email --invite-code " +
    "--confirm-did --password-file --password-command --auth-factor-file --auth-factor-command --new-password-file " +
    "--new-password-command --plc-token-file --plc-token-command DECAMP_SOURCE_PASSWORD ATP_PASSWORD ATP_AUTH_FACTOR_TOKEN " +
    "DECAMP_TARGET_PASSWORD NEW_ACCOUNT_PASSWORD NEW_ACCOUNT_HANDLE NEW_ACCOUNT_EMAIL PLC_SIGN_TOKEN";
  for (const name of names.split(" ")) {
    expect(stdout()).toContain(name);
  }
});

test("without a command the help goes to stderr, and that is wrong usage", async () => {
  const { parts, stdout, stderr } = captured();
  expect(await main([], parts)).toBe(2);
  expect(stdout()).toBe("");
  expect(stderr()).toContain("Commands:");
});
