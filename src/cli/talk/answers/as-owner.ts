/** What a command has that signs in at the server of an account, and mends something there. */
import type { IdentityAnswers } from "../../../account/answers.ts";
import { parseServerUrl } from "../../../identity/addresses.ts";
import type { OpenServices } from "../../../services/open.ts";
import type { Edge, Invocation } from "../../command.ts";
import { readGlobals, type GlobalFlags } from "../../globals.ts";
import { servicesFor } from "../../services.ts";
import type { OwnerFlags } from "../../shape.ts";
import { createIdentityAnswers } from "../identity-answers.ts";
import { withPrompter, type Prompter } from "../prompter.ts";
import { checkSecretFlags, createSecrets, type AllSecretFlags } from "../secrets.ts";
import { stoppable, tellStopping } from "../signals.ts";

/** What such work gets. */
export interface Owner {
  readonly services: OpenServices;
  readonly answers: IdentityAnswers;
  readonly prompter: Prompter;
  readonly globals: GlobalFlags;
  /** Origin of the server that is asked for the handle. */
  readonly from: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Runs `work`, and closes what it talked to.
 *
 * @param asked addresses of the relay and of the AppView that are asked, where they were named
 * @throws whatever it throws; DecampError `usage` for the flags
 */
export async function asOwner<T>(
  { flags, globals: raw }: Invocation<OwnerFlags>,
  { terminal, secrets: known }: Edge,
  work: (owner: Owner) => Promise<T>,
  asked: { readonly relay?: string | undefined; readonly appView?: string | undefined } = {},
): Promise<T> {
  const globals = readGlobals(raw, terminal.env);
  const secretFlags: AllSecretFlags = {
    sourcePassword: { file: flags.passwordFile, command: flags.passwordCommand },
    authFactor: { file: flags.authFactorFile, command: flags.authFactorCommand },
  };
  checkSecretFlags(secretFlags, terminal);
  const from = flags.from === undefined ? undefined : parseServerUrl(flags.from, globals);
  const services = servicesFor(globals, terminal, asked.relay, asked.appView);
  try {
    return await stoppable(
      async (signal, leave) =>
        withPrompter(terminal, { ...globals, signal, leave }, async (prompter) => {
          const secrets = createSecrets(terminal, secretFlags, prompter, known, signal);
          const words = { source: "your server", target: "your server", explain: () => undefined };
          const answers = createIdentityAnswers(terminal, {}, secrets, prompter, words);
          return work({ services, answers, prompter, globals, from, signal });
        }),
      tellStopping(terminal, globals),
    );
  } finally {
    services.close();
  }
}
