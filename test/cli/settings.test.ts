/** The configuration file: what it may say, for whom, what counts more, and what it never may. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { everyCommand } from "../../src/cli/every-command.ts";
import { topicText } from "../../src/cli/help/topics.ts";
import { declareAll, readArguments } from "../../src/cli/program.ts";
import { mayBeQuiet, settingKeys, settingTables } from "../../src/cli/settings/setting-keys.ts";
import { placeOf } from "../../src/cli/settings/place-in-file.ts";
import { parseSettings } from "../../src/cli/settings/read-settings.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { budgets } from "../../src/data/budgets.ts";
import { findConfig } from "../../src/services/config-place.ts";
import { configDirectory } from "../../src/services/defaults.ts";
import { run, type Ran } from "./support/run.ts";
import { captured } from "./support/streams.ts";

const folder = mkdtempSync(path.join(tmpdir(), "decamp-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

const nowhere = { width: 80, text: () => undefined };
const all = everyCommand(declareAll({ out: nowhere, err: nowhere }));
const page = readFileSync(fileURLToPath(new URL("../../docs/CONFIGURATION.md", import.meta.url)), "utf8");

/** What a command line becomes with a file: the flags of the command and the global ones. */
async function given(text: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<object> {
  const terminal = await openTerminal(captured().parts, { noColor: false });
  const settings = await parseSettings(text, "/etc/c.toml", env, () => "/home/a");
  const read = readArguments(argv, terminal, commands, settings);
  if (!("invocation" in read)) {
    throw new Error("nothing to run");
  }
  const { flags, globals } = read.invocation;
  return { ...flags, ...globals };
}

async function refused(text: string): Promise<unknown> {
  return parseSettings(text, "/etc/c.toml", {}).then(
    () => "taken",
    (error: unknown) => error,
  );
}

describe("the table", () => {
  test("stands on the page, and the help names each of them", () => {
    const rows = settingKeys.map(
      ({ name, type, tables, says }) =>
        `| \`${name}\` | ${type} | ${tables === undefined ? "anywhere" : tables.map((table) => `\`[${table}]\``).join(" ")} | ${says} |`,
    );
    const found = page.split("\n").filter((line) => line.startsWith("| `"));
    expect(found.map((line) => line.replaceAll(/ {2,}/g, " "))).toEqual(rows);
    const topic = topicText("configuration");
    expect(settingKeys.filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(topic))).toEqual([]);
  });

  test("names flags, in tables whose commands have them; tables and commands are those that there are", () => {
    const flagsOf = (name: string): string[] =>
      all
        .filter((one) => one.name.split(" ")[0] === name)
        .flatMap(({ command }) => command.options.map(({ long }) => long ?? ""));
    for (const { name, tables } of settingKeys) {
      const places = tables ?? ["", "export", "migrate", "restore"];
      const having = places.filter((place) =>
        [`--${name}`, `--no-${name}`].some((flag) => flagsOf(place).includes(flag)),
      );
      expect([name, having.length > 0 && (tables === undefined || having.length === tables.length)]).toEqual([
        name,
        true,
      ]);
    }
    const words = new Set(all.map(({ name }) => name.split(" ")[0]));
    expect(new Set(["", "help", "completion", ...settingTables])).toEqual(words);
    expect([...mayBeQuiet].filter((name) => !all.some((one) => one.name === name))).toEqual([]);
  });
});

