/** `--ping-command`: what is run once all is well, for a dead man's switch. A ping that fails fails nothing. */
import { runHook } from "../../services/secrets/hook-command.ts";
import type { GlobalFlags } from "../globals.ts";
import { withoutSecrets } from "../secret-kinds.ts";
import { warningLine } from "../talk/reporters/lines.ts";
import { stoppable } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";

/**
 * Runs the command, if there is one and all was well; that it failed is said, and no more. To be called before the
 * result is told, which is the last document.
 *
 * @throws DecampError `interrupted`
 */
export async function ping(
  command: string | undefined,
  exitCode: number,
  { json }: Pick<GlobalFlags, "json">,
  terminal: Terminal,
): Promise<void> {
  if (command === undefined || exitCode !== 0) {
    return;
  }
  const outcome = await stoppable(
    async (signal) =>
      runHook({ command, purpose: "say that all went well", env: withoutSecrets(terminal.env), signal }),
    () => undefined,
  );
  if (outcome.done) {
    return;
  }
  const warning = { type: "warning", version: 1, code: "ping-failed", message: outcome.error.message } as const;
  terminal.log.record(warning);
  if (json) {
    terminal.out.json(warning);
  } else {
    terminal.err.line(...warningLine(warning));
  }
}
