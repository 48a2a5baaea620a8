/** Streams that a test hands over instead of the process's, and what was written to them. */
import { PassThrough } from "node:stream";
import type { TerminalParts } from "../../../src/cli/talk/terminal.ts";

export interface Captured {
  readonly parts: TerminalParts;
  readonly stdout: () => string;
  /** The same as it came. */
  readonly stdoutBytes: () => Buffer;
  readonly stderr: () => string;
}

export interface StreamOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Which of the three are terminals. */
  readonly terminals?: readonly ("stdin" | "stdout" | "stderr")[];
  /** How wide the terminals are. */
  readonly columns?: number;
  /** What stdin carries. */
  readonly input?: string | Uint8Array;
}

export function captured({ env = {}, terminals = [], columns = 80, input }: StreamOptions = {}): Captured {
  const open = (name: "stdin" | "stdout" | "stderr") =>
    Object.assign(new PassThrough(), { isTTY: terminals.includes(name), columns });
  const streams = { stdin: open("stdin"), stdout: open("stdout"), stderr: open("stderr") };
  if (input !== undefined) {
    streams.stdin.end(input);
  }
  const written: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  for (const name of ["stdout", "stderr"] as const) {
    streams[name].on("data", (bytes: Buffer) => written[name].push(bytes));
  }
  const text = (name: "stdout" | "stderr"): string => Buffer.concat(written[name]).toString("utf8");
  return {
    // Whoever runs the tests may have a configuration of their own.
    parts: { ...streams, env: { DECAMP_CONFIG: "/dev/null", ...env } } as unknown as TerminalParts,
    stdout: () => text("stdout"),
    stdoutBytes: () => Buffer.concat(written.stdout),
    stderr: () => text("stderr"),
  };
}