describe("what it gives", () => {
  test("the top is for every command that has the flag, a table for one, and counts more", async () => {
    const text = `
      limit-rate = "2M"
      concurrency = 3
      state-dir = "~/state"
      [export]
      concurrency = 5
      output = "/srv/../srv/backups"
      json = true`;
    const migrate = await given(text, ["migrate", "a.example", "--to", "https://b.example"]);
    expect(migrate).toMatchObject({ limitRate: 2 * 1024 ** 2, concurrency: 3, stateDir: "/home/a/state" });
    expect(migrate).not.toHaveProperty("json");
    expect(migrate).not.toHaveProperty("output");
    const exported = await given(text, ["export", "a.example"]);
    expect(exported).toMatchObject({ limitRate: 2 * 1024 ** 2, concurrency: 5, output: "/srv/backups", json: true });
    expect(await given(text, ["verify", "a"])).toEqual({
      color: true,
      input: true,
      limitRate: 2 * 1024 ** 2,
      stateDir: "/home/a/state",
    });
  });

  test("flags over environment over file", async () => {
    const text =
      'state-dir = "/file"\nlimit-rate = 5000\ncolor = false\nquiet = true\n[export]\noutput = "/file/out"\n';
    const command = ["export", "a.example"];
    expect(await given(text, command)).toMatchObject({ stateDir: "/file", limitRate: 5000, color: false, quiet: true });
    const typed = ["--state-dir", "/typed", "--limit-rate", "6000", "-o", "here", "-v"];
    const over = await given(text, [...command, ...typed]);
    expect(over).toMatchObject({ stateDir: "/typed", limitRate: 6000, output: "here", verbose: true });
    expect(over).not.toHaveProperty("quiet");
    const env = { XDG_STATE_HOME: "/variable", FORCE_COLOR: "1" };
    const under = await given(text, command, env);
    expect(under).toMatchObject({ color: true });
    expect(under).not.toHaveProperty("stateDir");
    expect(await given(text, command, { XDG_STATE_HOME: "relative" })).toMatchObject({ stateDir: "/file" });
  });

  test("quiet silences what looks or copies, and nothing that changes something", async () => {
    const arms = ["migrate a", "restore a", "plc submit a", "plc undo a", "archive prune a", "key generate"];
    for (const text of ["quiet = true", "[migrate]\nquiet = true\n[plc]\nquiet = true"]) {
      for (const words of arms) {
        expect(await given(text, words.split(" "))).not.toHaveProperty("quiet");
      }
    }
    expect(await given("quiet = true", ["plc", "history", "a"])).toMatchObject({ quiet: true });
    const near = "quiet = true\n[verify]\nverbose = true";
    expect(await given(near, ["verify", "a"])).toMatchObject({ verbose: true });
    expect(await given(near, ["verify", "a"])).not.toHaveProperty("quiet");
    expect(await given(near, ["blob", "ls", "a"])).toMatchObject({ quiet: true });
  });

  test("keys are one or a list, for the commands of their table that have the flag; what is typed counts alone", async () => {
    const [one, two] = [
      "zQ3shXpu8NCysoXFYQAbCCNjrTbgFRToZXW7E5astUQuKJzkJ",
      "zQ3shnows4xT8sZbHbQAUjecDi9ZpQUwmn7nnC73YJWderNfK",
    ];
    const keys = [`did:key:${one}`, `did:key:${two}`];
    const text = `[plc]\nown-key = ["${keys.join('", "')}"]\n[insure]\nown-key = "${keys[0]}"`;
    expect(await given(text, ["plc", "watch", "a.example"])).toMatchObject({ ownKey: keys });
    expect(await given(text, ["plc", "watch", "a.example", "--own-key", keys[1] ?? ""])).toMatchObject({
      ownKey: [keys[1]],
    });
    expect(await given(text, ["insure", "a.example"])).toMatchObject({ ownKey: [keys[0]] });
    expect(await given(text, ["plc", "history", "a.example"])).not.toHaveProperty("ownKey");
  });

  test("accounts at once are for many accounts", async () => {
    const text = "[export]\njobs = 8";
    expect(await given(text, ["export", "a.example"])).not.toHaveProperty("jobs");
    expect(await given(text, ["export", "--accounts", "list"])).toMatchObject({ jobs: 8 });
  });

  test("compression is for archives", async () => {
    const text = '[export]\ncompress = "zstd"';
    expect(await given(text, ["export", "a.example"])).toMatchObject({ compress: "zstd" });
    expect(await given(text, ["export", "--accounts", "list", "-o", "backups"])).toMatchObject({ compress: "zstd" });
    for (const output of ["-", "a.car", "A.CAR"]) {
      expect(await given(text, ["export", "a.example", "-o", output])).not.toHaveProperty("compress");
    }
  });
});

