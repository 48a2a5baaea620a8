/** The table of commands: what is in it can be typed, and a new one is a declaration and a line. */
import { Command } from "commander";
import { expect, test } from "vitest";
import { runs, type Folder } from "../../src/cli/command.ts";
import { commands } from "../../src/cli/commands.ts";
import { readArguments } from "../../src/cli/program.ts";
import { helpStartsWith } from "../../src/cli/shape.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { captured } from "./support/streams.ts";

interface ToyFlags {
  readonly loud?: true;
}

/** What the file `declare.ts` of a new folder would export. */
const toy: Folder = {
  names: ["toy"],
  declare: (program) => {
    const toys = helpStartsWith(program.command("toy").summary("play"), ["Plays."], []);
    const play = toys.command("play").argument("<toy>").option("--loud", "so that all hear it");
    return [
      runs<ToyFlags>(play, ({ loud }) =>
        Promise.resolve(({ args, command }, { terminal }) => {
          terminal.out.text(`${command} ${args.join(" ")}${loud === true ? "!" : ""}\n`);
          return Promise.resolve(7);
        }),
      ),
    ];
  },
};

test("a toy command is read, and runs", async () => {
  const { parts, stdout } = captured();
  const terminal = await openTerminal(parts, { noColor: false });
  const argv = ["toy", "play", "drum", "--loud", "--json"];
  const read = readArguments(argv, terminal, [...commands, toy]);
  expect(read).toMatchObject({
    invocation: { command: "toy play", args: ["drum"], flags: { loud: true }, globals: { json: true }, argv },
  });
  const code = "run" in read ? await read.run({ terminal, secrets: terminal.secrets }) : undefined;
  expect(code).toBe(7);
  expect(stdout()).toBe("toy play drum!\n");
});

test("a toy command is in the help of all", async () => {
  const { parts, stdout } = captured();
  const terminal = await openTerminal(parts, { noColor: false });
  expect(readArguments(["--help"], terminal, [...commands, toy])).toEqual({ exitCode: 0 });
  expect(stdout()).toMatch(/^ {2}toy +play$/m);
});

test("every command of the table can be typed, once", () => {
  const program = new Command("decamp");
  const declared = commands.flatMap(({ declare }) => declare(program)).map(({ command }) => command);
  const leaves = (command: Command): Command[] => [command, ...command.commands.flatMap(leaves)];
  // `repo` and its like only hold others; these do so, too, and run themselves.
  const runThemselves = new Set(["migrate", "restore"]);
  const mayRun = leaves(program).filter((one) => one.commands.length === 0 || runThemselves.has(one.name()));
  expect(new Set(declared)).toEqual(new Set(mayRun));
  expect(declared).toHaveLength(mayRun.length);
});

test.each(commands.map(({ names, declare }) => [names.join(", "), { names, declare }] as const))(
  "what is declared for %s has these first words",
  (_, { names, declare }) => {
    const program = new Command("decamp");
    declare(program);
    expect(program.commands.map((command) => command.name())).toEqual(names);
  },
);

test("a command that is not the first word is found, too", async () => {
  const { parts } = captured();
  const terminal = await openTerminal(parts, { noColor: false });
  expect(readArguments(["--plc-url", "migrate", "verify", "a.car"], terminal, commands)).toMatchObject({
    invocation: { command: "verify", args: ["a.car"], globals: { plcUrl: "migrate" } },
  });
});

/** A command that is given an account, or a file, and says what it got. */
const named: Folder = {
  names: ["named"],
  declare: (program) => [
    runs<{ newHandle?: string }>(
      program
        .command("named")
        .argument("<account>", "its handle, or its DID")
        .argument("[account]", "the same, or a file")
        .argument("[other]", "anything")
        .option("--new-handle <handle>"),
      () =>
        Promise.resolve(({ args, flags }, { terminal }) => {
          terminal.out.text(JSON.stringify([...args, flags.newHandle ?? ""]));
          return Promise.resolve(0);
        }),
    ),
  ],
};

const profile = "https://bsky.app/profile/alice.example.com";
const name = "alice.example.com";

test.each<[string, string[], string[], string]>([
  ["plain ones", [name, "./a/log.json", profile], [name, "./a/log.json", profile, ""], ""],
  [
    "what is clear",
    [`@${name}`, `at://${name}`, "--new-handle", "Bob.Example.com"],
    [name, name, "bob.example.com"],
    "",
  ],
  ["addresses", [profile, `${profile}/`], [name, name, ""], `${profile} is read as ${name}.`],
  [
    "a flag",
    [name, "--new-handle=＠bob．example.com"],
    [name, "bob.example.com"],
    "＠bob．example.com is read as bob.",
  ],
  ["marks", [`\u200e${name}`, "-"], [name, "-", ""], `\\u{200e}${name} is read as ${name}.`],
  ["a path", [name, "bsky.app/profile/a.example.com"], [name, "bsky.app/profile/a.example.com", ""], ""],
  ["quietly", [profile, "--quiet"], [name, ""], ""],
  ["for a script", [profile, "--json"], [name, ""], ""],
  ["what may be a file", [name, "al_ice.example.com"], [name, "al_ice.example.com", ""], ""],
])("a command gets names plain, and it is said how they were read: %s", async (_, typed, given, said) => {
  const { parts, stdout, stderr } = captured();
  const terminal = await openTerminal(parts, { noColor: false });
  const read = readArguments(["named", ...typed], terminal, [named]);
  expect("run" in read ? await read.run({ terminal, secrets: terminal.secrets }) : undefined).toBe(0);
  expect(JSON.parse(stdout())).toEqual(given);
  expect(stderr().split("\n")[0]).toContain(said);
  expect(stderr() === "").toBe(said === "");
});

test("what is no name where only one can stand is refused before the command's code is loaded", async () => {
  const terminal = await openTerminal(captured().parts, { noColor: false });
  const read = readArguments(["named", "alice"], terminal, [named]);
  await expect("received" in read ? read.received(() => undefined) : undefined).rejects.toMatchObject({
    code: "invalid-account",
  });
});
