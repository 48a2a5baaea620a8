/** Texts with `--json`, such as help and the version: what would be shown is collected, and becomes one document. */
import { DecampError } from "../errors.ts";
import { packageFacts } from "../services/package.ts";
import type { Ready } from "./command.ts";
import type { Shown } from "./program.ts";
import type { Channel, Terminal } from "./talk/terminal.ts";

/** The commands that print a text for people, and nothing else. */
const textCommands = new Set(["help", "completion"]);

/** Help is laid out for so many columns, whatever the terminal has. */
const width = 80;

export interface Collected {
  /** The same terminal, on which texts are not shown but kept: for whoever reads the arguments. */
  readonly terminal: Terminal;
  /** That one for a command that prints a text; the real one for all others. */
  readonly terminalFor: (read: Ready | Shown) => Terminal;
  /**
   * Says what was kept, if anything was.
   *
   * @param exitCode what the command line ends with
   * @throws DecampError `usage` for help that nobody asked for: a command is missing
   */
  readonly tell: (exitCode: number) => void;
}

export function collectShown(terminal: Terminal): Collected {
  const { out, err, env, secrets, log } = terminal;
  let text = "";
  let command = "help";
  const collecting = (channel: Channel): Channel => ({
    ...channel,
    width,
    text: (piece) => {
      text += piece;
    },
    line: (...pieces) => {
      text += `${pieces.map((piece) => (typeof piece === "string" ? piece : piece.text)).join("")}\n`;
    },
  });
  const kept: Terminal = {
    out: collecting(out),
    err: collecting(err),
    // Not opened before somebody wants it.
    get stdin() {
      return terminal.stdin;
    },
    env,
    secrets,
    log,
  };
  return {
    terminal: kept,
    terminalFor: (read) => {
      if (!("invocation" in read) || !textCommands.has(read.invocation.command)) {
        return terminal;
      }
      ({ command } = read.invocation);
      return kept;
    },
    tell: (exitCode) => {
      if (text === "") {
        return;
      }
      if (exitCode !== 0) {
        throw new DecampError("usage", "The command is missing, or a part of it.");
      }
      const { version } = packageFacts;
      const what = text.trim() === version ? { command: "version", decamp: version } : { command, text };
      out.json({ type: "result", version: 1, ...what });
    },
  };
}
