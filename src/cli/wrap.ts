/** Long sentences on a terminal: broken between words, so that none is cut in two at the edge. */
import type { Channel, Piece } from "./terminal.ts";

/** A piece with a style, such as the "Warning:" before a sentence. */
type Label = Exclude<Piece, string>;

/**
 * The lines of a text with a label before it. Where there is no terminal, and for lines that are indented (commands to be
 * copied), nothing is broken.
 */
export function labelled(
  { isTerminal, width }: Pick<Channel, "isTerminal" | "width">,
  label: Label,
  text: string,
): Piece[][] {
  return text.split("\n").flatMap((line, index): Piece[][] => {
    const isFirst = index === 0;
    const broken =
      isTerminal && !line.startsWith("  ") ? wrap(line, width, isFirst ? label.text.length + 1 : 0) : [line];
    return broken.map((part, place) => (isFirst && place === 0 ? [label, " ", part] : [part]));
  });
}

/** `text` in lines of at most `width` columns, the first of them with so many columns taken. Longer words stand alone. */
export function wrap(text: string, width: number, taken = 0): string[] {
  const lines: string[] = [];
  let line: string | undefined;
  let room = width - taken;
  for (const word of text.split(" ")) {
    if (line === undefined) {
      line = word;
    } else if (line.length + 1 + word.length <= room) {
      line += ` ${word}`;
    } else {
      lines.push(line);
      line = word;
      room = width;
    }
  }
  return [...lines, line ?? ""];
}
