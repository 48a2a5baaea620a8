/**
 * Lines that are broken at words where a terminal is too narrow for them: the terminal itself would break them in the
 * middle of one.
 *
 * Commands are left to the terminal: copied from the screen, a line break of ours would run the half of one. So are
 * words that are wider than the terminal, such as a DID.
 */
import type { Line, Piece } from "./line.ts";

/** What follows a first line that begins further in, or behind a label, begins there, too; but no further than this. */
const deepest = 16;

/**
 * Breaks a line.
 *
 * @param width columns of the terminal
 * @returns lines that are no wider, but for words that are; one that fits comes back as it is
 */
export function wrapLine(line: Line, width: number): readonly Line[] {
  const whole = line.map(textOf).join("");
  if (columns(whole) <= width) {
    return [line];
  }
  const [first] = line;
  const label = typeof first === "object" && first.hangs === true ? columns(first.text) : undefined;
  const indent = label === undefined ? (/^ */.exec(whole)?.[0] ?? "") : " ".repeat(label);
  // A narrow screen needs its columns for the text.
  const isDeep = label === undefined ? indent.length > Math.min(deepest, width / 2) : label > width / 4;
  const margin = isDeep ? "" : indent;
  const lines: Piece[][] = [[]];
  let used = 0;
  let gap: Piece | undefined;
  for (const word of wordsOf(line, startOfCommand(whole))) {
    if (word.isSpace) {
      gap = word.pieces[0];
      continue;
    }
    const size = columns(word.pieces.map(textOf).join(""));
    const space = gap === undefined ? 0 : columns(textOf(gap));
    if (used > margin.length && used + space + size > width) {
      lines.push(margin === "" ? [] : [margin]);
      used = margin.length;
    } else if (gap !== undefined) {
      lines.at(-1)?.push(gap);
      used += space;
    }
    gap = undefined;
    lines.at(-1)?.push(...word.pieces);
    used += size;
  }
  return lines;
}

interface Word {
  readonly isSpace: boolean;
  /** A word may change its style in the middle. */
  readonly pieces: Piece[];
}

/**
 * Where a command begins that ends with the line: at its start, or behind a colon. A sentence that begins with the name
 * of a command ends like one. Flags may stand before the name of the command.
 */
function startOfCommand(whole: string): number {
  return /(?<=^ *|: )(?:\$ )?decamp -{0,2}[a-z](?!.*[^\s./][.?!:]$)/.exec(whole)?.index ?? whole.length;
}

/** Words and the spaces between them, in turns. @param wholeFrom from here on all is one word */
function wordsOf(line: Line, wholeFrom: number): Word[] {
  const words: Word[] = [];
  let at = 0;
  for (const piece of line) {
    const start = at;
    at += textOf(piece).length;
    for (const { 0: text, index } of textOf(piece).matchAll(/ +|[^ ]+/g)) {
      const isSpace = text.startsWith(" ") && start + index < wholeFrom;
      const styled = typeof piece === "string" ? text : { ...piece, text };
      const last = words.at(-1);
      if (last !== undefined && last.isSpace === isSpace) {
        last.pieces.push(styled);
      } else {
        words.push({ isSpace, pieces: [styled] });
      }
    }
  }
  return words.map(({ isSpace, pieces }) =>
    isSpace ? { isSpace, pieces: [pieces.map(textOf).join("")] } : { isSpace, pieces },
  );
}

function textOf(piece: Piece): string {
  return typeof piece === "string" ? piece : piece.text;
}

/**
 * What takes two columns: the scripts of East Asia with their signs and forms, and pictures. Terminals differ in a few
 * others.
 */
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;

/** What is drawn over the character before it. */
const combining = /\p{M}/u;

/** How many columns a text takes on a terminal. */
export function columns(text: string): number {
  if (/^[ -~]*$/.test(text)) {
    return text.length;
  }
  let count = 0;
  for (const character of text) {
    const isHalf = character >= "\uff61" && character <= "\uffdc";
    count += combining.test(character) ? 0 : !isHalf && wide.test(character) ? 2 : 1;
  }
  return count;
}
