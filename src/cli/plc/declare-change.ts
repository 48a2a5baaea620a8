/** The commands of `decamp plc` that change an identity, or prepare a change: what they are called with. */
import { Option, type Command } from "commander";
import {
  collect,
  helpStartsWith,
  rotationKeyOptions,
  secretOptions,
  type RotationKeyFlags,
  type RotationSignerFlags,
} from "../shape.ts";

/** Flags of everything that may sign in, or sign, and asks for the DID. */
export interface ChangeFlags extends RotationKeyFlags, RotationSignerFlags {
  readonly from?: string;
  readonly via?: "server" | "directory";
  readonly confirmDid?: string;
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  readonly newPasswordFile?: string;
  readonly newPasswordCommand?: string;
  readonly authFactorFile?: string;
  readonly authFactorCommand?: string;
  readonly plcTokenFile?: string;
  readonly plcTokenCommand?: string;
}

export interface PlcDiffFlags extends ChangeFlags {
  readonly to?: string;
  readonly addRotationKey?: readonly string[];
  readonly removeRotationKey?: readonly string[];
  readonly handle?: string;
  readonly pds?: string;
  readonly signingKey?: string;
  readonly operation?: string;
  readonly output?: string;
  readonly acceptKey?: readonly string[];
}

export interface PlcSubmitFlags extends ChangeFlags {
  readonly nullify?: true;
}

export interface PlcAddKeyFlags extends ChangeFlags {
  readonly signBy?: "server" | "key";
  readonly replace?: string;
}

export interface PlcRepairFlags extends ChangeFlags {
  readonly signBy?: "server" | "key";
  readonly server?: string;
  readonly archive?: string;
}

export interface PlcSignFlags extends RotationKeyFlags, RotationSignerFlags {
  readonly log?: string;
  readonly withoutLog?: true;
  readonly nullify?: true;
}

export interface PlcUndoFlags extends Omit<ChangeFlags, "via"> {
  readonly operation?: string;
}

export interface PlcRecoverFlags extends ChangeFlags {
  readonly operation?: string;
  readonly dropKey?: readonly string[];
  readonly heldKey?: readonly string[];
  readonly output?: string;
}

export function declareDiff(plc: Command): Command {
  const command = fromOption(plc.command("diff").summary("show what a change would do, and write it"))
    .argument("<account>", "its handle, or its DID")
    .option("--to <url>", "the move to this server, on which the account has to be already")
    .option(
      "--accept-key <did:key>",
      "with --to: let this rotation key stay although the old server does not say whether it is its own; may be repeated",
      collect,
    )
    .option("--add-rotation-key <did:key>", "put this key before all others; may be repeated", collect)
    .option("--remove-rotation-key <did:key>", "take this key away; may be repeated", collect)
    .option("--handle <handle>", "another handle")
    .option("--pds <url>", "another server")
    .option("--signing-key <did:key>", "another signing key")
    .option("--operation <file>", "an operation that you have written, signed or not; - for the standard input")
    .option(
      "-o, --output <file>",
      "write the unsigned operation there, for decamp plc sign; - for the standard output",
    );
  passwordOptions(command);
  return helpStartsWith(
    command,
    [
      "Says what an operation means (server, handle, whose keys leave, come and stay,",
      "who can undo it), shows it field by field against the last one of the verified",
      "log, and everything that speaks against it. Changes nothing. Exit code 9 if it",
      "must not be made like this.",
    ],
    [
      {
        says: "What a move would change, once the account is on the new server:",
        command: "decamp plc diff alice.example.com --to https://pds.example.org",
      },
      {
        says: "Write an operation that adds a key, to be signed elsewhere:",
        command: "decamp plc diff alice.example.com \\\n        --add-rotation-key did:key:zQ3sh… -o operation.json",
      },
      {
        says: "The identity as it is, as an operation to be edited; and what was edited:",
        command:
          "decamp plc diff alice.example.com -o operation.json\n" +
          "    $ decamp plc diff alice.example.com --operation operation.json",
      },
    ],
  );
}

