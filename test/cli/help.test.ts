import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { pageOf, topicNames } from "../../src/cli/help/asked.ts";
import { pages } from "../../src/cli/help/ready-help.ts";
import { topicText } from "../../src/cli/help/topics.ts";
import { words } from "../../src/cli/help/words.ts";
import { main } from "../../src/cli/main.ts";
import { readArguments } from "../../src/cli/program.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
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

const reference = readFileSync(fileURLToPath(new URL("../../docs/COMMANDS.md", import.meta.url)), "utf8");
const src = fileURLToPath(new URL("../../src", import.meta.url));

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
  // `data`: what is printed is searched for secrets. Of the services, what says which version this is and what may be
  // a terminal, what writes, the defaults, and where a configuration would lie.
  expect(new Set(ours)).toEqual(new Set(["cli", "data", "services"]));
  const services = new Set(loaded.flatMap((url) => /\/src\/services\/(.+)$/.exec(url)?.[1] ?? []));
  const few = new Set(
    ["config-place.ts", "defaults.ts", "descriptor.ts", "package.ts", "system-error.ts", "system-rules.ts"].concat([
      "disk/write-whole.ts",
      "disk/output/direct-output.ts",
    ]),
  );
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
      "--plain",
      "--plc-url",
      "--allow-private-hosts",
      "--state-dir",
      "--limit",
      "--limit-rate",
      "--log-file",
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

/** What is printed, on a terminal of this width. */
async function shown(argv: readonly string[], columns = 80): Promise<[number, string, string]> {
  const { parts, stdout, stderr } = captured({ terminals: ["stdout"] });
  parts.stdout.columns = columns;
  const code = await main(argv, parts);
  return [code, stdout(), stderr()];
}

const names = Object.keys(pages.pages);
/** Read by commander, because it is not plain. */
const byCommander = ["--no-color"];

test("decamp alone shows its help, and so does help, on stdout, with exit code 0, however wide the terminal is", async () => {
  const [, help] = await shown(["--help"]);
  expect(help).toContain("Commands:");
  for (const argv of [[], ["help"], ["-h"], [...byCommander, "help"]]) {
    expect(await shown(argv)).toEqual([0, help, ""]);
  }
  const narrow = await shown([], 60);
  expect(narrow).toEqual([0, expect.stringContaining("Commands:"), ""]);
  expect(narrow[1].split("\n").length).toBeGreaterThan(help.split("\n").length);
});

test.each([
  [80, 80],
  [200, 80],
  [60, 60],
  [40, 40],
])(
  "on a terminal of %i columns no line of any help has more than %i, but commands, which are to be copied",
  async (columns, most) => {
    for (const name of names) {
      const [code, text] = await shown([...name.split(" ").filter((word) => word !== ""), "--help"], columns);
      expect(code).toBe(0);
      const prose = text.replaceAll(/^ {4}\$ (?:.*\\\n)*.*$|^Usage: .*$/gm, "");
      expect(prose.split("\n").filter((line) => line.length > most)).toEqual([]);
    }
  },
);

test("a group without its command is wrong usage, and shows the help on stderr", async () => {
  expect(await shown(["plc"])).toEqual([2, "", expect.stringContaining("Commands:")]);
});

test("the help that is ready is what commander prints, byte for byte, and on a wide terminal the same", async () => {
  expect(names.length).toBeGreaterThan(30);
  for (const name of names) {
    const words = name.split(" ").filter((word) => word !== "");
    const ready = await shown([...words, "--help"]);
    expect(ready).toEqual(await shown([...byCommander, ...words, "--help"]));
    expect(ready).toEqual(await shown([...words, "-h"], 200));
    expect(ready).toEqual([0, pageOf(pages, name), ""]);
  }
});

test.each(names.filter((name) => name !== "" && name !== "archive"))("help %s goes as deep as --help", async (name) => {
  const expected = await shown([...name.split(" "), "--help"]);
  expect(await shown(["help", ...name.split(" ")])).toEqual(expected);
  expect(await shown([...byCommander, "help", ...name.split(" ")])).toEqual(expected);
});

