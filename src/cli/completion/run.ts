/** `decamp completion SHELL`, where it is not plain enough for main.ts. */
import type { Edge, Invocation } from "../command.ts";
import { isShell } from "../help/asked.ts";
import { shellScript } from "../help/shell-scripts.ts";

export function completionCommand({ args: [shell] }: Invocation, { terminal }: Edge): Promise<number> {
  if (isShell(shell)) {
    terminal.out.text(shellScript(shell));
  }
  return Promise.resolve(0);
}
