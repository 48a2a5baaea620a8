/** A program on a real pseudo-terminal, with a screen that is read as a person would. */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { spawn } from "@lydell/node-pty";
import type * as Xterm from "@xterm/headless";

// The package is CommonJS, and Node.js finds no names in it.
const { Terminal } = createRequire(import.meta.url)("@xterm/headless") as typeof Xterm;

/** How long a text is waited for, in milliseconds: shorter than a test, so that its failure shows the screen. */
const patience = 90_000;

export interface Screen {
  /** Resolves when the screen shows `text`; rejects if the program ends before, or if it takes too long. */
  shows(text: string): Promise<void>;
  /**
   * The same for what was written since the last call, without control sequences and white space: on a terminal of any
   * size.
   */
  spells(text: string): Promise<void>;
  type(keys: string): void;
  /** Types `keys` once the screen shows `text`. */
  answers(text: string, keys: string): Promise<void>;
  /** Closes the terminal, as a window is closed. */
  hangUp(): void;
  /** The lines that are on the screen now, without the empty ones at the end. */
  lines(): string[];
  /** The same, with what the terminal itself has broken in one line. */
  whole(): string[];
  /** The same lines in pieces, each with the names of its looks: `bold`, `dim` and the colours. */
  styled(): { text: string; style: string }[][];
  /** All that the program wrote, as it wrote it. */
  raw(): string;
  /** Resolves to the exit code, once all output is on the screen. */
  ended: Promise<number>;
}

/** Runs a script with Node. */
export function onScreen(
  script: URL,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  cols?: number,
  cwd?: string,
): Screen {
  return onProgram(process.execPath, [fileURLToPath(script), ...args], env, cols, cwd);
}

/** Runs any program. */
export function onProgram(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  cols: number = 100,
  cwd: string = process.cwd(),
): Screen {
  const size = { cols, rows: 40 };
  const terminal = new Terminal({ ...size, allowProposedApi: true });
  const program = spawn(path, [...args], {
    ...size,
    cwd,
    name: "xterm-256color",
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], LANG: "C.UTF-8", TERM: "xterm-256color", ...env },
  });
  let raw = "";
  let over = false;
  const watchers = new Set<() => void>();
  const look = (): void => {
    for (const watcher of watchers) {
      watcher();
    }
  };
  program.onData((data) => {
    raw += data;
    terminal.write(data, look);
  });
  const lines = (): string[] => {
    const { active } = terminal.buffer;
    const all = Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true) ?? "");
    return all.slice(0, all.findLastIndex((line) => line !== "") + 1);
  };
  const ended = new Promise<number>((resolve) => {
    program.onExit(({ exitCode }) => {
      terminal.write("", () => {
        over = true;
        look();
        resolve(exitCode);
      });
    });
  });
  const until = async (text: string, found: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const done = (settle: () => void): void => {
        clearTimeout(timer);
        watchers.delete(watcher);
        settle();
      };
      const fail = (how: string): void =>
        done(() => reject(new Error(`${how} without showing ${JSON.stringify(text)}:\n${lines().join("\n")}`)));
      const watcher = (): void => {
        if (found()) {
          done(resolve);
        } else if (over) {
          fail("ended");
        }
      };
      const timer = setTimeout(() => fail(`ran ${patience / 1000} s`), patience);
      watchers.add(watcher);
      watcher();
    });
  let spelled = 0;
  const shows = async (text: string): Promise<void> => until(text, () => lines().join("\n").includes(text));
  return {
    shows,
    answers: async (text, keys) => {
      await shows(text);
      program.write(keys);
    },
    spells: async (text) =>
      until(text, () => {
        const said = stripVTControlCharacters(raw).replaceAll(/\s/g, "");
        const at = said.indexOf(text, spelled);
        spelled = at < 0 ? spelled : at + text.length;
        return at >= 0;
      }),
    type: (keys) => program.write(keys),
    hangUp: () => {
      if ("destroy" in program && typeof program.destroy === "function") {
        // The system tells the program. The library does so, too, some time later: perhaps when it is over already.
        program.kill = () => undefined;
        program.destroy();
      }
    },
    lines,
    whole: () => {
      const { active } = terminal.buffer;
      const whole: string[] = [];
      for (const [row, line] of lines().entries()) {
        const before = active.getLine(row)?.isWrapped === true ? (whole.pop() ?? "") : "";
        whole.push(`${before}${line}`);
      }
      return whole;
    },
    styled: () => {
      const { active } = terminal.buffer;
      const found: { text: string; style: string }[][] = [];
      for (const row of lines().keys()) {
        const line = active.getLine(row);
        const pieces = line?.isWrapped === true ? (found.pop() ?? []) : [];
        for (let column = 0; column < (line?.length ?? 0); column += 1) {
          const cell = line?.getCell(column);
          const style = styleOf(cell);
          const last = pieces.at(-1);
          const text = cell?.getChars() === "" ? " " : (cell?.getChars() ?? "");
          if (last?.style === style) {
            last.text += text;
          } else {
            pieces.push({ text, style });
          }
        }
        found.push(pieces);
      }
      return found;
    },
    raw: () => raw,
    ended,
  };
}

const colors = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

function styleOf(cell: Xterm.IBufferCell | undefined): string {
  const color = cell?.isFgPalette() === true ? colors[cell.getFgColor()] : undefined;
  return [cell?.isBold() ? "bold" : undefined, cell?.isDim() ? "dim" : undefined, color]
    .filter((name) => name !== undefined)
    .join(" ");
}
