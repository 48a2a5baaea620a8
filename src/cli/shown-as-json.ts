/** Help and the version with `--json`: what would be shown is collected, and becomes one document. */
import { DecampError } from "../errors.ts";
import { packageFacts } from "../services/package.ts";
import type { Channel, Terminal } from "./talk/terminal.ts";

/** Help is laid out for so many columns, whatever the terminal has. */
const width = 80;

export interface Collected {
  /** The same terminal, on which texts are not shown but kept. */
  readonly terminal: Terminal;
  /**
   * Says what was kept, if anything was.
   *
   * @param exitCode what the command line ends with
   * @throws DecampError `usage` for help that nobody asked for: a command is missing
   */
  readonly tell: (exitCode: number) => void;
}

export function collectShown(terminal: Terminal): Collected {
  const { out, err, env, secrets } = terminal;
  let text = "";
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
  return {
    terminal: {
      out: collecting(out),
      err: collecting(err),
      // Not opened before somebody wants it.
      get stdin() {
        return terminal.stdin;
      },
      env,
      secrets,
    },
    tell: (exitCode) => {
      if (text === "") {
        return;
      }
      if (exitCode !== 0) {
        throw new DecampError("usage", "The command is missing, or a part of it.");
      }
      const { version } = packageFacts();
      const what = text.trim() === version ? { command: "version", decamp: version } : { command: "help", text };
      out.json({ type: "result", version: 1, ...what });
    },
  };
}
