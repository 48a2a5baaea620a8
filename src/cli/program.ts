/**
 * From the arguments to what is to run; none of a command's code is loaded. Declaring them all takes some ten
 * milliseconds. So where a command is the first word that was typed, only its folder is declared; help, and whatever is
 * not plain, sees all.
 */
import { Command, CommanderError, Option } from "commander";
import { DecampError } from "../errors.ts";
import type { Folder, Ready } from "./command.ts";
import { commands } from "./commands.ts";
import { collectLimits, helpStartsWith } from "./shape.ts";
import type { RawGlobals } from "./globals.ts";
import { packageFacts } from "../services/package.ts";
import type { Terminal } from "./talk/terminal.ts";

/** Help or the version was printed; there is nothing to run. */
export interface Shown {
  readonly exitCode: number;
}

/**
 * Reads the arguments. Help and version are printed here.
 *
 * @param folders all commands that there are
 * @throws DecampError `usage`, with a hint that suggests what may have been meant
 */
export function readArguments(
  argv: readonly string[],
  terminal: Pick<Terminal, "out" | "err">,
  folders: readonly Folder[] = commands,
): Ready | Shown {
  const program = new Command("decamp");
  let ready: Ready | undefined;
  // Before the commands are added: they take these settings over.
  program
    .configureOutput({
      writeOut: (text) => terminal.out.text(text),
      writeErr: (text) => terminal.err.text(text),
      outputError: () => undefined,
      getOutHelpWidth: () => Math.min(terminal.out.width, 100),
      getErrHelpWidth: () => Math.min(terminal.err.width, 100),
    })
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .helpOption("-h, --help", "show help, with examples");
  addGlobals(program);

  const named = folders.filter(({ names }) => names.includes(argv[0] ?? ""));
  for (const { command, read } of (named.length === 0 ? folders : named).flatMap(({ declare }) => declare(program))) {
    command.action(() => {
      ready = read({ command: nameOf(command), args: [...command.args], globals: program.opts<RawGlobals>(), argv });
    });
  }
  throwFromAll(program);
  program.hook("preAction", (_, command) => refuseEmpty(command));
  try {
    program.parse(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      return { exitCode: error.exitCode === 0 ? 0 : 2 };
    }
    throw error;
  }
  if (ready === undefined) {
    throw new Error("no command took the arguments");
  }
  return ready;
}

function addGlobals(program: Command): void {
  const { version } = packageFacts();
  helpStartsWith(
    program,
    ["Moves an AT Protocol account from one server to another, takes everything", "along, and proves it."],
    [
      {
        says: "See what a move would do; nothing is changed:",
        command: "decamp migrate alice.example.com --to https://pds.example.org --dry-run",
      },
      { says: "Move:", command: "decamp migrate alice.example.com --to https://pds.example.org" },
      { says: "All about one command:", command: "decamp migrate --help" },
    ],
  )
    .version(version, "--version", "show the version")
    .addOption(new Option("-q, --quiet", "nothing on success but what was asked for"))
    .addOption(new Option("-v, --verbose", "more detail"))
    .addOption(new Option("--json", "results and progress as JSON on stdout, errors as JSON on stderr"))
    .addOption(new Option("--no-input", "never ask; fail and name the flag that would have answered"))
    .addOption(new Option("-y, --yes", "do not ask for confirmation, except at the point of no return"))
    .addOption(new Option("--no-color", "no colour (or NO_COLOR)"))
    .addOption(new Option("--plc-url <url>", "the PLC directory (or ATP_PLC_HOST)"))
    .addOption(new Option("--allow-private-hosts", "allow servers on this machine or a home network"))
    .addOption(new Option("--state-dir <dir>", "where journals are kept (or XDG_STATE_HOME)"))
    .addOption(
      new Option("--limit <name=number>", "raise a limit that an error names; may be repeated").argParser(
        collectLimits,
      ),
    );
}

/** "migrate", or "repo ls". */
function nameOf(command: Command): string {
  const parent = command.parent;
  return parent === null || parent.parent === null ? command.name() : `${nameOf(parent)} ${command.name()}`;
}

/** Makes every command throw: help and version as they are, anything else as an error of ours. */
function throwFromAll(command: Command): void {
  command.exitOverride((error) => {
    if (error.code.startsWith("commander.help") || error.code === "commander.version") {
      throw error;
    }
    throw usageError(error.message, command);
  });
  command.commands.forEach(throwFromAll);
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

function usageError(text: string, command: Command): DecampError {
  const name = command.parent === null ? "decamp" : `decamp ${nameOf(command)}`;
  const help = `Run ${name} --help to see how it is used.`;
  const [, message = text, suggestion] = /^(?:error: )?(.*?)(?:\n\((.*)\))?$/s.exec(text) ?? [];
  const secret =
    /^unknown option '--(password|new-password|auth-factor|plc-token|delete-token|rotation-key|passphrase)(?:=|'$)/.exec(
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
  const sentence = `${message.charAt(0).toUpperCase()}${message.slice(1)}`.replace(/([^.?!])$/, "$1.");
  return new DecampError("usage", sentence, { hint: suggestion === undefined ? help : `${suggestion} ${help}` });
}

/** Whether a command has a flag, by itself or from those that it stands under. */
function takes(command: Command, flag: string): boolean {
  return command.options.some(({ long }) => long === flag) || (command.parent !== null && takes(command.parent, flag));
}
