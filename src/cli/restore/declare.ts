/** `decamp restore`: what it is called with. */
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
export interface RestoreFlags extends NewAccountFlags, RotationKeyFlags, RotationSignerFlags {
  readonly to?: string;
  readonly homeIsLost?: true;
  readonly nullify?: string;
  readonly also?: readonly string[];
  readonly replaceNewer?: true;
  readonly dryRun?: true;
  readonly until?: string;
  readonly relay?: string;
  readonly concurrency?: number;
  readonly chunkedImport?: true;
  readonly allowMissingBlobs?: true;
  readonly skipBlob?: readonly string[];
  readonly acceptFutureRev?: true;
  readonly documentWait?: number;
  readonly acceptKey?: readonly string[];
  readonly dropKey?: readonly string[];
  readonly confirmDid?: string;
  readonly authFactorFile?: string;
  readonly authFactorCommand?: string;
  readonly newPasswordFile?: string;
  readonly newPasswordCommand?: string;
  readonly deleteTokenFile?: string;
  readonly deleteTokenCommand?: string;
}

export function declareRestore(program: Command): readonly Declared[] {
  const command = program
    .command("restore")
    .summary("bring an account back from its archive")
    .argument("<archive>", "the folder that export or migrate has made, or one snapshot in it")
    .option("--to <url>", "your new server (or DECAMP_TARGET_PDS)")
    .option("--home-is-lost", "the server that the identity names is lost or hostile: what it has is not believed")
    .option(
      "--nullify <cid>",
      "take this operation back, and all after it: one that is not yours, and not 72 hours old",
    )
    .option(
      "--also <source>",
      "a server, or another archive, that may have blobs that this archive lacks; may be repeated",
      collect,
    )
    .option(
      "--replace-newer",
      "replace what the new server has of the account although it has records that the archive lacks; it is kept there",
    )
    .option("--dry-run", "show the plan and change nothing")
    .option("--until <step>", "stop after this step; --dry-run shows their names")
    .option("--relay <url>", "the relay that is asked about your new server (or ATP_RELAY_HOST)")
    .addOption(concurrencyOption(`, and ${defaultUploads} to the new server`))
    .option("--chunked-import", "if the new server does not take the whole repository at once, send it in parts")
    .option(
      "--allow-missing-blobs",
      "go on without blobs that the archive lacks or the new server does not take; exit code 6",
    )
    .option("--skip-blob <cid>", "leave this blob behind; exit code 6; may be repeated", collect)
    .option("--accept-future-rev", "go on although the revision of the repository lies in the future")
    .addOption(documentWaitOption())
    .option(
      "--accept-key <did:key>",
      "let this rotation key stay although a server may have put it there; may be repeated",
      collect,
    )
    .option("--drop-key <did:key>", "let this rotation key leave, whoever put it there; may be repeated", collect);
  newAccountOptions(command).option(
    "--confirm-did <did>",
    "confirms both changes of the identity without a question; --yes does not",
  );
  secretOptions(command, "new-password", "password for the new server", "DECAMP_TARGET_PASSWORD, NEW_ACCOUNT_PASSWORD");
  secretOptions(command, "auth-factor", "mailed sign-in code", "ATP_AUTH_FACTOR_TOKEN");
  rotationKeyOptions(command);
  secretOptions(command, "delete-token", "mailed code for cancel", "DECAMP_DELETE_TOKEN");
  helpStartsWith(
    command,
    [
      "Brings an account back at a new server when its old one is gone or hostile:",
      "from an archive, and with a rotation key of your own. The archive is proved",
      "first. The identity changes twice: first a temporary key takes the place of the",
      "old server's signing key, which can be taken back; at last it names the new",
      "server. If it stops, run the same command again. A did:web has no rotation key:",
      "each time you publish a document, which decamp writes to a file. What decamp",
      "migrate has archived lies in ~/.local/state/decamp/archives, unless you said",
      "where. Without a rotation key of your own, nobody but the server can help.",
    ],
    [
      {
        says: "See what would happen; nothing is changed:",
        command: "decamp restore backup --to https://pds.example.org --dry-run",
      },
      {
        says: "Bring the account back, with questions on the way:",
        command: "decamp restore backup --to https://pds.example.org --rotation-key-file rotation-key.age",
      },
    ],
  );
  const cancel = helpStartsWith(
    command
      .command("cancel")
      .summary("take a restore back")
      .argument("<archive>", "the archive of the account, or the account's DID"),
    [
      "Takes back a restore that has not named the new server: puts the old signing",
      "key back into the identity, and deletes the copy on the new server, which mails",
      "a code for that. The archive stays.",
    ],
    [
      {
        says: "Take back the restore that was begun:",
        command: "decamp restore cancel backup --rotation-key-file rotation-key.age",
      },
    ],
  );
  return [
    runs<RestoreFlags>(command, async () => (await import("./run.ts")).restoreCommand),
    runs<RestoreFlags>(cancel, async () => (await import("./cancel.ts")).restoreCancelCommand, command),
  ];
}
