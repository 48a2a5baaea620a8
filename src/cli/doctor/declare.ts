/** `decamp doctor`: what it is called with. */
import type { Command } from "commander";
import { DecampError } from "../../errors.ts";
import { runs, type Declared } from "../command.ts";
import {
  helpStartsWith,
  mayAlsoSignIn,
  requireSignIn,
  rotationKeyOptions,
  type OwnerFlags,
  type RotationKeyFlags,
  type RotationSignerFlags,
} from "../shape.ts";

/** The flags as commander hands them over. */
export interface DoctorFlags extends RotationKeyFlags, RotationSignerFlags, OwnerFlags {
  readonly signIn?: true;
  readonly archive?: string;
  readonly to?: string;
  readonly server?: string;
  readonly quick?: true;
  readonly watch?: true;
  readonly report?: string;
  readonly relay?: string;
  readonly appView?: string;
}

export function declareDoctor(program: Command): readonly Declared[] {
  const command = program
    .command("doctor")
    .summary("say what is wrong with an account, and what mends it")
    .argument("<account>", "its handle, or its DID")
    .option("--quick", "leave out the blobs: for them the whole repository is read")
    .option("--watch", "look again every half minute until nothing is wrong, for a day at the most")
    .option("--server <url>", "say instead whether this server would take the account")
    .option("--report <file>", "also write what was seen into a new file, without names: for whoever helps you")
    .option("--from <url>", "the server that is asked for the handle")
    .option("--relay <url>", "the relay that is asked (or ATP_RELAY_HOST)")
    .option("--app-view <url>", "the AppView that is asked what people see (or ATP_APPVIEW_HOST)")
    .option("--archive <dir>", "say instead whether the account could come back from this archive")
    .option("--to <url>", "with --archive: the server that it would go to");
  mayAlsoSignIn(command);
  rotationKeyOptions(command);
  helpStartsWith(
    command,
    [
      "Looks an account over from outside, without a password: its identity and keys,",
      "its handle, its server, the signature of its repository, its blobs, servers",
      "where it has lived, the relay, and what people see in their apps. Each line says",
      "what was seen; where something is wrong, what mends it, or whom to ask. Changes",
      "nothing. Ends with 0 if nothing is wrong, with 3 if something is, and with 5 if",
      "nothing wrong was seen, but somebody who was asked did not say it.",
      "",
      "With --sign-in it also asks the server as the owner of the account: whether the",
      "e-mail address is confirmed, what it counts as missing, what it needs the",
      "identity to say, and the preferences. An app password will do for most of that.",
      "",
      "With --archive it says what you would have if the server of the account died",
      "now: proves the archive, looks what is newer at the server, tries your rotation",
      "key if you name it, and whether it stands above the server's. It ends with 0",
      "only if the account could come back, else with 6.",
    ],
    [
      { says: "Is anything wrong with this account?", command: "decamp doctor alice.example.com" },
      { says: "After a move, until everything is seen:", command: "decamp doctor alice.example.com --watch" },
      {
        says: "With the password, for what only its owner is told:",
        command: "decamp doctor alice.example.com --sign-in",
      },
      {
        says: "Would this server take it?",
        command: "decamp doctor alice.example.com --server https://pds.example.org",
      },
      { says: "Could it come back from this archive?", command: "decamp doctor alice.example.com --archive backup" },
      {
        says: "And with this key, to this server?",
        command:
          "decamp doctor alice.example.com --archive backup \\\n" +
          "        --rotation-key-file rotation-key.age --to https://pds.example.org",
      },
    ],
  );
  return [
    runs<DoctorFlags>(command, async (flags) => {
      requireSignIn(flags);
      if (flags.archive !== undefined) {
        refuseBesideArchive(flags);
        return (await import("./could-come-back.ts")).comebackCommand;
      }
      refuseWithoutArchive(flags);
      refuseBesideSignIn(flags);
      return (await import("./look-over.ts")).lookOverCommand;
    }),
  ];
}

/** @throws DecampError `usage` for a flag that says nothing of an archive: a report would be missed */
function refuseBesideArchive(flags: DoctorFlags): void {
  const given: Readonly<Record<string, string | true | undefined>> = {
    "--server": flags.server,
    "--quick": flags.quick,
    "--watch": flags.watch,
    "--report": flags.report,
    "--from": flags.from,
    "--relay": flags.relay,
    "--app-view": flags.appView,
    "--sign-in": flags.signIn,
  };
  const flag = Object.keys(given).find((name) => given[name] !== undefined);
  if (flag !== undefined) {
    throw new DecampError("usage", `${flag} and --archive do not go together.`, {
      hint: `Leave out --archive: then the account is looked over from outside. Or leave out ${flag}.`,
    });
  }
}

/** @throws DecampError `usage` for what looks again and again, and for what asks about another server */
function refuseBesideSignIn({ signIn, watch, server }: DoctorFlags): void {
  if (signIn === true && (watch === true || server !== undefined)) {
    throw new DecampError("usage", `${watch === true ? "--watch" : "--server"} and --sign-in do not go together.`, {
      hint: "Leave out one of them.",
    });
  }
}

/** @throws DecampError `usage` for a flag that says something only of an archive */
function refuseWithoutArchive(flags: DoctorFlags): void {
  const given: Readonly<Record<string, string | undefined>> = {
    "--to": flags.to,
    "--rotation-key-file": flags.rotationKeyFile,
    "--rotation-key-command": flags.rotationKeyCommand,
    "--rotation-signer-command": flags.rotationSignerCommand,
  };
  const flag = Object.keys(given).find((name) => given[name] !== undefined);
  if (flag !== undefined) {
    throw new DecampError("usage", `${flag} belongs to --archive: whether the account could come back from one.`, {
      hint: "Name the archive with --archive, or leave the flag out.",
    });
  }
}
