/** How help is laid out: no line is wider than the terminal, but commands, which are there to be copied. */
import { Help, type Argument, type Command, type HelpConfiguration } from "commander";

/** A description beside a term has so many columns at least; else it stands below the term. */
const besides = 24;

/** What commander is told about it. */
export const layout: HelpConfiguration = {
  showGlobalOptions: true,
  sortSubcommands: false,
  minWidthToWrap: 10,
  subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentTerm)].join(" "),
  formatItemList(heading, items, helper) {
    return Help.prototype.formatItemList.call(helper, helper.boxWrap(heading, helper.helpWidth ?? 80), items, helper);
  },
  formatItem(term, termWidth, description, helper) {
    const width = helper.helpWidth ?? 80;
    if (width - termWidth - 4 >= besides || description === "") {
      return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
    }
    const below = helper.boxWrap(description, width - 6).replaceAll(/^/gm, "      ");
    return `  ${term}\n${below}`;
  },
};

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** Breaks the lines of a paragraph anew if one of them is wider than the help of `command`. */
export function fitted(command: Command, lines: readonly string[], indent = ""): string {
  const width = command.configureOutput().getOutHelpWidth?.() ?? 80;
  return lines.some((line) => indent.length + line.length > width)
    ? command
        .createHelp()
        .boxWrap(lines.join(" "), width - indent.length)
        .replaceAll(/^/gm, indent)
    : lines.map((line) => `${indent}${line}`).join("\n");
}
