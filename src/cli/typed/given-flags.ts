/** The flags of a line as commander has them: what has to be looked at before a command begins. */
import type { Command } from "commander";
import { DecampError } from "../../errors.ts";

/** @throws DecampError `usage` if more than one of the arguments and flags is `-` and reads the standard input */
export function refuseTwoReaders(command: Command, flagsOf: Command): void {
  const args = command.registeredArguments.filter((_, index) => command.processedArgs[index] === "-");
  const flags = flagsOf.options.filter(
    (option) =>
      option.short !== "-o" &&
      !option.flags.endsWith("<cmd>") &&
      flagsOf.getOptionValue(option.attributeName()) === "-",
  );
  const [first, second] = [...args.map((one) => `<${one.name()}>`), ...flags.map(({ long }) => long)];
  if (first !== undefined && second !== undefined) {
    throw new DecampError("usage", `${first} and ${second} cannot both read the standard input.`, {
      hint: "Put one of them into a file, or use the command form of the flag.",
    });
  }
}

/** A flag that was given, and whose value has a form. */
export interface FormedFlag {
  readonly flag: string;
  /** What stands for the value in the help. */
  readonly kind: string;
  readonly value: string;
}

/**
 * Those of a command, and of all that it stands under. What a new server makes of a handle that was wished for, only
 * that server knows.
 */
export function formedFlags(command: Command): readonly FormedFlag[] {
  const own = command.options.flatMap((option) => {
    const { flags, long } = option;
    const [, kind] =
      /<(url|did:key|key|account|handle|did|cid|nsid|address)>$/.exec(flags) ?? /^--(rotation-key)-/.exec(flags) ?? [];
    const given: unknown = command.getOptionValue(option.attributeName());
    return kind === undefined || long === null || long === undefined || long === "--new-handle"
      ? []
      : [given].flat().flatMap((value) => (typeof value === "string" ? [{ flag: long, kind, value }] : []));
  });
  return command.parent === null ? own : [...own, ...formedFlags(command.parent)];
}
