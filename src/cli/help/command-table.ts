/**
 * The table of commands for shells: what can be typed where. The build runs this file, and puts what it exports in its
 * place.
 */
import type { Argument, Command, Option } from "commander";
import { restoreStepIds, stepIds } from "../../migration/step-ids.ts";
import { everyCommand } from "../every-command.ts";
import { declareAll } from "../program.ts";

/** What a value may be: a list of words, or something that is found elsewhere. */
export type Value = "file" | "folder" | "account" | "account or file" | "did" | readonly string[];

export interface FlagWords {
  readonly names: readonly string[];
  readonly says: string;
  /** Whether it may be given more than once. */
  readonly again?: true;
  /** Not there for a flag without a value. */
  readonly value?: Value;
}

export interface CommandWords {
  readonly says: string;
  /** The words that may follow its name. */
  readonly below: readonly string[];
  readonly args: readonly Value[];
  /** Numbers in `flags` of the table. */
  readonly flags: readonly number[];
}

export interface CommandTable {
  readonly flags: readonly FlagWords[];
  /** Name of the command → what can be typed behind it; empty for decamp itself. */
  readonly commands: Readonly<Record<string, CommandWords>>;
}

/** What stands for a value in the table of commands → what it is; words that are not here can only be typed. */
const kinds: Readonly<Record<string, Value>> = {
  account: "account",
  after: "folder",
  archive: "folder",
  before: "folder",
  cmd: "file",
  did: "did",
  dir: "folder",
  file: "file",
  handle: "account",
  key: "file",
  operation: "file",
  path: "file",
};

function makeTable(): CommandTable {
  const nowhere = { width: 80, text: () => undefined };
  const flags: FlagWords[] = [];
  const number = (flag: FlagWords): number => {
    const known = flags.findIndex((one) => JSON.stringify(one) === JSON.stringify(flag));
    return known === -1 ? flags.push(flag) - 1 : known;
  };
  const commands = everyCommand(declareAll({ out: nowhere, err: nowhere })).map(({ name, command }) => {
    const words: CommandWords = {
      says: brief(command.summary()),
      below: command.commands.map((one) => one.name()),
      args: command.registeredArguments.map(valueOfArgument),
      flags: command.options.map((option) => number(flagWords(option, command))),
    };
    return [name, words];
  });
  return { flags, commands: Object.fromEntries(commands) };
}

function flagWords(option: Option, command: Command): FlagWords {
  const names = [option.long, option.short].filter((name) => name !== undefined && name !== null);
  const [, placeholder] = /<([^>]+)>/.exec(option.flags) ?? [];
  const says = brief(option.description);
  // Those that may be repeated say so.
  const again = /may be repeated/.test(option.description);
  const value = placeholder === undefined ? undefined : valueOf(placeholder, option.argChoices, command);
  return { names, says, ...(again ? { again: true } : {}), ...(value === undefined ? {} : { value }) };
}

function valueOf(placeholder: string, choices: readonly string[] | undefined, command: Command): Value {
  if (placeholder === "step") {
    return command.name() === "restore" ? restoreStepIds : stepIds;
  }
  return choices ?? kinds[placeholder] ?? [];
}

/** An account may be a file, too, where its description says so. */
function valueOfArgument(argument: Argument): Value {
  const value = argument.argChoices ?? kinds[argument.name()] ?? [];
  return /\bfile\b/.test(argument.description) && value === "account" ? "account or file" : value;
}

/** Beside a word in a list there is room for the first words only. */
function brief(text: string): string {
  return text.replace(/(?:[;:(]| \(|, such as ).*$/s, "").trim();
}

export const table: CommandTable = makeTable();
