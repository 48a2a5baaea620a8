/** `decamp insure`: what it is called with. */
import { Option, type Command } from "commander";
import type { Scheduler } from "../../services/system-rules.ts";
import { runs, type Declared } from "../command.ts";
import { collect, helpStartsWith } from "../shape.ts";

/** The flags as commander hands them over. */
export interface InsureFlags {
  readonly output?: string;
  readonly for?: Scheduler;
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  readonly notifyCommand?: string;
  readonly pingCommand?: string;
  readonly watchPingCommand?: string;
  readonly ownKey?: readonly string[];
  readonly write?: string;
}

export function declareInsure(program: Command): readonly Declared[] {
  const command = helpStartsWith(
    program
      .command("insure")
      .summary("print what has this machine back an account up and watch it")
      .argument("<account>", "its handle, or better its DID, which stays when the handle changes")
      .option("-o, --output <dir>", "the archive")
      .addOption(
        new Option("--for <system>", "what starts the jobs, if not what this machine has").choices([
          "systemd",
          "launchd",
          "cron",
        ] satisfies Scheduler[]),
      )
      .option("--password-file <path>", "a file with a password of the account, which the export reads each time")
      .option("--password-command <cmd>", "the same, from what a command prints each time")
      .option("--notify-command <cmd>", "what is run to tell you (default: a notice on the desktop; cron mails)")
      .option("--ping-command <cmd>", "what each export that is complete runs: whoever misses that can tell you")
      .option("--watch-ping-command <cmd>", "the same for the watch, when there was nothing to tell")
      .option("--own-key <did:key>", "a rotation key that is yours, for the watch; may be repeated", collect)
      .option("--write <dir>", "put the files into this folder, and print only what installs them"),
    [
      "Prints the files that have this machine export the account every night and remove",
      "old snapshots, look every hour whether somebody has changed the identity, and try",
      "every week whether the account could come back; and the commands that install",
      "them. Installs nothing itself, asks nobody, and needs no network. A program that a",
      "command names by a path, such as ./tell-me, is written with its whole path.",
    ],
    [
      { says: "For what this machine has:", command: "decamp insure alice.example.com -o backup" },
      {
        says: "For cron, with what only you can see:",
        command: "decamp insure alice.example.com -o backup --for cron --password-file pw",
      },
      {
        says: "The files in a folder, to look at and to copy:",
        command: "decamp insure alice.example.com -o backup --write units",
      },
    ],
  );
  return [runs<InsureFlags>(command, async () => (await import("./run.ts")).insureCommand)];
}
