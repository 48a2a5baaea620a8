/**
 * `npm run man`: writes man/decamp.1, from the table of commands and the topics of the help. It is not in the package:
 * whoever packs decamp for a system takes it from here.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { everyCommand } from "../../src/cli/every-command.ts";
import { topicNames } from "../../src/cli/help/asked.ts";
import { topicText } from "../../src/cli/help/topics.ts";
import { declareAll } from "../../src/cli/program.ts";

/** The page, in the language of man(7). @param version of decamp */
export function manPage(version: string): string {
  let shown = "";
  // As wide as it takes: man breaks lines itself.
  const output = { width: 10_000, text: (text: string) => void (shown += text) };
  const program = declareAll({ out: output, err: output });
  const pages = everyCommand(program).map(({ name, command }) => {
    shown = "";
    command.outputHelp();
    const [about = "", examples = ""] = shown.split(/^Usage: .*$/m)[0]?.split(/^Examples:\n/m) ?? [];
    return { name, command, about, examples };
  });
  const [whole, ...commands] = pages;
  return [
    `.TH DECAMP 1 "" "decamp ${version}" "User Commands"`,
    ".SH NAME",
    String.raw`decamp \- move an AT Protocol account to another server, or back it up`,
    ".SH SYNOPSIS",
    ".B decamp",
    String.raw`.I command \fR[\fIargument ...\fR] [\fIoption ...\fR]`,
    ".SH DESCRIPTION",
    paragraphs(whole?.about ?? ""),
    ".SH EXAMPLES",
    verbatim(whole?.examples ?? ""),
    ".SH OPTIONS",
    "These are taken by every command, before and behind its name.",
    ...options(program),
    ".SH COMMANDS",
    ...commands.flatMap(({ name, command, about, examples }) => [
      `.SS ${text(`decamp ${name} ${command.usage().replace(/\[options\] ?|\[command\] ?/g, "")}`.trim())}`,
      paragraphs(about),
      ...command.registeredArguments.flatMap((argument) => [
        ".TP",
        String.raw`\fI${text(argument.name())}\fR`,
        text(argument.description),
      ]),
      ...options(command),
      ".PP",
      verbatim(examples),
    ]),
    ...topicNames.flatMap((topic) => [`.SH ${topic.toUpperCase()}`, paragraphs(topicText(topic))]),
    "",
  ]
    .filter((line, index, all) => line !== "" || index === all.length - 1)
    .join("\n");
}

function options(command: Command): string[] {
  const helper = command.createHelp();
  return command.options.flatMap((option) => [
    ".TP",
    String.raw`\fB${text(option.flags)}\fR`,
    text(helper.optionDescription(option)),
  ]);
}

/** Paragraphs are filled; what is indented, or a list, stays as it is. */
function paragraphs(block: string): string {
  return block
    .trim()
    .split(/\n{2,}/)
    .map((paragraph) => (/^(?: |- )/m.test(paragraph) ? verbatim(paragraph) : `.PP\n${lines(paragraph)}`))
    .join("\n");
}

function verbatim(block: string): string {
  return block.trim() === "" ? "" : `.PP\n.nf\n${lines(block.replaceAll(/^\n+|\n+$/g, ""))}\n.fi`;
}

function lines(block: string): string {
  return block.split("\n").map(text).join("\n");
}

/** A line that is none of the language, in ASCII: no backslash, no hyphen to break at, no dot or quote at its start. */
function text(line: string): string {
  return line
    .replaceAll("\\", String.raw`\e`)
    .replaceAll("-", String.raw`\-`)
    .replace(/^(?=[.'])/, String.raw`\&`)
    .replaceAll(
      /[^ -~]/gu,
      (letter) => `\\[u${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`,
    );
}

if (import.meta.main) {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  mkdirSync("man", { recursive: true });
  writeFileSync("man/decamp.1", manPage(version));
}
