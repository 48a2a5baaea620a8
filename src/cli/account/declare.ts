/** `decamp account …`: what it is called with. */
import { Option, type Command } from "commander";
import { runs, type Declared } from "../command.ts";
import type { AccountStatusFlags } from "./status-command.ts";
import { defaultDocumentWait } from "../../services/defaults.ts";
import { helpStartsWith, mayAlsoSignIn, ownerOptions, requireSignIn, wholeNumber, type OwnerFlags } from "../shape.ts";

/** Flags of `decamp account handle`. */
export interface HandleFlags extends OwnerFlags {
  /** Minutes. */
  readonly wait?: number;
}

/** Flags of `decamp account deactivate`. */
export interface DeactivateFlags extends OwnerFlags {
  readonly server?: string;
}

/** Flags of `decamp account preferences`. */
export interface PreferencesFlags extends OwnerFlags {
  readonly replace?: true;
}

export function declareAccount(program: Command): readonly Declared[] {
  const account = helpStartsWith(
    program.command("account").summary("say how an account is at its servers, and mend it"),
    ["Says how an account is at its servers, and mends it where its identity points."],
    [
      { says: "Where is it active?", command: "decamp account status alice.example.com" },
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
  const status = account
    .command("status")
    .summary("say how an account is at its servers")
    .argument("<account>", "its handle, or its DID")
    .option("--from <url>", "the server that is asked for the handle");
  mayAlsoSignIn(status);
  helpStartsWith(
    status,
    [
      "Says how an account is at the server that its identity names, and at those where",
      "it has lived. Asks for no password and changes nothing. Ends with 0 if nothing is",
      "wrong, with 3 if something is, and with 5 if a server did not say it.",
      "",
      "With --sign-in it also asks the server as the owner of the account, with its",
      "password or an app password.",
    ],
    [
      { says: "Where is it active?", command: "decamp account status alice.example.com" },
      {
        says: "And what does the server say to its owner?",
        command: "decamp account status alice.example.com --sign-in",
      },
    ],
  );
  return [
    runs<AccountStatusFlags>(status, async (flags) => {
      requireSignIn(flags);
      return (await import("./status-command.ts")).accountStatusCommand;
    }),
    runs<OwnerFlags>(activate, async () => (await import("./activate-command.ts")).accountActivateCommand),
    runs<DeactivateFlags>(
      declareDeactivate(account),
      async () => (await import("./deactivate-command.ts")).accountDeactivateCommand,
    ),
    runs<HandleFlags>(declareHandle(account), async () => (await import("./handle-command.ts")).accountHandleCommand),
    runs<PreferencesFlags>(
      declarePreferences(account),
      async () => (await import("./preferences-command.ts")).accountPreferencesCommand,
    ),
  ];
}

function declareDeactivate(account: Command): Command {
  const command = account
    .command("deactivate")
    .summary("deactivate an account where it does not live any more")
    .argument("<account>", "its handle, or its DID")
    .option(
      "--server <url>",
      "the server where it is deactivated (default: the one where it has lived, and is still active)",
    );
  ownerOptions(command);
  return helpStartsWith(
    command,
    [
      "Deactivates an account at a server that its identity does not name, such as the",
      "old one after a move that was left half done. Only if the account is active at",
      "the server that its identity names, and that was proved to have every record and",
      "every blob. Asks for a yes; --yes gives it beforehand. Changes nothing else.",
    ],
    [
      {
        says: "It is active at the old server, too:",
        command: "decamp account deactivate alice.example.com",
      },
    ],
  );
}

function declarePreferences(account: Command): Command {
  const command = account
    .command("preferences")
    .summary("put preferences back from an archive")
    .argument("<account>", "its handle, or its DID")
    .argument("<archive>", "the folder of its archive")
    .option("--replace", "the yes to replacing what the server has and the archive has not, given beforehand");
  ownerOptions(command);
  return helpStartsWith(
    command,
    [
      "Puts the newest preferences that an archive has back at the server of the",
      "account, and reads them back. Where the server has others, they are named, and",
      "replaced only after a yes.",
    ],
    [
      {
        says: "A move or a restore that could not bring them:",
        command: "decamp account preferences alice.example.com backup",
      },
    ],
  );
}

function declareHandle(account: Command): Command {
  const minutes = defaultDocumentWait / 60_000;
  const command = account
    .command("handle")
    .summary("set the handle of an account")
    .argument("<account>", "its handle now, or its DID")
    .argument("<name>", "the handle that it is to have")
    .addOption(
      new Option(
        "--wait <minutes>",
        `how long to wait for the record of a domain; 0 only says which it is (default: ${minutes})`,
      ).argParser(wholeNumber(0, 7 * 24 * 60)),
    );
  ownerOptions(command);
  return helpStartsWith(
    command,
    [
      "Sets the handle of an account at its server, and looks in the log of the identity",
      "and from outside whether it is so. For a domain of your own it first says which",
      "record shows that it is yours, and waits until it is there.",
    ],
    [
      { says: "A domain of your own:", command: "decamp account handle alice.example.com alice.example.org" },
      {
        says: "Another name that the server gives out:",
        command: "decamp account handle alice.example.com alicia.example.com",
      },
    ],
  );
}
