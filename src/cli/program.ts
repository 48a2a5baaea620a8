/**
 * From the arguments to what is to run; none of a command's code is loaded. Declaring them all takes some ten
 * milliseconds. So where a command is the first word that was typed, only its folder is declared; help, and whatever is
 * not plain, sees all.
 */
import { Command, CommanderError, Option } from "commander";
import { DecampError } from "../errors.ts";
import { runs, type Declared, type Folder, type Ready } from "./command.ts";
import { commands } from "./commands.ts";
import { everyCommand, nameOf, takes } from "./every-command.ts";
import { helpWidth, topicNames } from "./help/asked.ts";
import { fitted, layout } from "./help/help-layout.ts";
import { nearestBelow, suggestion } from "./help/suggest.ts";
import { collectLimits, helpStartsWith, rate } from "./shape.ts";
import type { RawGlobals } from "./globals.ts";
import { applySettings, type FileSettings } from "./settings/apply-settings.ts";
import { packageFacts } from "../services/package.ts";
import { usageSentence } from "./help/usage-sentence.ts";
import type { Channel } from "./talk/terminal.ts";

/** Help or the version was printed; there is nothing to run. */
export interface Shown {
  readonly exitCode: number;
}

/** Where help goes. */
type Output = Record<"out" | "err", Pick<Channel, "text" | "width">>;

/**
 * Reads the arguments. Help and version are printed here.
 *
 * @param folders all commands that there are
 * @param settings of the configuration file, for what is not typed
 * @throws DecampError `usage`, with a hint that suggests what may have been meant
 */
export function readArguments(
  argv: readonly string[],
  terminal: Output,
  folders: readonly Folder[] = commands,
  settings?: FileSettings,
): Ready | Shown {
  const named = folders.filter(({ names }) => names.includes(argv[0] ?? ""));
  const read: { now?: Ready } = {};
  const program = declareProgram(terminal, named.length === 0 ? folders : named, (declared, command) => {
    const name = nameOf(command);
    const given =
      settings === undefined ? undefined : { path: settings.path, values: applySettings(command, settings.of(name)) };
    read.now = {
      ...declared({ command: name, args: [...command.args], globals: program.opts<RawGlobals>(), argv }),
      given,
    };
  });
  const all = named.length === 0 ? () => program : () => declareProgram(terminal, folders);
  throwFromAll(program, () => everyCommand(all()).map(({ name }) => name));
  if (argv.length === 0) {
    program.outputHelp();
    return { exitCode: 0 };
  }
  program.hook("preAction", (_, command) => refuseEmpty(command));
  if (argv.includes("--version")) {
    refuseUnknown(program, argv);
  }
  try {
    program.parse(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      return { exitCode: error.exitCode === 0 ? 0 : 2 };
    }
    throw error;
  }
  if (read.now === undefined) {
    throw new Error("no command took the arguments");
  }
  return read.now;
}

/** Commander shows the version at once, whatever else stands there. @throws DecampError `usage` for an unknown flag */
function refuseUnknown(program: Command, argv: readonly string[]): void {
  for (let index = 0; /^-./.test(argv[index] ?? ""); index += 1) {
    const [word = ""] = (argv[index] ?? "").split("=");
    const known = program.options.find(({ short, long }) => word === short || word === long);
    if (known === undefined && !/^(?:--|--help|-[a-z]+)$/.test(word)) {
      throw usageError(new CommanderError(1, "commander.unknownOption", `error: unknown option '${word}'`), program);
    }
    index += known?.required === true && word === argv[index] ? 1 : 0;
  }
}

/** All commands that there are, for who writes about them. */
export function declareAll(output: Output): Command {
  return declareProgram(output, commands);
}

/** @param onTyped what is done with the one that was typed */
function declareProgram(
  output: Output,
  folders: readonly Folder[],
  onTyped: (read: Declared["read"], command: Command) => void = () => undefined,
): Command {
  const program = new Command("decamp");
  // Before the commands are added: they take these settings over.
  program
    .configureOutput({
      writeOut: (text) => output.out.text(text),
      writeErr: (text) => output.err.text(text),
      outputError: () => undefined,
      getOutHelpWidth: () => Math.min(output.out.width, helpWidth),
      getErrHelpWidth: () => Math.min(output.err.width, helpWidth),
    })
    .configureHelp(layout)
    .helpOption("-h, --help", "show help, with examples");
  addGlobals(program);
  for (const { command, read } of [...folders.flatMap(({ declare }) => declare(program)), declareHelp(program)]) {
    command.action(() => onTyped(read, command));
  }
  return program;
}

/** `decamp help WORDS`; without words it is the help of decamp. */
function declareHelp(program: Command): Declared {
  const command = helpStartsWith(
    program
      .command("help")
      .summary("show help: of a command, or about a word")
      .argument("[words...]", "a command, or a topic"),
    ["Shows how a command is used, or explains a topic:", `${topicNames.join(", ")}.`],
    [
      { says: "A command:", command: "decamp help plc add-key" },
      { says: "A topic:", command: "decamp help rotation key" },
    ],
  );
  return runs(command, async () => {
    const { showHelp } = await import("./help/show.ts");
    return async ({ args }, { terminal }) => {
      await Promise.resolve(showHelp(args, program, terminal));
      return 0;
    };
  });
}

