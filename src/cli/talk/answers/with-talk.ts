/** What a command has that asks a person, or is told secrets: open as long as its work lasts. */
import type { OpenServices } from "../../../services/open.ts";
import type { Edge } from "../../command.ts";
import type { GlobalFlags } from "../../globals.ts";
import { servicesFor } from "../../services.ts";
import { withPrompter, type Prompter } from "../prompter.ts";
import { checkSecretFlags, createSecrets, type AllSecretFlags, type Secrets } from "../secrets.ts";
import { stoppable, tellStopping } from "../signals.ts";

export interface Talk {
  readonly services: OpenServices;
  readonly prompter: Prompter;
  readonly secrets: Secrets;
  readonly signal: AbortSignal;
}

/**
 * Runs `work`, and closes what it talked to.
 *
 * @param how `secretFlags`: where its secrets are read from; `onStop`: what is said when it is asked to end, that the
 *   work at hand is being finished unless given; `relay`, `appView`: addresses of those that are asked, where they were
 *   named; `pace` as `servicesFor`
 * @throws whatever it throws; DecampError `usage` for flags of secrets that contradict each other
 */
export async function withTalk<T>(
  { terminal, secrets: known }: Edge,
  globals: GlobalFlags,
  how: {
    readonly secretFlags: AllSecretFlags;
    readonly onStop?: () => void;
    readonly relay?: string | undefined;
    readonly appView?: string | undefined;
    readonly pace?: "brief" | undefined;
  },
  work: (talk: Talk) => Promise<T>,
): Promise<T> {
  const { secretFlags, relay, appView, pace, onStop = tellStopping(terminal, globals) } = how;
  checkSecretFlags(secretFlags, terminal);
  const services = servicesFor(globals, terminal, relay, appView, pace);
  try {
    return await stoppable(
      async (signal, leave) =>
        withPrompter(terminal, { ...globals, signal, leave }, async (prompter) => {
          const secrets = createSecrets(terminal, secretFlags, prompter, known, signal);
          return work({ services, prompter, secrets, signal });
        }),
      onStop,
    );
  } finally {
    services.close();
  }
}
