/** Long work that reports and may ask: one terminal for both. */
import type { GlobalFlags } from "../globals.ts";
import { withPrompter, type Prompter } from "./prompter.ts";
import { createReporter } from "./reporters/create.ts";
import type { Reporter, ReporterOptions } from "./reporters/reporter.ts";
import type { Terminal } from "./terminal.ts";

interface TalkOptions extends Pick<ReporterOptions, "complete" | "planIsTheResult" | "afterPlan"> {
  readonly globals: Pick<GlobalFlags, "noInput" | "json" | "noColor" | "quiet" | "verbose">;
  readonly signal: AbortSignal;
  readonly leave: () => void;
  /** Whether the change of the identity is going to be confirmed by whoever can be asked. */
  readonly identityIsAsked: (canAsk: boolean) => boolean;
}

/**
 * Runs `work` with a listener and with prompts that do not get into each other's way. What is typed while nothing is
 * asked is not shown, and is no answer.
 */
export async function reportAndAsk<T>(
  terminal: Terminal,
  { globals, signal, leave, identityIsAsked, planIsTheResult, complete, afterPlan }: TalkOptions,
  work: (prompter: Prompter, report: Reporter["report"]) => Promise<T>,
): Promise<T> {
  let reporter: Reporter | undefined;
  const prompts = {
    ...globals,
    signal,
    leave,
    beforeAsking: () => reporter?.suspend(),
    afterAsking: () => reporter?.resume(),
  };
  return withPrompter(terminal, prompts, async (prompter) => {
    const { canAsk } = prompter;
    const options = {
      ...globals,
      identityIsAsked: identityIsAsked(canAsk),
      planIsTheResult,
      complete,
      // It is for whoever is going to answer.
      afterPlan: canAsk ? afterPlan : undefined,
    };
    reporter = await createReporter(terminal, options);
    const { report, close } = reporter;
    try {
      return await work(prompter, (event) => {
        // The command itself tells its result.
        if (event.type !== "result") {
          terminal.log.record({ ...event });
        }
        report(event);
      });
    } finally {
      close();
    }
  });
}