function addGlobals(program: Command): void {
  const { version } = packageFacts;
  helpStartsWith(
    program,
    ["Moves an AT Protocol account from one server to another, takes everything", "along, and proves it."],
    [
      {
        says: "See what a move would do; nothing is changed:",
        command: "decamp migrate alice.example.com --to https://pds.example.org --dry-run",
      },
      { says: "Move:", command: "decamp migrate alice.example.com --to https://pds.example.org" },
      { says: "All about one command:", command: "decamp help migrate" },
    ],
  )
    .addHelpText("after", () =>
      [
        "",
        ...[
          `Topics: ${topicNames.join(", ")}.`,
          "Shown by: decamp help TOPIC",
          "New here: decamp migrate asks for one thing at a time.",
        ].map((line) => fitted(program, [line])),
      ].join("\n"),
    )
    .version(version, "--version", "show the version")
    .addOption(new Option("-q, --quiet", "nothing on success but what was asked for"))
    .addOption(new Option("-v, --verbose", "more detail"))
    .addOption(new Option("--json", "results and progress as JSON on stdout, errors as JSON on stderr"))
    .addOption(new Option("--no-input", "never ask; fail and name the flag that would have answered"))
    .addOption(new Option("-y, --yes", "do not ask for confirmation, except at the point of no return"))
    .addOption(new Option("--no-color", "no colour (or NO_COLOR)"))
    .addOption(new Option("--plain", "plain lines in ASCII, nothing drawn over: for screen readers and logs"))
    .addOption(new Option("--plc-url <url>", "the PLC directory (or ATP_PLC_HOST)"))
    .addOption(new Option("--allow-private-hosts", "allow servers on this machine or a home network"))
    .addOption(new Option("--state-dir <dir>", "where journals are kept (or XDG_STATE_HOME)"))
    .addOption(
      new Option("--limit-rate <rate>", "send and fetch at most so many bytes a second: 500k, 2M").argParser(rate),
    )
    .addOption(new Option("--log-file <file>", "write what happens to this file, too, a line of JSON each"))
    .addOption(
      new Option("--limit <name=number>", "raise a limit that an error names; may be repeated").argParser(
        collectLimits,
      ),
    );
}

/** Makes every command throw: help and version as they are, anything else as an error of ours. */
function throwFromAll(command: Command, allNames: () => readonly string[]): void {
  command.exitOverride((error) => {
    if (error.code.startsWith("commander.help") || error.code === "commander.version") {
      throw error;
    }
    const typed = error.code === "commander.unknownCommand" ? command.args[0] : undefined;
    const meant =
      error.code === "commander.excessArguments"
        ? nearestBelow(
            command.args[0] ?? "",
            nameOf(command),
            Array.from(command.commands, (one) => one.name()),
          )
        : typed === undefined
          ? undefined
          : suggestion(typed, nameOf(command), allNames());
    throw usageError(error, command, meant);
  });
  command.commands.forEach((one) => throwFromAll(one, allNames));
}

/**
 * Refuses empty arguments and flags: they come from a variable of a script that is not set, and an empty name of a
 * folder would be the one at hand. Variables that decamp reads itself may be empty: that counts as unset.
 *
 * @throws DecampError `usage`
 */
function refuseEmpty(command: Command): void {
  const hint = "If it comes from a variable of a script, that is not set.";
  if (command.args.includes("")) {
    throw new DecampError("usage", "An argument is empty.", { hint });
  }
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const values = at.opts<Record<string, unknown>>();
    const empty = at.options.find((option) => {
      const value = values[option.attributeName()];
      return value === "" || (Array.isArray(value) && value.includes(""));
    });
    if (empty !== undefined) {
      throw new DecampError("usage", `${empty.long ?? empty.flags} is empty.`, { hint });
    }
  }
}

/** @param meant what is suggested, where somebody knows better than commander */
function usageError({ code, message: text }: CommanderError, command: Command, meant?: string): DecampError {
  const name = `decamp ${nameOf(command)}`.trim();
  const help = `Run ${name} --help to see how it is used.`;
  const [, message = text, similar] = /^(?:error: )?(.*?)(?:\n\((.*)\))?$/s.exec(text) ?? [];
  const secret =
    /^unknown option '--(password|new-password|old-password|auth-factor|plc-token|delete-token|rotation-key|passphrase)(?:=|'$)/.exec(
      message,
    )?.[1];
  if (secret !== undefined) {
    // What was given is not repeated.
    return new DecampError("usage", "A secret is never the value of a flag: others could read it there.", {
      hint: takes(command, `--${secret}-file`)
        ? `Use --${secret}-file or --${secret}-command, or wait to be asked.`
        : `This command takes no such secret. ${help}`,
    });
  }
  return new DecampError("usage", usageSentence(code, message, command), {
    hint: [meant ?? similar ?? "", help].join(" ").trim(),
  });
}
