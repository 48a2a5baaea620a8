/** What a command has that signs in at the server of an account, and mends something there. */
import type { IdentityAnswers } from "../../../account/answers.ts";
import { parseServerUrl } from "../../../identity/addresses.ts";
import type { Edge, Invocation } from "../../command.ts";
import { readGlobals, type GlobalFlags } from "../../globals.ts";
import type { OwnerFlags } from "../../shape.ts";
import { createIdentityAnswers } from "../identity-answers.ts";
import type { AllSecretFlags } from "../secrets.ts";
import { withTalk, type Talk } from "./with-talk.ts";

/** What such work gets. */
export interface Owner extends Pick<Talk, "services" | "prompter" | "secrets" | "signal"> {
  readonly answers: IdentityAnswers;
  readonly globals: GlobalFlags;
  /** Origin of the server that is asked for the handle. */
  readonly from: string | undefined;
}

/**
 * Runs `work`, and closes what it talked to.
 *
 * @param how `relay`, `appView`: addresses of those that are asked, where they were named; `server`: what the server is
 *   called to its owner; `pace` as `servicesFor`; `secretFlags`: where further secrets are read from
 * @throws whatever it throws; DecampError `usage` for the flags
 */
export async function asOwner<T>(
  { flags, globals: raw }: Invocation<OwnerFlags>,
  edge: Edge,
  work: (owner: Owner) => Promise<T>,
  how: {
    readonly relay?: string | undefined;
    readonly appView?: string | undefined;
    readonly server?: string;
    readonly pace?: "brief" | undefined;
    readonly secretFlags?: AllSecretFlags;
  } = {},
): Promise<T> {
  const { terminal } = edge;
  const globals = readGlobals(raw, terminal.env);
  const from = flags.from === undefined ? undefined : parseServerUrl(flags.from, globals);
  const secretFlags = {
    ...how.secretFlags,
    sourcePassword: { file: flags.passwordFile, command: flags.passwordCommand },
    authFactor: { file: flags.authFactorFile, command: flags.authFactorCommand },
  };
  const { server = "your server", relay, appView, pace } = how;
  return withTalk(
    edge,
    globals,
    { secretFlags, relay, appView, pace },
    async ({ services, prompter, secrets, signal }) => {
      const words = { source: server, target: server, explain: () => undefined };
      const answers = createIdentityAnswers(terminal, {}, secrets, prompter, words);
      return work({ services, answers, prompter, secrets, globals, from, signal });
    },
  );
}