const flags = all.flatMap(({ command }) => command.options.map(({ long }) => (long ?? "").slice(2)));
const settings = new Set(settingKeys.flatMap(({ name }) => [name, `no-${name}`]));

describe("what it never takes", () => {
  test("any flag that is no setting, by any way of writing it; none is called unknown", async () => {
    const others = [...new Set(flags)].filter((flag) => !settings.has(flag));
    expect(others.length).toBeGreaterThan(60);
    for (const flag of others) {
      for (const name of [flag, flag.replaceAll("-", "_").toUpperCase()]) {
        for (const text of [`${name} = "hunter2"`, `[export]\n${name} = "hunter2"`]) {
          const error = await refused(text);
          expect([name, error]).toMatchObject([name, { code: "usage" }]);
          expect([name, String(error)]).not.toMatchObject([name, expect.stringContaining("no such setting")]);
          expect(JSON.stringify(error) + String(error)).not.toContain("hunter2");
        }
      }
    }
  });

  test.each([
    ["password", "secrets do not stand here", "decamp help environment"],
    ["password-file", "secrets do not stand here", "decamp help environment"],
    ["DECAMP_SOURCE_PASSWORD", "secrets do not stand here", "decamp help environment"],
    ["rotation-key", "secrets do not stand here", "decamp help environment"],
    ["api_token", "secrets do not stand here", "decamp help environment"],
    ["password-command", "which commands are run", "Type --password-command"],
    ["rotation-signer-command", "which commands are run", "Type --rotation-signer-command"],
    ["allow-private-hosts", "whom decamp talks to", "Type --allow-private-hosts"],
    ["plc-url", "whom decamp talks to", "ATP_PLC_HOST"],
    ["yes", "agrees to something in one run", "Type --yes"],
    ["confirm-did", "agrees to something in one run", "Type --confirm-did"],
    ["allow-missing-blobs", "agrees to something in one run", "Type --allow-missing-blobs"],
    ["limit", "raised for data that you trust", "--limit NAME=NUMBER"],
    ["to", "what one run is to do", "Type --to"],
    ["colour", "there is no such setting", "Did you mean color?"],
    ["limitRate", "there is no such setting", "Did you mean limit-rate?"],
    ["no-color", "there is no such setting", "Did you mean color = false?"],
    ["sparkle", "there is no such setting", "decamp help configuration"],
  ])("%s", async (name, why, hint) => {
    expect(await refused(`# one\n\n  ${name} = true`)).toMatchObject({
      code: "usage",
      exitCode: 2,
      message: expect.stringMatching(new RegExp(`^/etc/c.toml, line 3, column 3: ${name}: .*${why}`)) as string,
      hint: expect.stringContaining(hint) as string,
      data: { path: "/etc/c.toml", line: 3, column: 3 },
    });
  });

  test.each([
    ["json = 1", "json: it has to be true or false."],
    ['json = "true"', "json: it has to be true or false."],
    ["limit-rate = 5", "limit-rate: it has to be a rate."],
    ['limit-rate = "fast"', "limit-rate: it has to be a rate."],
    ['state-dir = "state"', "state-dir: it has to be a path"],
    ['state-dir = ""', "state-dir: it has to be a path"],
    ['state-dir = "/a\\u0000b"', "state-dir: it has to be a path"],
    ['[export]\noutput = "-"', "output: it has to be a path"],
    ["[export]\njobs = 65", "jobs: it has to be a whole number from 1 to 64."],
    ['[export]\ncompress = "gzip"', 'compress: it has to be "zstd".'],
    ["[export]\ncompress = true", 'compress: it has to be "zstd".'],
    ['[plc]\nown-key = "hunter2"', "own-key: it has to be a did:key, the public part of a key, or a list of them."],
    ["[plc]\nown-key = []", "own-key: it has to be a did:key"],
    ['[insure]\nown-key = ["did:key:zQ3shXpu8NCysoXFYQAbCCNjrTbgFRToZXW7E5astUQuKJzkJ", 1]', "own-key: it has to be a"],
    ['own-key = "did:key:zQ3sh"', "own-key: it stands below [plc] or [insure]."],
    ["concurrency = 1.5", "concurrency: it has to be a whole number from 1 to 64."],
    ["[json]", "json: it has to be true or false."],
    ['output = "/a"', "output: it stands below [export]."],
    ["[exprt]\njson = true", "exprt: there is no such table."],
    ["export = true", "export: there is no such setting."],
    ["quiet = true\nverbose = true", "quiet and verbose contradict each other."],
    ["password = hunter2", "this is no TOML: invalid value."],
    ["json = true\njson = true", "this is no TOML:"],
    ["__proto__ = true", "__proto__: there is no such setting."],
  ])("%j", async (text, message) => {
    const error = await refused(text);
    expect(error).toMatchObject({ code: "usage", message: expect.stringContaining(message) as string });
    expect(JSON.stringify(error) + String(error)).not.toContain("hunter2");
  });
});

