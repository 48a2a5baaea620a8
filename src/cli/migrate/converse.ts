/** One piece of work that reports and may ask: the listener, the prompts and the signals that belong to it. */
import type { Answers } from "../../migration/answers.ts";
import type { Report } from "../../migration/events.ts";
import { createAnswers } from "./answers.ts";
import type { MigrateRequest } from "./request.ts";
import type { Edge } from "../command.ts";
import { readNewKey, type NewKey } from "../inputs/new-key.ts";
import { rotationKeyOpener } from "../talk/rotation-key.ts";
import { reportAndAsk } from "../talk/report-and-ask.ts";
import { checkSecretFlags, createSecrets } from "../talk/secrets.ts";
import { stoppable, tellStopping } from "../talk/signals.ts";

/**
 * Runs `work` with answers from flags, files, the environment or a person, and with a signal that Ctrl-C aborts.
 *
 * @throws whatever `work` throws; DecampError `usage` for flags of secrets that contradict each other
 */
export async function converse<T>(
  { options, given, globals, secretFlags, warnings, complete }: MigrateRequest,
  { terminal, secrets }: Edge,
  work: (answers: Answers, report: Report, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  checkSecretFlags(secretFlags, terminal.stdin.isTTY);
  return stoppable(
    async (signal, leave) =>
      reportAndAsk(
        terminal,
        {
          globals,
          signal,
          leave,
          identityIsAsked: (canAsk) => canAsk && given.confirmDid === undefined,
          planIsTheResult: options.dryRun,
          complete,
        },
        async (prompter, report) => {
          for (const warning of warnings) {
            report({ type: "warning", ...warning });
          }
          const secretSource = createSecrets(terminal, secretFlags, prompter, secrets, signal);
          const rotationKey = rotationKeyOpener(secretSource, given.curve, given.outside, signal);
          let newKey: Promise<NewKey> | undefined;
          const newRotationKey: Answers["newRotationKey"] = async () => {
            newKey ??= readNewKey(given.recoveryKey ?? "", given.curve, { secrets: secretSource, signal }, terminal);
            return newKey;
          };
          const answers = {
            ...createAnswers(terminal, given, secretSource, prompter, complete),
            ...(given.signByKey === true ? { rotationKey } : {}),
            ...(given.recoveryKey === undefined ? {} : { newRotationKey }),
          };
          return work(answers, report, signal);
        },
      ),
    tellStopping(terminal, globals),
  );
}
