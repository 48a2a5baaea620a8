/**
 * Lines that are broken at words where a terminal is too narrow for them: the terminal itself would break them in the
 * middle of one.
 *
 * Commands are left to the terminal: copied from the screen, a line break of ours would run the half of one. So are
 * words that are wider than the terminal, such as a DID.
 */
import type { Line, Piece } from "./line.ts";

/** What follows a first line that begins further in, begins there, too; but no further than this. */
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
  const indent = /^ */.exec(whole)?.[0] ?? "";
  const margin = indent.length > Math.min(deepest, width / 2) ? "" : indent;
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

/** Where a command begins that ends with the line: at its start, or behind a colon. */
function startOfCommand(whole: string): number {
  return /(?<=^ *|: )(?:\$ )?decamp [a-z]/.exec(whole)?.index ?? whole.length;
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

/** Characters: near enough to columns for what decamp says itself. */
function columns(text: string): number {
  return Array.from(text).length;
}