test.each<[string, string[], number, number]>([
  ["a = 1\nb = 2", ["b"], 2, 1],
  ["\ufeffa = 1\r\n\r\n  b = 2\r\n", ["b"], 3, 3],
  ['a = """\nb = 1\n"""\nb = 2', ["b"], 4, 1],
  ["a = [\n  1,\n] # b = 1\nb = 2", ["b"], 4, 1],
  ["b = 1\n[a]\nb = 2", ["a", "b"], 3, 1],
  ["[a]\nc = 1\n[d]\nb = 2\n[ a.x ]\nb = 3", ["a", "x", "b"], 6, 1],
  ["x = 1\na = { c = 1, b = 2 }", ["a", "b"], 2, 14],
  ["x = 1\na.b = 2", ["a", "b"], 2, 3],
  ["x = 1\n[[a]]\nb = 2", ["a"], 2, 3],
])("where it stands: %j", (text, names, line, column) => {
  expect(placeOf(text, names)).toEqual({ line, column });
});

describe("the file", () => {
  const file = path.join(folder, "decamp", "config.toml");
  mkdirSync(path.dirname(file));

  async function withFile(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    return run(argv, { env: { DECAMP_CONFIG: "", XDG_CONFIG_HOME: folder, ...env } });
  }
  const write = (text: string | Uint8Array, mode = 0o600): void => {
    rmSync(file, { recursive: true, force: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
  };
  const verify = ["verify", "/nowhere"];
  const fails = "Error: Cannot read /nowhere: there is no such file.";

  test("speaks for the flags, also for an error that comes before they are understood", async () => {
    write("\ufeff[verify]\r\njson = true\r\n");
    for (const argv of [verify, ["verify", "--nonsense"], ["--no-input", ...verify]]) {
      expect(JSON.parse((await withFile(argv)).stderr)).toMatchObject({ type: "error", exitCode: 2 });
    }
    expect((await withFile(["doctor", "--nonsense"])).stderr).toMatch(/^Error: /);
    expect((await withFile(verify, { DECAMP_CONFIG: "/dev/null" })).stderr).toContain(fails);
  });

  test("plain lines are what it asks for, beside the flag", async () => {
    write("[verify]\nplain = true");
    const env = { FORCE_COLOR: "1", TERM: "xterm" };
    const said = async (argv: readonly string[]): Promise<string> => (await withFile(argv, env)).stderr;
    const plain = await said(verify);
    expect(plain).toContain(fails);
    expect(await said(["doctor", "--nonsense"])).toContain("\u001b[");
    write("plain = false");
    expect(await said(verify)).toContain("\u001b[");
    expect(await said([...verify, "--plain"])).toBe(plain);
  });

  test("--verbose says in one line which it is, and what it gave", async () => {
    write('verbose = true\nlimit-rate = "2k"\nquiet = false\n[export]\njobs = 3\n');
    const { stderr } = await withFile(verify);
    expect(stderr.split("\n")[0]).toBe(`Configuration: ${file} (quiet = false, verbose = true, limit-rate = 2048)`);
    write("");
    expect((await withFile([...verify, "-v"])).stderr.split("\n")[0]).toBe(
      `Configuration: ${file} (nothing for this command)`,
    );
    expect((await withFile(verify)).stderr).not.toContain("Configuration");
  });

  test("help, the version and completion are the same when it is in no order; a command is not run", async () => {
    write("json = ");
    for (const argv of [["--version"], ["help", "configuration"], ["migrate", "-h"], [], ["completion", "bash"]]) {
      const plain = await run(argv);
      expect(await withFile(argv)).toEqual(plain);
      expect(plain.exitCode).toBe(0);
    }
    expect(await withFile(["__complete", "fish", "=ver"])).toMatchObject({ exitCode: 0, stderr: "" });
    const { exitCode, stderr } = await withFile(verify);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("DECAMP_CONFIG=/dev/null")]);
  });

  test("a link to it is followed, and one that leads nowhere is none", async () => {
    write("json = true");
    const linked = path.join(folder, "linked");
    mkdirSync(path.join(linked, "decamp"), { recursive: true });
    symlinkSync(file, path.join(linked, "decamp", "config.toml"));
    expect((await withFile(verify, { XDG_CONFIG_HOME: linked })).stderr).toMatch(/^\{/);
    rmSync(file);
    expect((await withFile(verify, { XDG_CONFIG_HOME: linked })).stderr).toContain(fails);
  });

  test.runIf(process.getuid?.() === 0)(
    "another user's is refused, but for one that the environment names",
    async () => {
      write("json = true");
      chownSync(file, 65_534, 65_534);
      const { exitCode, stderr } = await withFile(verify);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining("it belongs to another user")]);
      expect((await withFile(verify, { DECAMP_CONFIG: file })).stderr).toMatch(/^\{/);
    },
  );

  test.each<[string, () => void, string]>([
    ["a folder", () => mkdirSync(file), "it is no plain file"],
    ["a pipe", () => void execFileSync("mkfifo", ["-m", "600", file]), "it is no plain file"],
    ["open to the group", () => write("", 0o620), "others may write to it"],
    ["open to everybody", () => write("", 0o602), "others may write to it"],
    ["too large", () => write("#".repeat(budgets.configBytes.most + 1)), `more than ${budgets.configBytes.most} bytes`],
    ["no text", () => write(Buffer.of(0xff, 0xfe)), "it is no text in UTF-8"],
  ])("%s is refused before anything happens", async (_, make, why) => {
    rmSync(file, { recursive: true, force: true });
    make();
    const { exitCode, stdout, stderr } = await withFile(["--json", ...verify]);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(JSON.parse(stderr)).toMatchObject({
      code: "unreadable-file",
      message: expect.stringContaining(why) as string,
    });
    rmSync(file, { recursive: true, force: true });
  });

  test("as large as it may be", async () => {
    write("#".repeat(budgets.configBytes.most));
    expect((await withFile(verify)).stderr).toContain(fails);
  });

  test("one that the environment names has to be there, and to be named as a whole", async () => {
    const missing = await withFile(verify, { DECAMP_CONFIG: path.join(folder, "missing.toml") });
    expect([missing.exitCode, missing.stderr]).toEqual([
      2,
      expect.stringContaining("missing.toml: there is no such file."),
    ]);
    const relative = await withFile(verify, { DECAMP_CONFIG: "config.toml" });
    expect([relative.exitCode, relative.stderr]).toEqual([2, expect.stringContaining("does not name a whole path")]);
  });
});

const at = (env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string | undefined =>
  configDirectory(env, platform, () => "/home/a");
const homeless = (env: NodeJS.ProcessEnv): string | undefined =>
  configDirectory(env, "linux", () => {
    throw new Error("uv_os_homedir returned ENOENT");
  });

test("its place, on each system; a user without a home has none", () => {
  expect(at({}, "linux")).toBe("/home/a/.config/decamp");
  expect(at({ XDG_CONFIG_HOME: "/x" }, "darwin")).toBe("/x/decamp");
  expect(at({ XDG_CONFIG_HOME: "relative" }, "linux")).toBe("/home/a/.config/decamp");
  expect(at({}, "darwin")).toBe("/home/a/Library/Application Support/decamp");
  expect(at({ LOCALAPPDATA: "D:\\local" }, "win32")).toBe("D:\\local\\decamp");
  expect(homeless({})).toBeUndefined();
  expect(findConfig({}, homeless)).toBeUndefined();
});