describe("a topic of the help", () => {
  test.each(topicNames)("%s is shown, also with hyphens, in capitals, and by commander", async (name) => {
    const [code, text, stderr] = await shown(["help", ...name.split(" ")]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
    for (const argv of [[name], [name.replaceAll(" ", "-")], [name.toUpperCase()]]) {
      expect(await shown(["help", ...argv])).toEqual([0, text, ""]);
      expect(await shown([...byCommander, "help", ...argv])).toEqual([0, text, ""]);
    }
    expect((await shown([]))[1]).toContain(name);
  });

  test.each(topicNames)("%s fits into 40 columns, but for its commands", async (name) => {
    const [code, text] = await shown(["help", name], 40);
    expect(code).toBe(0);
    const wide = text.split("\n").filter((line) => line.length > 40 && !/^ +\$ |^Usage: /.test(line));
    expect(wide).toEqual([]);
  });

  test("archive explains the word, and shows the command of that name", async () => {
    const [, text] = await shown(["help", "archive"]);
    expect(text).toMatch(/^An archive is a folder/);
    expect(text.endsWith(`\n\n${pageOf(pages, "archive")}`)).toBe(true);
  });

  test("exit codes has those of docs/COMMANDS.md", async () => {
    const [, text] = await shown(["help", "exit-codes"]);
    const [, table = ""] = /## Exit codes\n([^]*)$/.exec(reference) ?? [];
    const codes = Array.from(table.matchAll(/^\| (\d+) /gm), ([, code]) => code);
    expect(codes.length).toBeGreaterThan(10);
    expect(Array.from(text.matchAll(/^ +(\d+) {2}/gm), ([, code]) => code)).toEqual(codes);
  });

  test("environment has every variable that decamp reads and a person may set", async () => {
    const [, text] = await shown(["help", "environment"]);
    const sources = readdirSync(src, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join(src, file), "utf8"))
      .join("");
    const read = [...sources.matchAll(/env\["([A-Z_]+)"\]|"((?:DECAMP|ATP|PLC|NEW_ACCOUNT|HTTPS?)_[A-Z_]+)"/g)];
    // What says which terminal and which language there is, what is refused, and what the units of an insurance set.
    const notAsked =
      /^(?:LANG|LC_.*|TERM_PROGRAM|WT_SESSION|NODE_.*|DECAMP_COMMAND|DECAMP_INSURED|DECAMP_FAILED|DECAMP_NOTICE)$/;
    const wanted = new Set(read.map(([, one, other]) => one ?? other ?? "").filter((name) => !notAsked.test(name)));
    expect(wanted.size).toBeGreaterThan(15);
    expect([...wanted].filter((name) => !text.includes(name))).toEqual([]);
  });

  test("its commands can be typed", async () => {
    const terminal = await openTerminal(captured().parts, { noColor: false });
    const commands = topicNames.flatMap((name) => [...topicText(name).matchAll(/^ {4}\$ decamp (.*)$/gm)]);
    expect(commands.length).toBeGreaterThan(8);
    for (const [, words = ""] of commands) {
      expect(readArguments(words.split(" "), terminal)).toHaveProperty("invocation");
    }
  });
});

describe("a word of the field", () => {
  const readme = readFileSync(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8");

  test("is explained as in the README", () => {
    const meanings = new Map(
      Array.from(readme.matchAll(/^\| ([^|]+?) +\| ([^|]+?) +\|$/gm), ([, forms = "", meaning]) => [
        forms.split(", ")[0]?.toLowerCase(),
        meaning,
      ]),
    );
    expect(Object.keys(words).length).toBeGreaterThan(8);
    for (const [word, meaning] of Object.entries(words)) {
      expect([word, meaning]).toEqual([word, meanings.get(word)]);
    }
  });

  test.each(["DID", "handle", "PDS", "record", "records", "passphrase", "app-password"])("help %s", async (word) => {
    const key = word.toLowerCase().replace("-", " ").replace(/rds$/, "rd");
    expect(await shown(["help", word], 2000)).toEqual([0, `${words[key]}\n`, ""]);
    expect((await shown(["help", word], 40))[1].split("\n").filter((line) => line.length > 40)).toEqual([]);
  });

  test("rotation is a topic", async () => {
    expect(await shown(["help", "rotation"])).toEqual(await shown(["help", "rotation", "key"]));
  });
});

const topics =
  "Topics: archive, rotation key, point of no return, insurance, exit codes, server, environment, configuration.";

describe("a word that is no command there, or no topic, is wrong usage, and what may be meant is said", () => {
  test.each<[string, string, string]>([
    ["help foo", "There is no help about 'foo'.", `${topics} Run decamp help to see all commands.`],
    ["help rotaton-key", "There is no help about 'rotaton-key'.", "Did you mean decamp help rotation key?"],
    ["help plc ad-key", "There is no help about 'plc ad-key'.", "Did you mean decamp help plc add-key?"],
    [
      "help status",
      "There is no help about 'status'.",
      "Did you mean decamp migrate status, decamp account status or decamp archive status?",
    ],
    ["help constructor", "There is no help about 'constructor'.", topics],
    [
      "status",
      "Unknown command 'status'.",
      "Did you mean decamp migrate status, decamp account status or decamp archive status? Run decamp --help",
    ],
    ["cancel", "Unknown command 'cancel'.", "Did you mean decamp migrate cancel or decamp restore cancel?"],
    ["add-key", "Unknown command 'add-key'.", "Did you mean decamp plc add-key?"],
    ["ls", "Unknown command 'ls'.", "Did you mean decamp archive ls, decamp repo ls or decamp blob ls?"],
    ["login", "Unknown command 'login'.", "one that needs your password asks for it. Run decamp --help"],
    ["backup", "Unknown command 'backup'.", "Did you mean decamp export?"],
    ["Move", "Unknown command 'Move'.", "Did you mean decamp migrate?"],
    ["constructor", "Unknown command 'constructor'.", "Run decamp --help"],
    ["plc key", "Unknown command 'key'.", "Did you mean decamp plc add-key or decamp key? Run decamp plc --help"],
    ["plc login --json", "Unknown command 'login'.", "one that needs your password asks for it."],
    ["archive verify", "Unknown command 'verify'.", "Did you mean decamp verify? Run decamp archive --help"],
    ["version", "Unknown command 'version'.", "Did you mean decamp --version? Run decamp --help"],
    ["migrate statu x", "takes 1 argument, and got 2: statu, x.", "Did you mean decamp migrate status? Run"],
    ["migrate alice bob", "takes 1 argument, and got 2: alice, bob.", "Hint: Run decamp migrate --help"],
    ["plc histroy", "Unknown command 'histroy'.", "Did you mean history? Run decamp plc --help"],
    ["alice.example.com", "Unknown command 'alice.example.com'.", "decamp migrate alice.example.com --to URL?"],
    ["alice.CAR", "Unknown command 'alice.CAR'.", "Did you mean decamp verify alice.CAR?"],
  ])("decamp %s", async (line, message, hint) => {
    const [code, stdout, stderr] = await shown(line.split(" "));
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
  });
});
