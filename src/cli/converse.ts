/** One piece of work that reports and may ask: the listener, the prompts and the signals that belong to it. */
import type { Answers } from "../migration/answers.ts";
import type { Report } from "../migration/events.ts";
import { createAnswers } from "./answers.ts";
import type { MigrateRequest } from "./migrate-request.ts";
import type { Edge } from "./invocation.ts";
import { withPrompter } from "./prompter.ts";
import { readNewKey, type NewKey } from "./new-key.ts";
import { readRotationKey } from "./rotation-key.ts";
import { createReporter, type Reporter } from "./reporters/reporter.ts";
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
      let reporter: Reporter | undefined;
      const prompts = {
        ...globals,
        signal,
        beforeAsking: () => reporter?.suspend(),
        afterAsking: () => reporter?.resume(),
      };
      return withPrompter(terminal, prompts, async (prompter) => {
        reporter = await createReporter(terminal, {
          ...globals,
          identityIsAsked: prompter.canAsk && given.confirmDid === undefined,
          planIsTheResult: options.dryRun,
        });
        const { report, close } = reporter;
        try {
          for (const warning of warnings) {
            report({ type: "warning", ...warning });
          }
          const secretSource = createSecrets(terminal, secretFlags, prompter, secrets, signal);
          const rotationKey: Answers["rotationKey"] = async (didKeys) => {
            const { createKeychain } = await import("../services/keychain.ts");
            const sources = { secrets: secretSource, keychain: createKeychain(), signal };
            return readRotationKey(sources, { curve: given.curve, didKeys });
          };
          let newKey: Promise<NewKey> | undefined;
          const newRotationKey: Answers["newRotationKey"] = async () => {
            newKey ??= readNewKey(given.recoveryKey ?? "", given.curve, { secrets: secretSource, signal }, terminal);
            return newKey;
          };
          const answers = {
            ...createAnswers(terminal, given, secretSource, prompter),
            ...(given.signByKey === true ? { rotationKey } : {}),
            ...(given.recoveryKey === undefined ? {} : { newRotationKey }),
          };
          return await work(answers, report, signal);
        } finally {
          close();
        }
      });
    },
    () => {
      if (!globals.json && !globals.quiet) {
        terminal.err.line("Stopping as soon as the work at hand is safe. Press Ctrl-C again to stop at once.");
      }
    },
  );
}
