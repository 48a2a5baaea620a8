/** How help is laid out: no line is wider than the terminal, but commands, which are there to be copied. */
import { Help, type Argument, type Command, type HelpConfiguration } from "commander";

/** Where descriptions begin, in every help. They stand below a term that is longer, and where they have no room. */
const column = 26;
/** So many columns they need. */
const room = 24;

/** What commander is told about it. */
export const layout: HelpConfiguration = {
  showGlobalOptions: true,
  sortSubcommands: false,
  minWidthToWrap: 10,
  subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentTerm)].join(" "),
  formatItemList(heading, items, helper) {
    return Help.prototype.formatItemList.call(helper, helper.boxWrap(heading, helper.helpWidth ?? 80), items, helper);
  },
  padWidth: () => column - 4,
  commandUsage(command) {
    const usage = Help.prototype.commandUsage.call(new Help(), command);
    return broken(usage, (command.configureOutput().getOutHelpWidth?.() ?? 80) - 7, 7);
  },
  formatItem(term, termWidth, description, helper) {
    const width = helper.helpWidth ?? 80;
    const start = `  ${broken(term, width - 2, 4)}`;
    if (description === "") {
      return start;
    }
    const indent = width - column >= room ? column : 6;
    const lines = helper.boxWrap(description, width - indent).replaceAll(/^/gm, " ".repeat(indent));
    return term.length <= termWidth && indent === column
      ? start.padEnd(indent) + lines.slice(indent)
      : `${start}\n${lines}`;
  },
};

/** Where it has no room in a line it goes on in the next one, so far in. */
function broken(text: string, width: number, indent: number): string {
  const help = Object.assign(new Help(), { minWidthToWrap: 1 });
  return text.length <= width ? text : help.boxWrap(text, width).replaceAll("\n", `\n${" ".repeat(indent)}`);
}

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** Breaks the lines of a paragraph anew if one of them is wider than the help of `command`. */
export function fitted(command: Command, lines: readonly string[], indent = ""): string {
  const width = command.configureOutput().getOutHelpWidth?.() ?? 80;
  if (!lines.some((line) => indent.length + line.length > width)) {
    return lines.map((line) => `${indent}${line}`).join("\n");
  }
  const help = command.createHelp();
  // An empty line parts paragraphs; within one the lines flow together.
  const paragraphs = lines.join("\n").split("\n\n");
  return paragraphs
    .map((text) => help.boxWrap(text.replaceAll("\n", " "), width - indent.length))
    .join("\n\n")
    .replaceAll(/^(?=.)/gm, indent);
}
