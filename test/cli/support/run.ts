/**
 * Runs the whole command line in this process, on streams of the test's. What it prints with `--json` is held against
 * docs/JSON.md.
 */
import { main } from "../../../src/cli/main.ts";
import { hold } from "../../json/hold.ts";
import { captured, type StreamOptions } from "./streams.ts";

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(argv: readonly string[], options: StreamOptions = {}): Promise<Ran> {
  const { stdoutBytes: _, ...ran } = await runForBytes(argv, options);
  return ran;
}

/** The same for a command that writes bytes to the standard output. */
export async function runForBytes(
  argv: readonly string[],
  options: StreamOptions = {},
): Promise<Ran & { readonly stdoutBytes: Buffer }> {
  const { parts, stdout, stdoutBytes, stderr } = captured({
    ...options,
    env: { XDG_STATE_HOME: "/state", ...options.env },
  });
  const exitCode = await main(argv, parts);
  hold(argv, { code: exitCode, stdout: stdout(), stderr: stderr() });
  return { exitCode, stdout: stdout(), stdoutBytes: stdoutBytes(), stderr: stderr() };
}
