/** What the npm scripts share: run a tool of node_modules/.bin with its output on ours, and give its exit code. */
import { spawn } from "node:child_process";
import { once } from "node:events";

/** Runs `command` with our standard streams; resolves to its exit code (1 when a signal ended it). */
export async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}

/** Runs one after the other and ends this process with the code of the first that fails. */
export async function runAll(commands: readonly (readonly [string, ...string[]])[]): Promise<void> {
  for (const [command, ...args] of commands) {
    const code = await run(command, args);
    if (code !== 0) {
      process.exit(code);
    }
  }
}