export function declareSubmit(plc: Command): Command {
  const command = changeOptions(
    fromOption(plc.command("submit").summary("submit a signed operation"))
      .argument("<account>", "its handle, or its DID")
      .argument("[operation]", "a file with the signed operation, or - for the standard input", "-")
      .option("--nullify", "allow an operation that follows an older one, and so undoes what came after it"),
    "server",
  );
  passwordOptions(command);
  return helpStartsWith(
    command,
    [
      "Submits a signed operation. The log is read again just before: if somebody was",
      "faster, nothing is sent. The change is shown, and the DID has to be typed.",
      "Whether it was taken is read from the log.",
    ],
    [
      { says: "Through the server that it names:", command: "decamp plc submit alice.example.com signed.json" },
      {
        says: "Without a password, and without questions:",
        command:
          "decamp plc submit alice.example.com signed.json --via directory \\\n" +
          "        --confirm-did did:plc:ewvi7nxzyoun6zhxrhs64oiz",
      },
    ],
  );
}

export function declareSign(plc: Command): Command {
  const command = plc
    .command("sign")
    .summary("sign an operation with a rotation key, offline")
    .argument("[operation]", "a file with the operation, or - for the standard input", "-")
    .option("--log <path>", "the audit log to judge it by: a file, or an archive")
    .option("--without-log", "sign it although nobody can say what it changes")
    .option("--nullify", "allow an operation that follows an older one, and so undoes what came after it");
  rotationKeyOptions(command);
  return helpStartsWith(
    command,
    [
      "Signs an operation with a rotation key of your own, and writes it to the",
      "standard output. Works without network. With the log it shows what would change,",
      "and refuses what could not be taken: an older head, a key without the power.",
    ],
    [
      {
        says: "On a machine that is not connected:",
        command:
          "decamp plc sign operation.json --log plc-log.json \\\n" +
          "        --rotation-key-file key.age > signed.json",
      },
      {
        says: "The log, fetched where there is a network:",
        command: "curl -s https://plc.directory/DID/log/audit > plc-log.json",
      },
    ],
  );
}

export function declareAddKey(plc: Command): Command {
  const command = changeOptions(
    fromOption(plc.command("add-key").summary("put a rotation key of your own first"))
      .argument("<account>", "its handle, or its DID")
      .argument("<key>", "a file with the key, - for the standard input, or its public part: did:key:…")
      .option("--replace <did:key>", "take this key away at the same time")
      .addOption(signByOption()),
    "server",
  );
  signingOptions(command);
  return helpStartsWith(
    command,
    [
      "Puts a rotation key of your own before all others. Only there it can undo, for",
      "72 hours, whatever a server signs, and take the account along when a server is",
      "gone. A key that is in the list already moves up. A key that is at hand has to",
      "sign something first.",
    ],
    [
      {
        says: "Signed by the server that holds the account, which mails a code for that:",
        command: "decamp plc add-key alice.example.com rotation-key.age",
      },
      {
        says: "Signed by a key that is in the list already, without any server:",
        command: "decamp plc add-key alice.example.com new.age \\\n        --rotation-key-file old.age --via directory",
      },
      {
        says: "A key that is kept elsewhere:",
        command: "decamp plc add-key alice.example.com did:key:zQ3sh…",
      },
      {
        says: "Signed by a key that stays elsewhere (openssl, a token, a KMS):",
        command:
          "decamp plc add-key alice.example.com new.age --via directory \\\n" +
          "        --rotation-signer-key did:key:zDn… \\\n" +
          "        --rotation-signer-command 'openssl dgst -sha256 -sign old.pem'",
      },
    ],
  );
}

export function declareRepair(plc: Command): Command {
  const command = changeOptions(
    fromOption(plc.command("repair").summary("let the identity say what the server needs"))
      .argument("<account>", "its DID, or its handle")
      .option("--server <url>", "the address that the server has now, if the identity names an old one")
      .option("--archive <path>", "with --server: the archive that shows which revision was seen last")
      .addOption(signByOption()),
    "server",
  );
  signingOptions(command);
  return helpStartsWith(
    command,
    [
      "For an identity that names another signing key than the server has, so that",
      "relays refuse what is written, and for a server that has a new address. The server",
      "is asked what it needs, and has to prove that it has the account: its newest",
      "commit is signed with that key, or with one that the identity has named. A new",
      "address counts only if you give it, and if the server there has the account at",
      "the revision that was seen last, or a newer one. Nothing else changes.",
    ],
    [
      {
        says: "The signing key, signed by the server, which mails a code for that:",
        command: "decamp plc repair alice.example.com",
      },
      {
        says: "A server that has a new address:",
        command: "decamp plc repair alice.example.com --server https://pds.example.com \\\n        --archive backup",
      },
    ],
  );
}

