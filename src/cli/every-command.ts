/** All commands that commander knows. */
import type { Command } from "commander";

/** A command, and its name as it is typed behind `decamp`, such as `repo ls`; that of the program is empty. */
export interface NamedCommand {
  readonly name: string;
  readonly command: Command;
}

/** The program, and every command below it, in the order of the help. */
export function everyCommand(program: Command): NamedCommand[] {
  return [{ name: "", command: program }, ...below(program, "")];
}

function below(command: Command, name: string): NamedCommand[] {
  return command.commands.flatMap((one) => {
    const inside = name === "" ? one.name() : `${name} ${one.name()}`;
    return [{ name: inside, command: one }, ...below(one, inside)];
  });
}

/** The name of a command, such as `repo ls`; empty for the program. */
export function nameOf(command: Command): string {
  const { parent } = command;
  return parent === null ? "" : `${nameOf(parent)} ${command.name()}`.trim();
}

/** Whether a command has a flag, by itself or from those that it stands under. */
export function takes(command: Command, flag: string): boolean {
  return command.options.some(({ long }) => long === flag) || (command.parent !== null && takes(command.parent, flag));
}
