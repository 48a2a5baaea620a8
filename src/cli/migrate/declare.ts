/** `decamp migrate`: what it is called with. */
import type { Command } from "commander";
import { defaultUploads } from "../../services/defaults.ts";
import { runs, type Declared } from "../command.ts";
import {
  collect,
  concurrencyOption,
  documentWaitOption,
  helpStartsWith,
  newAccountOptions,
  rotationKeyOptions,
  secretOptions,
  type NewAccountFlags,
  type RotationKeyFlags,
  type RotationSignerFlags,
} from "../shape.ts";

/** The flags as commander hands them over. */
export interface MigrateFlags extends NewAccountFlags, RotationKeyFlags, RotationSignerFlags {
  readonly to?: string;
  readonly from?: string;
  readonly homeIsLost?: true;
  readonly replaceCopy?: true;
  readonly proveAfterActivation?: true;
  readonly guide?: true;
  readonly dryRun?: true;
  readonly until?: string;
  readonly archive?: string;
  readonly relay?: string;
  readonly concurrency?: number;
  readonly freeze?: true;
  readonly chunkedImport?: true;
  readonly bringLateWrites?: true;
  readonly firstWrite?: true;
  readonly allowMissingBlobs?: true;
  readonly skipBlob?: readonly string[];
  readonly acceptFutureRev?: true;
  readonly documentWait?: number;
  readonly acceptKey?: readonly string[];
  readonly recoveryKey?: string;
  readonly confirmDid?: string;
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  readonly authFactorFile?: string;
  readonly authFactorCommand?: string;
  readonly newPasswordFile?: string;
  readonly newPasswordCommand?: string;
  readonly plcTokenFile?: string;
  readonly plcTokenCommand?: string;
  readonly deleteTokenFile?: string;
  readonly deleteTokenCommand?: string;
}

export function declareMigrate(program: Command): readonly Declared[] {
  const command = program
    .command("migrate")
    .summary("move an account to another server")
    .argument("[account]", "its handle, or its DID; asked for at a terminal")
    .option("--to <url>", "your new server (or DECAMP_TARGET_PDS); asked for at a terminal")
    .option("--from <url>", "your old server, if it is not the one that the DID document names (or DECAMP_SOURCE_PDS)")
    .option("--home-is-lost", "the server that the identity names is gone for good: take what --from has")
    .option("--replace-copy", "replace a copy on the new server that has records of its own; it is kept in the archive")
    .option("--guide", "be asked for everything, one thing at a time, with the plan before anything begins")
    .option("--dry-run", "show the plan and change nothing")
    .option("--until <step>", "stop after this step; --dry-run shows their names")
    .option("--archive <dir>", "where the copy of the account is kept")
    .option("--relay <url>", "the relay that is asked about your new server (or ATP_RELAY_HOST)")
    .addOption(concurrencyOption(`, and ${defaultUploads} to the new server`))
    .option("--freeze", "deactivate the account on the old server first, so that nothing is written meanwhile")
    .option("--chunked-import", "if the new server does not take the whole repository at once, send it in parts")
    .option("--bring-late-writes", "write to the new server what was written on the old one after the move")
    .option("--first-write", "at the end, create and delete one record, so that the new server signs the repository")
    .option(
      "--recovery-key <key>",
      "put this rotation key of your own first, before the identity moves: a file, or did:key:…",
    )
    .option(
      "--allow-missing-blobs",
      "go on without blobs that the old server does not give or the new one does not take; exit code 6",
    )
    .option(
      "--skip-blob <cid>",
      "leave this blob behind in this run; it stays in the archive, if the old server gives it; exit code 6; may be repeated",
      collect,
    )
    .option(
      "--prove-after-activation",
      "go on although the new server shows what it has only once the account is active there; with a rotation key of your own",
    )
    .option("--accept-future-rev", "move the account although the revision of its repository lies in the future")
    .addOption(documentWaitOption())
    .option(
      "--accept-key <did:key>",
      "let this rotation key stay although your old server does not say whether it is its own; may be repeated",
      collect,
    );
  newAccountOptions(command).option(
    "--confirm-did <did>",
    "confirms the change of the identity without a question; --yes does not",
  );
  secretOptions(command, "password", "password for the old server", "DECAMP_SOURCE_PASSWORD, ATP_PASSWORD");
  secretOptions(command, "auth-factor", "mailed sign-in code", "ATP_AUTH_FACTOR_TOKEN");
  secretOptions(command, "new-password", "password for the new server", "DECAMP_TARGET_PASSWORD, NEW_ACCOUNT_PASSWORD");
  secretOptions(command, "plc-token", "mailed code that confirms the move", "PLC_SIGN_TOKEN");
  rotationKeyOptions(command);
  secretOptions(command, "delete-token", "mailed code for cancel", "DECAMP_DELETE_TOKEN");
  helpStartsWith(
    command,
    [
      "Moves an account to another server and takes everything along: the",
      "repository, the blobs, the preferences and the identity. If it stops, run the",
      "same command again: it goes on from there. The identity changes last, after",
      "all data is across, and only once you have confirmed it. Of a did:web you",
      "publish the document yourself: decamp writes it to a file, and waits.",
    ],
    [
      { says: "Be asked for everything, one thing at a time:", command: "decamp migrate" },
      {
        says: "See what would happen; nothing is changed:",
        command: "decamp migrate alice.example.com --to https://pds.example.org --dry-run",
      },
      {
        says: "Move, with questions on the way:",
        command: "decamp migrate alice.example.com --to https://pds.example.org",
      },
      {
        says: "Move without questions; decamp's examples/read-mail.mjs reads the mailed code:",
        command:
          "decamp migrate alice.example.com --to https://pds.example.org \\\n" +
          "        --password-file old.txt --new-password-file new.txt \\\n" +
          "        --plc-token-command 'node read-mail.mjs' --no-input \\\n" +
          "        --confirm-did did:plc:ewvi7nxzyoun6zhxrhs64oiz",
      },
    ],
  );

  const status = helpStartsWith(
    command.command("status").summary("say where a move stands").argument("[account]", "its handle, or its DID"),
    [
      "Asks both servers and the directory where the account is, what can be taken",
      "back, and what to do next. Changes nothing, and needs no password. Without an",
      "account it lists the moves that this machine remembers.",
    ],
    [
      { says: "Where a move stands:", command: "decamp migrate status alice.example.com" },
      { says: "The moves that this machine remembers:", command: "decamp migrate status" },
      {
        says: "A move that was begun on another machine:",
        command: "decamp migrate status alice.example.com --to https://pds.example.org",
      },
    ],
  );
  const cancel = helpStartsWith(
    command.command("cancel").summary("take a move back").argument("<account>", "its handle, or its DID"),
    [
      "Takes back a move that has not changed the identity: deletes the deactivated",
      "account on the new server, which mails a code for that, and activates the old",
      "one again if it was deactivated. Where the account has lived, nothing is",
      "deleted. The archive stays.",
    ],
    [{ says: "Take back the one move that was begun:", command: "decamp migrate cancel alice.example.com" }],
  );
  return [
    runs<MigrateFlags>(command, async () => (await import("./run.ts")).migrateCommand),
    // Their flags are those of `migrate`, which takes them wherever they stand.
    runs<MigrateFlags>(status, async () => (await import("./status.ts")).migrateStatusCommand, command),
    runs<MigrateFlags>(cancel, async () => (await import("./cancel.ts")).migrateCancelCommand, command),
  ];
}