function signByOption(): Option {
  return new Option(
    "--sign-by <way>",
    "who signs: the server, with a code that it mails, or a rotation key that is in the list already (default: key if one is given)",
  ).choices(["server", "key"]);
}

export function declareRecover(plc: Command): Command {
  const command = changeOptions(
    fromOption(plc.command("recover").summary("undo an operation that you did not want"))
      .argument("<account>", "its DID, or its handle")
      .option("--operation <cid>", "what is to be undone, with all after it; found by itself if it harmed your key")
      .option("--drop-key <did:key>", "a key that is not to come back; may be repeated", collect)
      .option("--held-key <did:key>", "plan for this key, without its private part; may be repeated", collect)
      .option("-o, --output <file>", "write the unsigned operation there, for decamp plc sign, and stop"),
    "directory",
  );
  passwordOptions(command);
  rotationKeyOptions(command);
  return helpStartsWith(
    command,
    [
      "Undoes an operation, within 72 hours, with a rotation key that stood above the",
      "one that signed it. Says which operation that is, what the identity goes back",
      "to, which key can do it, and until when; or why it cannot be done.",
    ],
    [
      {
        says: "With the key that you hold:",
        command: "decamp plc recover did:plc:ewvi7nxzyoun6zhxrhs64oiz \\\n        --rotation-key-file key.age",
      },
      {
        says: "Prepared here, signed on another machine, submitted here:",
        command:
          "decamp plc recover DID --held-key did:key:zQ3sh… -o recovery.json\n" +
          "    $ decamp plc sign recovery.json --nullify --log plc-log.json > signed.json\n" +
          "    $ decamp plc submit DID signed.json --nullify --via directory",
      },
    ],
  );
}

export function declareUndo(plc: Command): Command {
  const command = fromOption(plc.command("undo").summary("take back a move that has changed the identity"))
    .argument("<account>", "its DID, or its handle")
    .option("--operation <cid>", "the operation that moved it, if this machine has no journal of the move")
    .option("--confirm-did <did>", "the yes to the change, given beforehand");
  secretOptions(command, "password", "password on the old server", "DECAMP_SOURCE_PASSWORD, ATP_PASSWORD");
  secretOptions(
    command,
    "new-password",
    "password on the new server, to deactivate the account there",
    "DECAMP_TARGET_PASSWORD, NEW_ACCOUNT_PASSWORD",
  );
  secretOptions(command, "auth-factor", "mailed sign-in code", "ATP_AUTH_FACTOR_TOKEN");
  rotationKeyOptions(command);
  return helpStartsWith(
    command,
    [
      "Takes back a move whose identity has changed already, with a rotation key of",
      "your own: the identity names the old server again, the account is active there,",
      "and no longer on the new one. What was written on the new server stays there.",
    ],
    [
      {
        says: "The last move:",
        command: "decamp plc undo alice.example.com --rotation-key-file key.age",
      },
    ],
  );
}

function fromOption(command: Command): Command {
  return command.option("--from <url>", "the server that is asked for the handle");
}

function changeOptions(command: Command, via: "server" | "directory"): Command {
  return command
    .addOption(
      new Option(
        "--via <way>",
        "submit through the server that the operation names, or to the directory itself, which needs no password",
      )
        .choices(["server", "directory"])
        .default(via),
    )
    .option("--confirm-did <did>", "the yes to the change, given beforehand");
}

function passwordOptions(command: Command): void {
  ownPasswordOptions(command);
  secretOptions(
    command,
    "new-password",
    "password on the server that the operation moves to",
    "DECAMP_TARGET_PASSWORD, NEW_ACCOUNT_PASSWORD",
  );
}

/** For what the server of the account signs, or a rotation key that is held. */
function signingOptions(command: Command): void {
  ownPasswordOptions(command);
  secretOptions(command, "plc-token", "mailed code that confirms the change", "PLC_SIGN_TOKEN");
  rotationKeyOptions(command);
}

/** For an operation that moves nowhere. */
function ownPasswordOptions(command: Command): void {
  secretOptions(command, "password", "password of the account", "DECAMP_SOURCE_PASSWORD, ATP_PASSWORD");
  secretOptions(command, "auth-factor", "mailed sign-in code", "ATP_AUTH_FACTOR_TOKEN");
}
