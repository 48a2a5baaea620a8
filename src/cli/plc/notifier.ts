/** The command that is told what a watch has noticed: again and again for a day, if it fails. */
import { runHook } from "../../services/secrets/hook-command.ts";
import { withoutSecrets } from "../secret-kinds.ts";
import type { Terminal } from "../talk/terminal.ts";

/** It is tried again after so long, and for so long (milliseconds). */
const pace = 5 * 60_000;
const longest = 24 * 60 * 60_000;
/** So many wait at the most. */
const mostWaiting = 1000;

export interface Notifier {
  /** @throws DecampError `interrupted` */
  notify(message: object): Promise<void>;
  /** Tries again what has failed. @param now epoch milliseconds */
  retry(now: number): Promise<void>;
  /** Whether everything was told, as far as is known. */
  hasTold(): boolean;
}

/** @param command none where nobody is to be told */
export function createNotifier(command: string | undefined, terminal: Terminal, signal: AbortSignal): Notifier {
  const waiting: { readonly message: object; readonly since: number; nextAt: number }[] = [];
  const run = async (message: object): Promise<boolean> => {
    if (command === undefined) {
      return true;
    }
    const env = withoutSecrets(terminal.env);
    const outcome = await runHook({ command, purpose: "tell you of what was noticed", env, signal }, message);
    if (!outcome.done) {
      terminal.err.line({ text: "Warning:", style: "yellow" }, ` ${outcome.error.message} It is tried again.`);
    }
    return outcome.done;
  };
  return {
    notify: async (message) => {
      const now = Date.now();
      if (!(await run(message)) && waiting.length < mostWaiting) {
        waiting.push({ message, since: now, nextAt: now + pace });
      }
    },
    retry: async (now) => {
      const [first] = waiting;
      if (first === undefined || first.nextAt > now) {
        return;
      }
      first.nextAt = now + pace;
      while (waiting[0] !== undefined && ((await run(waiting[0].message)) || now - waiting[0].since > longest)) {
        waiting.shift();
      }
    },
    hasTold: () => waiting.length === 0,
  };
}
