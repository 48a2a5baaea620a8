/** Runs the whole command line in this process, on streams of the test's. */
import { main } from "../../../src/cli/main.ts";
import { captured, type StreamOptions } from "./streams.ts";

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

export async function run(argv: readonly string[], options: StreamOptions = {}): Promise<Ran> {
  const { parts, stdout, stdoutBytes, stderr } = captured({
    ...options,
    env: { XDG_STATE_HOME: "/state", ...options.env },
  });
  const exitCode = await main(argv, parts);
  return { exitCode, stdout: stdout(), stdoutBytes: stdoutBytes(), stderr: stderr() };
}
