/** Prints what `decamp help WORDS` asks for, where the help of a command is to be laid out for this terminal. */
import type { Command } from "commander";
import type { Terminal } from "../talk/terminal.ts";
import { everyCommand } from "../every-command.ts";
import { askedByWords, helpWidth } from "./asked.ts";
import { explainWord } from "./explain-word.ts";
import { topicText } from "./topics.ts";

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
    const names = all.map((one) => one.name);
    explainWord(words, names, terminal);
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
