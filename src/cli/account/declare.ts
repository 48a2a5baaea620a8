/** `decamp account …`: what it is called with. */
import type { Command } from "commander";
import { runs, type Declared } from "../command.ts";
import { helpStartsWith, secretOptions } from "../shape.ts";

/** The flags as commander hands them over. */
export interface AccountFlags {
  readonly from?: string;
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  readonly authFactorFile?: string;
  readonly authFactorCommand?: string;
}

export function declareAccount(program: Command): readonly Declared[] {
  const account = helpStartsWith(
    program.command("account").summary("mend the state of an account at its server"),
    ["Mends the state of an account at the server that its identity names."],
    [
      {
        says: "An account that is deactivated, and lives there:",
        command: "decamp account activate alice.example.com",
      },
    ],
  );
  const activate = account
    .command("activate")
    .summary("activate an account where it lives")
    .argument("<account>", "its handle, or its DID")
    .option("--from <url>", "the server that is asked for the handle");
  secretOptions(activate, "password", "password of the account", "DECAMP_SOURCE_PASSWORD, ATP_PASSWORD");
  secretOptions(activate, "auth-factor", "mailed sign-in code", "ATP_AUTH_FACTOR_TOKEN");
  helpStartsWith(
    activate,
    [
      "Activates an account at the server that its identity names, and nowhere else. An",
      "empty copy is not activated as long as a server where the account has lived may",
      "have what was in it.",
    ],
    [
      {
        says: "Nobody can see the account, and it lives where it should:",
        command: "decamp account activate alice.example.com",
      },
    ],
  );
  return [runs<AccountFlags>(activate, async () => (await import("./activate-command.ts")).accountActivateCommand)];
}
