/** One piece of work that reports and may ask: the listener, the prompts and the signals that belong to it. */
import type { Answers } from "../../migration/answers.ts";
import type { Curve } from "../../identity/keys.ts";
import type { Report } from "../../migration/events.ts";
import { createAnswers, type GivenAnswers } from "./move-answers.ts";
import type { Edge } from "../command.ts";
import type { GlobalFlags } from "../globals.ts";
import type { Complete } from "../next-command.ts";
import { allowingNames, allowNames } from "../open-names.ts";
import { keyAtHand, keyFileOf, rotationKeyOpener, type KeySources } from "./rotation-key.ts";
import { reportAndAsk } from "./report-and-ask.ts";
import type { ReporterOptions } from "./reporters/reporter.ts";
import { checkSecretFlags, createSecrets, lookAtSecretFiles, type AllSecretFlags } from "./secrets.ts";
import { stoppable, tellStopping } from "./signals.ts";
import type { Terminal } from "./terminal.ts";
import { keepTemporaryKey } from "./keys/keep-temporary-key.ts";

/** What was given beforehand. */
export interface ConverseRequest {
  readonly options: { readonly dryRun: boolean };
  readonly given: GivenAnswers;
  readonly secretFlags: AllSecretFlags;
  readonly globals: GlobalFlags;
  readonly warnings: readonly { code: string; message: string }[];
  /** Makes a command for this account complete. */
  readonly complete: Complete;
  /** What a person is told of the plan, beside where it goes. */
  readonly afterPlan?: ReporterOptions["afterPlan"];
  /** Reads the key that is put first before a move, where one is named. */
  readonly newKey?: NewKeyReader | undefined;
}

/** Reads a key that is to be added to an identity. */
export type NewKeyReader = (
  sources: Pick<KeySources, "secrets" | "signal">,
  terminal: Terminal,
) => ReturnType<NonNullable<Answers["newRotationKey"]>>;

/**
 * Runs `work` with answers from flags, files, the environment or a person, and with a signal that Ctrl-C aborts.
 *
 * @throws whatever `work` throws; DecampError `usage` for flags of secrets that contradict each other
 */
export async function converse<T>(
  { options, given, globals, secretFlags, warnings, complete, afterPlan, newKey }: ConverseRequest,
  { terminal, secrets }: Edge,
  work: (answers: Answers, report: Report, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  checkSecretFlags(secretFlags, terminal);
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
          afterPlan,
        },
        async (prompter, report) => {
          for (const warning of warnings) {
            report({ type: "warning", ...warning });
          }
          const secretSource = createSecrets(terminal, secretFlags, prompter, secrets, signal);
          const rotationKey = rotationKeyOpener(secretSource, given.curve, given.outside, signal);
          const atHand = given.outside === undefined ? keyAtHand(secretSource, given.curve) : undefined;
          let read: ReturnType<NewKeyReader> | undefined;
          const newRotationKey =
            newKey === undefined
              ? undefined
              : async (): ReturnType<NewKeyReader> => (read ??= newKey({ secrets: secretSource, signal }, terminal));
          const answers = {
            ...createAnswers(terminal, given, secretSource, prompter, complete),
            ...(given.signByKey === true
              ? { rotationKey, ...(atHand === undefined ? {} : { keyAtHand: atHand }) }
              : {}),
            ...(newRotationKey === undefined ? {} : { newRotationKey }),
            lookAtFiles: async () => lookAtSecretFiles(secretFlags, keyFileOf(given.recoveryKey), signal),
            temporaryKey: async (of: { path: string; curve: Curve }) => keepTemporaryKey(of, secretSource),
          };
          const result = await work(
            allowingNames(secrets, answers),
            (event) => {
              if (event.type === "plan" || event.type === "identity") {
                allowNames(secrets, event);
              }
              report(event);
            },
            signal,
          );
          if (typeof result === "object" && result !== null) {
            const texts = Object.values(result).filter((text) => typeof text === "string");
            allowNames(secrets, texts);
          }
          return result;
        },
      ),
    tellStopping(terminal, globals),
  );
}
