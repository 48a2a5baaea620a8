/**
 * The help of every command, ready to be printed. The build runs this file, and puts what it exports in its place: so
 * `dist` has the text, and nobody waits for commander. A test compares it with what commander prints.
 */
import { everyCommand } from "../every-command.ts";
import { declareAll } from "../program.ts";
import { betweenBlocks, helpWidth, type Pages } from "./asked.ts";

function print(): (readonly [string, string])[] {
  let text = "";
  const channel = { width: helpWidth, text: (piece: string) => void (text += piece) };
  return everyCommand(declareAll({ out: channel, err: channel })).map(({ name, command }) => {
    text = "";
    command.outputHelp();
    return [name, text];
  });
}

function divide(texts: readonly (readonly [string, string])[]): Pages {
  const blocks: string[] = [];
  const pages = texts.map(([name, text]) => {
    const numbers = text.split(betweenBlocks).map((block) => {
      const known = blocks.indexOf(block);
      return known === -1 ? blocks.push(block) - 1 : known;
    });
    return [name, numbers];
  });
  return { blocks, pages: Object.fromEntries(pages) };
}

export const pages: Pages = divide(print());
