/** Reads the blocks of a page that stand between fences. */

export interface Block {
  /** What stands behind the fence: `sh`, `ini` … */
  readonly language: string;
  /** The heading above it. */
  readonly heading: string;
  /** Of its first line on the page, from 1. */
  readonly line: number;
  readonly text: string;
}

/** All blocks, in their order. @throws Error for one that has no end or no language */
export function readBlocks(page: string): Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let open: { language: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of page.split("\n").entries()) {
    const fence = /^```(.*)$/.exec(line)?.[1];
    if (open === undefined && fence !== undefined) {
      open = { language: fence, line: index + 2, lines: [] };
      if (fence === "") {
        throw new Error(`line ${index + 1}: a block says what it is`);
      }
    } else if (open !== undefined && fence === "") {
      const { lines, ...rest } = open;
      blocks.push({ ...rest, heading, text: `${lines.join("\n")}\n` });
      open = undefined;
    } else if (open === undefined) {
      heading = /^#+ (.*)/.exec(line)?.[1] ?? heading;
    } else {
      open.lines.push(line);
    }
  }
  if (open !== undefined) {
    throw new Error(`line ${open.line}: a block without an end`);
  }
  return blocks;
}

/** The file that a block is: its first line, or the second one of a script, is a remark with the name. */
export function fileOf({ text }: Block): string | undefined {
  return /^(?:#!.*\n)?# ([\w./@-]+\/[\w.@-]+)\n/.exec(text)?.[1];
}
