/** `decamp account activate`: an account, active again where it lives. */
import { activateAccount } from "../../account/activate.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { servicesFor } from "../services.ts";
import { createIdentityAnswers } from "../talk/identity-answers.ts";
import { withPrompter } from "../talk/prompter.ts";
import { checkSecretFlags, createSecrets, type AllSecretFlags } from "../talk/secrets.ts";
import { stoppable, tellStopping } from "../talk/signals.ts";
import { tellDocument } from "../talk/terminal.ts";
import type { AccountFlags } from "./declare.ts";

/** Runs `decamp account activate`. */
export async function accountActivateCommand(
  { args, flags, globals: raw }: Invocation<AccountFlags>,
  { terminal, secrets: known }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const { allowPrivateHosts } = globals;
  const [account = ""] = args;
  const secretFlags: AllSecretFlags = {
    sourcePassword: { file: flags.passwordFile, command: flags.passwordCommand },
    authFactor: { file: flags.authFactorFile, command: flags.authFactorCommand },
  };
  checkSecretFlags(secretFlags, terminal);
  const from = flags.from === undefined ? undefined : parseServerUrl(flags.from, globals);
  const services = servicesFor(globals, terminal);
  try {
    const done = await stoppable(
      async (signal, leave) =>
        withPrompter(terminal, { ...globals, signal, leave }, async (prompter) => {
          const secrets = createSecrets(terminal, secretFlags, prompter, known, signal);
          const words = { source: "your server", target: "your server", explain: () => undefined };
          const answers = createIdentityAnswers(terminal, {}, secrets, prompter, words);
          return activateAccount(services, answers, { account, from, allowPrivateHosts }, signal);
        }),
      tellStopping(terminal, globals),
    );
    const document = { type: "result", version: 1, command: "account activate", ...done };
    if (!tellDocument(terminal, globals.json, document) && !globals.quiet) {
      const { handle, server, state } = done;
      terminal.out.line(
        state === "activated" ? `${handle} is active at ${server}.` : `${handle} was active at ${server} already.`,
      );
    }
    return 0;
  } finally {
    services.close();
  }
}
