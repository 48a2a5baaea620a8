/** One piece of work that reports and may ask: the listener, the prompts and the signals that belong to it. */
import type { Answers } from "../migration/answers.ts";
import type { Report } from "../migration/events.ts";
import { createAnswers } from "./answers.ts";
import type { MigrateRequest } from "./migrate-request.ts";
import type { Edge } from "./invocation.ts";
import { createPrompter } from "./prompter.ts";
import { createReporter } from "./reporters/reporter.ts";
import { checkSecretFlags, createSecrets } from "./secrets.ts";
import { stoppable } from "./signals.ts";

/**
 * Runs `work` with answers from flags, files, the environment or a person, and with a signal that Ctrl-C aborts.
 *
 * @throws whatever `work` throws; DecampError `usage` for flags of secrets that contradict each other
 */
export async function converse<T>(
  { options, given, globals, secretFlags, warnings }: MigrateRequest,
  { terminal, secrets }: Edge,
  work: (answers: Answers, report: Report, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  checkSecretFlags(secretFlags, terminal.stdin.isTTY);
  return stoppable(
    async (signal) => {
      const prompter = createPrompter(terminal, {
        ...globals,
        signal,
        beforeAsking: () => reporter.suspend(),
        afterAsking: () => reporter.resume(),
      });
      const reporter = await createReporter(terminal, {
        ...globals,
        identityIsAsked: prompter.canAsk && given.confirmDid === undefined,
        planIsTheResult: options.dryRun,
      });
      try {
        for (const warning of warnings) {
          reporter.report({ type: "warning", ...warning });
        }
        const secretSource = createSecrets(terminal, secretFlags, prompter, secrets, signal);
        const answers = createAnswers(terminal, given, secretSource, prompter);
        return await work(answers, (event) => reporter.report(event), signal);
      } finally {
        reporter.close();
      }
    },
    () => {
      if (!globals.json && !globals.quiet) {
        terminal.err.line("Stopping as soon as the work at hand is safe. Press Ctrl-C again to stop at once.");
      }
    },
  );
}
