/** `--ping-command`: what is run once all is well, for a dead man's switch. A ping that fails fails nothing. */
import { runHook } from "../../../services/secrets/hook-command.ts";
import type { GlobalFlags } from "../../globals.ts";
import { withoutSecrets } from "../../secret-kinds.ts";
import { stoppable } from "../signals.ts";
import type { Terminal } from "../terminal.ts";
import { warningLine } from "./lines.ts";

/**
 * Runs the command, if there is one and all was well; that it failed is said, and no more. To be called before the
 * result is told, which is the last document.
 *
 * @returns false if the command failed
 * @throws DecampError `interrupted`
 */
export async function ping(
  command: string | undefined,
  exitCode: number,
  { json }: Pick<GlobalFlags, "json">,
  terminal: Terminal,
): Promise<boolean> {
  if (command === undefined || exitCode !== 0) {
    return true;
  }
  const outcome = await stoppable(
    async (signal) =>
      runHook({ command, purpose: "say that all went well", env: withoutSecrets(terminal.env), signal }),
    () => undefined,
  );
  if (outcome.done) {
    return true;
  }
  const warning = { type: "warning", version: 1, code: "ping-failed", message: outcome.error.message } as const;
  terminal.log.record(warning);
  if (json) {
    terminal.out.json(warning);
  } else {
    terminal.err.line(...warningLine(warning));
  }
  return false;
}

/** What never ends says so every so often, and soon once more if that failed (milliseconds). */
const pace = { usual: 60 * 60_000, failed: 5 * 60_000 };

/**
 * The same for what never ends: to be called whenever all is well. It is not waited for: a command that hangs holds up
 * nothing.
 */
export function hourlyPing(
  command: string | undefined,
  globals: Pick<GlobalFlags, "json">,
  terminal: Terminal,
): () => void {
  // By a clock that nobody sets back.
  let nextAt = 0;
  const run = async (): Promise<void> => {
    nextAt = Infinity;
    const isDone = await ping(command, 0, globals, terminal);
    nextAt = performance.now() + (isDone ? pace.usual : pace.failed);
  };
  return () => {
    if (performance.now() >= nextAt) {
      // It fails only when all ends.
      run().catch(() => undefined);
    }
  };
}
