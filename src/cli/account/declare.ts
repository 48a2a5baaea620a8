/** `decamp account …`: what it is called with. */
import type { Command } from "commander";
import { runs, type Declared } from "../command.ts";
import { helpStartsWith, ownerOptions, type OwnerFlags } from "../shape.ts";

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
    .argument("<account>", "its handle, or its DID");
  ownerOptions(activate);
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
  return [runs<OwnerFlags>(activate, async () => (await import("./activate-command.ts")).accountActivateCommand)];
}
