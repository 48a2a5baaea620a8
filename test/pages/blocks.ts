/**
 * The commands of a page, and what they print, as a reader sees them.
 *
 *     ```sh                       each line is a command; what it prints is not shown
 *     decamp verify backup
 *     ```
 *     ```console                  a line with `$` is a command, the lines below it are what is on the screen then
 *     $ decamp verify backup
 *     The archive of alice.example.com is complete.
 *     ...
 *     ```
 *
 * An indented block is read as `sh`. A command may go on behind a backslash at the end of the line. On the screen a
 * line `...` stands for any lines, and `…` for any text in a line. `console exit=3` says how the last command of the
 * block ends; without it, all end with 0. Every block says what it is; those of other languages have no commands.
 */
import type { Session } from "../transcripts/parse.ts";
import { withoutEnds } from "../transcripts/parse.ts";

/** A block of code on a page. */
export interface Block {
  /** The first word behind the fence: `sh`, `console`, `yaml` …; an indented block is `sh`. */
  readonly language: string;
  /** What stands behind the first word. */
  readonly rest: string;
  /** The number of its first line of code on the page, from 1. */
  readonly line: number;
  readonly lines: readonly string[];
}

/** All blocks of code of a page, in their order. */
export function blocksOf(page: string): Block[] {
  const lines = page.split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const fence = /^ {0,3}(`{3,}) *(\S*) *(.*)$/.exec(lines[at] ?? "");
    if (fence !== null) {
      const [, ticks = "", language = "", rest = ""] = fence;
      const end = lines.findIndex((line, index) => index > at && line.trim() === ticks);
      if (end === -1) {
        throw new Error(`line ${at + 1}: the block has no end`);
      }
      blocks.push({ language, rest, line: at + 2, lines: lines.slice(at + 1, end) });
      at = end;
    } else if (/^ {4}\S/.test(lines[at] ?? "") && (lines[at - 1] ?? "") === "") {
      const end = lines.findIndex((line, index) => index > at && line !== "" && !line.startsWith("    "));
      const own = lines.slice(at, end === -1 ? lines.length : end).map((line) => line.slice(4));
      blocks.push({ language: "sh", rest: "", line: at + 1, lines: own });
      at += own.length - 1;
    }
  }
  return blocks;
}

/** All commands of a page. What is expected on the screen is their `stdout`. */
export function sessionsOf(page: string): Session[] {
  return blocksOf(page).flatMap((block) => {
    if (block.language !== "sh" && block.language !== "console") {
      return [];
    }
    const shown = block.language === "console";
    const found: { line: number; command: string; stdout: string[] }[] = [];
    for (let at = 0; at < block.lines.length; at += 1) {
      const start = block.lines[at] ?? "";
      if (shown ? start.startsWith("$ ") : !/^(?:#|$)/.test(start)) {
        const last = block.lines.findIndex((line, index) => index >= at && !line.endsWith("\\"));
        const command = block.lines.slice(at, last + 1).join("\n");
        found.push({ line: block.line + at, command: shown ? command.slice(2) : command, stdout: [] });
        at = last;
      } else if (shown && found.length === 0) {
        throw new Error(`line ${block.line + at}: a block of a console begins with $ and a command: ${start}`);
      } else if (shown) {
        found.at(-1)?.stdout.push(start);
      }
    }
    const [, code = "0"] = /\bexit=([0-9]+)\b/.exec(block.rest) ?? [];
    return found.map(({ line, command, stdout }, index) => {
      const lines = withoutEnds(stdout);
      return {
        line,
        command,
        stdout: lines.length === 0 ? ["..."] : lines,
        stderr: [],
        exitCode: index === found.length - 1 ? Number(code) : 0,
        files: undefined,
      };
    });
  });
}

/** What looks like one of these on a page is another in every run. The same text is the same there, too. */
const differing: readonly [kind: string, RegExp][] = [
  ["did", /\bdid:plc:[a-z2-7]{24}\b/g],
  ["folder", /\bdid-plc-[a-z2-7]{24}\b/g],
  ["key", /\bdid:key:z[1-9A-HJ-NP-Za-km-z]{40,60}\b/g],
  ["cid", /\bbaf[a-z2-7]{56}\b/g],
  ["rev", /\b3[a-z2-7]{12}\b/g],
  ["time", /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g],
  ["code", /\b[A-Z2-7]{5}-[A-Z2-7]{5}\b/g],
  ["moment", /\b\d{4}-\d\d-\d\d \d\d:\d\d \(UTC[^)]*\)/g],
];
/** So do these, and nothing is known of them from one time to the next. */
const loose: readonly [kind: string, RegExp][] = [
  ["size", /\b\d+(?:\.\d)? (?:bytes|kB|MB)\b/g],
  ["version", /^\d+\.\d+\.\d+$/g],
  ["text", /…/g],
];

/**
 * The commands as they are to be run: the examples of the page replaced by what is there, and what differs from run to
 * run by named parts.
 *
 * @param stands what stands on the page → what is there
 */
export function prepared(sessions: readonly Session[], stands: Readonly<Record<string, string>>): Session[] {
  const names = new Map<string, string>();
  let count = 0;
  const named = (text: string): string =>
    differing.reduce(
      (found, [kind, pattern]) =>
        found.replaceAll(pattern, (literal) => {
          const name = names.get(literal) ?? `<${kind}-page-${names.size + 1}>`;
          names.set(literal, name);
          return name;
        }),
      Object.entries(stands).reduce((found, [on, there]) => found.replaceAll(on, there), text),
    );
  const loosened = (text: string): string =>
    loose.reduce(
      (found, [kind, pattern]) => found.replaceAll(pattern, () => `<${kind}-any-${(count += 1)}>`),
      named(text),
    );
  return sessions.map((session) => ({
    ...session,
    command: named(session.command),
    stdout: session.stdout.map((line) => loosened(line)),
  }));
}
