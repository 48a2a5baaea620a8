/**
 * What a command is: how commander knows it, and how its code is loaded once it is to run. Each lies in a folder of its
 * own, and has one line in `commands.ts`.
 */
import type { Command } from "commander";
import type { KnownSecrets } from "../data/known-secrets.ts";
import { takes } from "./every-command.ts";
import { formedFlags, refuseTwoReaders } from "./typed/given-flags.ts";
import type { RawGlobals } from "./globals.ts";
import { plainArguments, plainFlags, sayOn, type Say } from "./pasted-names.ts";
import type { GivenSettings } from "./settings/apply-settings.ts";
import type { Terminal } from "./talk/terminal.ts";

/** What was typed, once commander has understood it: data, so that reading and running are tested apart. */
export interface Invocation<Flags extends object = object> {
  /** The command's name as it is typed, such as `plc add-key`. */
  readonly command: string;
  /** The positional arguments. */
  readonly args: readonly string[];
  /** The command's own flags, as commander names them. */
  readonly flags: Flags;
  readonly globals: RawGlobals;
  /** All that was typed, to say how to run it again. */
  readonly argv: readonly string[];
}

/** What a command gets beside that. */
export interface Edge {
  readonly terminal: Terminal;
  /** Those of the terminal: every secret that was read is added, and none of them is printed. */
  readonly secrets: KnownSecrets;
}

/** Runs a command. @returns the exit code */
export type Run<Flags extends object> = (invocation: Invocation<Flags>, edge: Edge) => Promise<number>;

/** A command that commander knows. */
export interface Declared {
  readonly command: Command;
  /** Adds its flags to what was typed: what is left is to run it. */
  readonly read: (typed: Omit<Invocation, "flags">) => Ready;
}

/** What was typed, and what runs it. */
export interface Ready {
  readonly invocation: Invocation;
  /** What the command's code receives: what was typed, with the names of accounts plain. */
  readonly received: (say: Say) => Promise<Invocation>;
  /** What the configuration file gave, if there is one. */
  readonly given?: GivenSettings | undefined;
  readonly run: (edge: Edge) => Promise<number>;
  /** Whether it has a flag, such as `--from`. */
  readonly takes: (flag: string) => boolean;
}

/** Declares the commands of one folder: help and flags, and none of their code. */
export type Declare = (program: Command) => readonly Declared[];

/** A line of the table of commands. */
export interface Folder {
  /** The first words of its commands. */
  readonly names: readonly string[];
  readonly declare: Declare;
}

/**
 * A declared command and the code that runs it, which is loaded only then.
 *
 * @param load what to run; the flags are there for commands that run one thing or another
 * @param flagsOf the command that takes the flags, if it is another one
 */
export function runs<Flags extends object>(
  command: Command,
  load: (flags: Flags) => Promise<Run<Flags>>,
  flagsOf: Command = command,
): Declared {
  return {
    command,
    read: (typed) => {
      const invocation = { ...typed, flags: flagsOf.opts<Flags>() };
      const received = async (say: Say): Promise<Invocation<Flags>> => {
        const args = await plainArguments(command, typed.args, say);
        refuseTwoReaders(command, flagsOf);
        const formed = formedFlags(flagsOf);
        if (formed.length > 0) {
          const { checkForms } = await import("./typed/flag-forms.ts");
          checkForms(formed, typed.globals.allowPrivateHosts === true);
        }
        return {
          ...invocation,
          args,
          flags: await plainFlags(flagsOf, invocation.flags, say),
        };
      };
      const run = async (edge: Edge): Promise<number> => {
        const { quiet, json } = typed.globals;
        const given = await received(quiet === true || json === true ? () => undefined : sayOn(edge.terminal.err));
        return (await load(given.flags))(given, edge);
      };
      return { invocation, received, run, takes: (flag) => takes(flagsOf, flag) };
    },
  };
}
