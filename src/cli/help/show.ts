/** Prints what `decamp help WORDS` asks for, where the help of a command is to be laid out for this terminal. */
import type { Command } from "commander";
import { DecampError } from "../../errors.ts";
import type { Terminal } from "../talk/terminal.ts";
import { everyCommand } from "../every-command.ts";
import { askedByWords, helpWidth, topicNames } from "./asked.ts";
import { nearest, suggestion } from "./suggest.ts";
import { topicText } from "./topics.ts";
import { meaningOf } from "./words.ts";

/**
 * @param words what stands behind `help`
 * @param program with all commands
 * @throws DecampError `usage` if there is no such command and no such topic
 */
export function showHelp(words: readonly string[], program: Command, terminal: Pick<Terminal, "out">): void {
  const { topic, command: name } = askedByWords(words);
  const all = everyCommand(program);
  const command = all.find((one) => one.name === name)?.command;
  if (topic !== undefined) {
    const lines = `${topicText(topic)}${command === undefined ? "" : "\n"}`.split("\n").slice(0, -1);
    const shown = terminal.out.width < helpWidth ? paragraphs(lines) : lines;
    shown.forEach((line) => terminal.out.line(line));
  } else if (command === undefined) {
    const meaning = meaningOf(name);
    if (meaning !== undefined) {
      terminal.out.line(meaning);
      return;
    }
    const names = all.map((one) => one.name).filter((one) => one !== "");
    const group = words.slice(0, -1).join(" ");
    const meant = suggestion(words.at(-1) ?? "", group, names) ?? nearest(name, [...names, ...topicNames]);
    const topics = `Topics: ${topicNames.join(", ")}. Run decamp help to see all commands. The README explains more words.`;
    throw new DecampError("usage", `There is no help about '${name}'.`, {
      hint: meant === undefined ? topics : `${meant} ${topics}`,
    });
  }
  command?.outputHelp();
}

/** Each paragraph as one line, which breaks where this terminal ends. Commands, lists and tables stay as they are. */
function paragraphs(lines: readonly string[]): string[] {
  const joined: string[] = [];
  for (const line of lines) {
    const last = joined.at(-1) ?? "";
    const goesOn = indentOf(line) === indentOf(last) && isProse(last) && isProse(line) && !/^ *- /.test(line);
    joined.push(goesOn && !last.endsWith(":") ? `${joined.pop() ?? ""} ${line.trim()}` : line);
  }
  return joined;
}

function indentOf(line: string): number {
  return line.search(/\S|$/);
}

function isProse(line: string): boolean {
  return /^ *[^ $].*$/.test(line) && !/\S {2}/.test(line);
}
