/** Work on an identity at the command line: the services, the answers, and the signals that belong to it. */
import type { ChangeParts } from "../../account/change.ts";
import type { Signer } from "../../account/sign-by-key.ts";
import type { MigrationServices } from "../../migration/context.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import type { ChangeFlags } from "./declare-change.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import { createIdentityAnswers, type IdentityWords } from "../talk/identity-answers.ts";
import type { Edge, Invocation } from "../command.ts";
import { planLines } from "./plan-lines.ts";
import { withTalk } from "../talk/answers/with-talk.ts";
import { namesRotationKey, outsideSigner, rotationKeyOpener, rotationKeySecrets } from "../talk/rotation-key.ts";
import type { AllSecretFlags, Secrets } from "../talk/secrets.ts";
import { completer, type Complete } from "../next-command.ts";
import { allowingNames, allowNames } from "../open-names.ts";

export interface IdentityTalk {
  readonly parts: ChangeParts;
  readonly services: MigrationServices;
  readonly secrets: Secrets;
  /**
   * The rotation key that is held: from the flags, the environment, the keychain (one of these did:keys), or a person.
   */
  readonly openSigner: (didKeys: readonly string[]) => Promise<Signer>;
  /** Whether a rotation key is named by a flag or the environment. */
  readonly hasRotationKey: boolean;
  readonly globals: GlobalFlags;
  /** Makes a command for the account complete. */
  readonly complete: Complete;
  /** Origin of the server that is asked for the handle. */
  readonly from: string | undefined;
}

const usual: IdentityWords = {
  source: "your server",
  target: "your new server",
  explain: (err) => {
    err.line(
      "This run has sent nothing so far. Once the directory has the change, running the command again does not take it back.",
    );
    err.line();
  },
};

/** @throws whatever `work` throws; DecampError `usage` for flags of secrets that contradict each other */
export async function talkIdentity<T>(
  { globals: raw }: Invocation,
  flags: ChangeFlags,
  edge: Edge,
  work: (talk: IdentityTalk) => Promise<T>,
  words: Partial<IdentityWords> = {},
): Promise<T> {
  const { terminal, secrets: known } = edge;
  const globals = readGlobals(raw, terminal.env);
  const complete = completer({ raw, globals });
  const outside = outsideSigner(flags);
  const hasRotationKey = namesRotationKey(flags, terminal.env);
  const from = flags.from === undefined ? undefined : parseServerUrl(flags.from, globals);
  const how = { secretFlags: secretFlagsOf(flags) };
  return withTalk(edge, globals, how, async ({ services, prompter, secrets, signal }) => {
    const answers = allowingNames(
      known,
      createIdentityAnswers(terminal, flags, secrets, prompter, { ...usual, ...words }),
    );
    const show: ChangeParts["show"] = (plan) => {
      allowNames(known, [plan.account.did, plan.account.handle, plan.judgement.facts]);
      // Who is asked has to see it; with --json it is in the result.
      if (prompter.canAsk || !(globals.json || globals.quiet)) {
        for (const line of [...planLines(plan, complete), []]) {
          terminal.err.line(...line);
        }
      }
    };
    const openSigner = rotationKeyOpener(secrets, flags.curve, outside, signal);
    const parts = { services, answers, show, named: from === undefined ? [] : [from], signal };
    return work({ parts, services, secrets, openSigner, hasRotationKey, globals, complete, from });
  });
}

function secretFlagsOf(flags: ChangeFlags): AllSecretFlags {
  return {
    ...rotationKeySecrets(flags),
    sourcePassword: { file: flags.passwordFile, command: flags.passwordCommand },
    targetPassword: { file: flags.newPasswordFile, command: flags.newPasswordCommand },
    authFactor: { file: flags.authFactorFile, command: flags.authFactorCommand },
    plcToken: { file: flags.plcTokenFile, command: flags.plcTokenCommand },
  };
}
