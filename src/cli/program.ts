/**
 * From the arguments to an invocation. All commands are declared here, so that help is complete; none of their code is
 * loaded for that.
 */
import { Command, CommanderError, Option } from "commander";
import { DecampError } from "../errors.ts";
import { declareKey, type KeyInspectFlags, type KeyKeepFlags } from "./declare/key.ts";
import { declareArchive, type PruneFlags } from "./declare/archive.ts";
import { declareExport, type ExportFlags } from "./declare/export.ts";
import { declareLook, type LsFlags } from "./declare/look.ts";
import { declareMigrate, type MigrateFlags } from "./declare/migrate.ts";
import { declarePlc, type PlcReadFlags } from "./declare/plc.ts";
import type {
  PlcAddKeyFlags,
  PlcDiffFlags,
  PlcRecoverFlags,
  PlcSignFlags,
  PlcSubmitFlags,
  PlcUndoFlags,
} from "./declare/plc-write.ts";
import { declareVerify, type VerifyFlags } from "./declare/verify.ts";
import { collectLimits, helpStartsWith } from "./declare/shape.ts";
import type { RawGlobals } from "./globals.ts";
import type { AnyInvocation, Typed } from "./invocation.ts";
import { packageFacts } from "./package.ts";
import type { Terminal } from "./terminal.ts";

/** Help or the version was printed; there is nothing to run. */
export interface Shown {
  readonly exitCode: number;
}

/**
 * Reads the arguments. Help and version are printed here.
 *
 * @throws DecampError `usage`, with a hint that suggests what may have been meant
 */
export function readArguments(argv: readonly string[], terminal: Pick<Terminal, "out" | "err">): AnyInvocation | Shown {
  const program = new Command("decamp");
  let invocation: AnyInvocation | undefined;
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

  const typed = (command: Command): Typed => ({
    args: [...command.args],
    globals: program.opts<RawGlobals>(),
    argv,
  });
  const migrate = declareMigrate(program);
  migrate.command.action(() => {
    invocation = { command: "migrate", flags: migrate.command.opts<MigrateFlags>(), ...typed(migrate.command) };
  });
  // Their flags are those of `migrate`, which takes them wherever they stand.
  migrate.status.action(() => {
    invocation = { command: "migrate status", flags: migrate.command.opts<MigrateFlags>(), ...typed(migrate.status) };
  });
  migrate.cancel.action(() => {
    invocation = { command: "migrate cancel", flags: migrate.command.opts<MigrateFlags>(), ...typed(migrate.cancel) };
  });
  const exporting = declareExport(program);
  exporting.action(() => {
    invocation = { command: "export", flags: exporting.opts<ExportFlags>(), ...typed(exporting) };
  });
  const verify = declareVerify(program);
  verify.action(() => {
    invocation = { command: "verify", flags: verify.opts<VerifyFlags>(), ...typed(verify) };
  });
  const archive = declareArchive(program);
  archive.ls.action(() => {
    invocation = { command: "archive ls", flags: {}, ...typed(archive.ls) };
  });
  archive.diff.action(() => {
    invocation = { command: "archive diff", flags: {}, ...typed(archive.diff) };
  });
  archive.prune.action(() => {
    invocation = { command: "archive prune", flags: archive.prune.opts<PruneFlags>(), ...typed(archive.prune) };
  });
  const look = declareLook(program);
  look.repoLs.action(() => {
    invocation = { command: "repo ls", flags: look.repoLs.opts<LsFlags>(), ...typed(look.repoLs) };
  });
  look.repoGet.action(() => {
    invocation = { command: "repo get", flags: {}, ...typed(look.repoGet) };
  });
  look.repoUnpack.action(() => {
    invocation = { command: "repo unpack", flags: {}, ...typed(look.repoUnpack) };
  });
  look.repoDiff.action(() => {
    invocation = { command: "repo diff", flags: {}, ...typed(look.repoDiff) };
  });
  look.blobLs.action(() => {
    invocation = { command: "blob ls", flags: {}, ...typed(look.blobLs) };
  });
  const plc = declarePlc(program);
  plc.history.action(() => {
    invocation = { command: "plc history", flags: plc.history.opts<PlcReadFlags>(), ...typed(plc.history) };
  });
  plc.audit.action(() => {
    invocation = { command: "plc audit", flags: plc.audit.opts<PlcReadFlags>(), ...typed(plc.audit) };
  });
  plc.diff.action(() => {
    invocation = { command: "plc diff", flags: plc.diff.opts<PlcDiffFlags>(), ...typed(plc.diff) };
  });
  plc.sign.action(() => {
    invocation = { command: "plc sign", flags: plc.sign.opts<PlcSignFlags>(), ...typed(plc.sign) };
  });
  plc.submit.action(() => {
    invocation = { command: "plc submit", flags: plc.submit.opts<PlcSubmitFlags>(), ...typed(plc.submit) };
  });
  plc.recover.action(() => {
    invocation = { command: "plc recover", flags: plc.recover.opts<PlcRecoverFlags>(), ...typed(plc.recover) };
  });
  plc.undo.action(() => {
    invocation = { command: "plc undo", flags: plc.undo.opts<PlcUndoFlags>(), ...typed(plc.undo) };
  });
  plc.addKey.action(() => {
    invocation = { command: "plc add-key", flags: plc.addKey.opts<PlcAddKeyFlags>(), ...typed(plc.addKey) };
  });
  const key = declareKey(program);
  key.generate.action(() => {
    invocation = { command: "key generate", flags: key.generate.opts<KeyKeepFlags>(), ...typed(key.generate) };
  });
  key.import.action(() => {
    invocation = { command: "key import", flags: key.import.opts<KeyKeepFlags>(), ...typed(key.import) };
  });
  key.inspect.action(() => {
    invocation = { command: "key inspect", flags: key.inspect.opts<KeyInspectFlags>(), ...typed(key.inspect) };
  });
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
  if (invocation === undefined) {
    throw new Error("no command took the arguments");
  }
  return invocation;
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
    throw usageError(error.message, command.parent === null ? "decamp" : `decamp ${nameOf(command)}`);
  });
  command.commands.forEach(throwFromAll);
}

/**
 * Nothing means anything without a letter in it: it comes from a variable of a script that is not set. As the name of a folder it
 * would be the one at hand. The environment is no part of it: an empty variable is not set.
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

function usageError(text: string, command: string): DecampError {
  const [, message = text, suggestion] = /^(?:error: )?(.*?)(?:\n\((.*)\))?$/s.exec(text) ?? [];
  const secret =
    /^unknown option '--(password|new-password|auth-factor|plc-token|delete-token|rotation-key|passphrase)/.exec(
      message,
    )?.[1];
  if (secret !== undefined) {
    // What was given is not repeated.
    return new DecampError("usage", "A secret is never the value of a flag: others could read it there.", {
      hint: `Use --${secret}-file or --${secret}-command, or wait to be asked.`,
    });
  }
  const sentence = `${message.charAt(0).toUpperCase()}${message.slice(1)}`.replace(/([^.?!])$/, "$1.");
  const help = `Run ${command} --help to see how it is used.`;
  return new DecampError("usage", sentence, { hint: suggestion === undefined ? help : `${suggestion} ${help}` });
}
