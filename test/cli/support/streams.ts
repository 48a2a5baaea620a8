/** Streams that a test hands over instead of the process's, and what was written to them. */
import { PassThrough } from "node:stream";
import type { TerminalParts } from "../../../src/cli/terminal.ts";

export interface Captured {
  readonly parts: TerminalParts;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export interface StreamOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Which of the three are terminals. */
  readonly terminals?: readonly ("stdin" | "stdout" | "stderr")[];
  /** What stdin carries. */
  readonly input?: string | Uint8Array;
}

export function captured({ env = {}, terminals = [], input }: StreamOptions = {}): Captured {
  const open = (name: "stdin" | "stdout" | "stderr") =>
    Object.assign(new PassThrough(), { isTTY: terminals.includes(name), columns: 80 });
  const streams = { stdin: open("stdin"), stdout: open("stdout"), stderr: open("stderr") };
  if (input !== undefined) {
    streams.stdin.end(input);
  }
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    streams[name].setEncoding("utf8").on("data", (text: string) => (texts[name] += text));
  }
  return {
    parts: { ...streams, env } as unknown as TerminalParts,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
  };
}
