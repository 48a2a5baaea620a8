/** `decamp key …`: what it is called with. */
import type { Command } from "commander";
import { runs, type Declared } from "../command.ts";
import { curveOption, helpStartsWith, passphraseOptions, type PassphraseFlags } from "../shape.ts";
import type { Curve } from "../../identity/keys.ts";

export interface KeyInspectFlags extends PassphraseFlags {
  readonly account?: string;
  readonly from?: string;
  readonly curve?: Curve;
}

/** Flags of the commands that put a key somewhere. */
export interface KeyKeepFlags extends PassphraseFlags {
  readonly out?: string;
  readonly curve?: Curve;
  readonly reveal?: true;
}

export function declareKey(program: Command): readonly Declared[] {
  const key = helpStartsWith(
    program.command("key").summary("rotation keys of your own: make, import, look at one"),
    [
      "A rotation key of your own lets you change the identity of your account without",
      "any server, and take back what a server did to it.",
    ],
    [
      { says: "Make one, in the system's keychain:", command: "decamp key generate" },
      { says: "Make one, in an encrypted file:", command: "decamp key generate -o rotation-key.age" },
      { says: "Which key is in a file:", command: "decamp key inspect rotation-key.age" },
    ],
  );
  return [
    runs<KeyKeepFlags>(declareGenerate(key), async () => (await import("./keep.ts")).keyGenerateCommand),
    runs<KeyKeepFlags>(declareImport(key), async () => (await import("./keep.ts")).keyImportCommand),
    runs<KeyInspectFlags>(declareInspect(key), async () => (await import("./run.ts")).keyInspectCommand),
  ];
}

function declareGenerate(key: Command): Command {
  const command = keepOptions(key.command("generate").summary("make a key, and keep it safe"));
  curveOption(command, "the kind of key");
  return helpStartsWith(
    command,
    [
      "Makes a private key, puts it into the system's keychain or an encrypted file,",
      "reads it back from there, signs with it as a test, and only then shows its public",
      "part. The file is in the format of age (age-encryption.org): decamp, age, and any",
      "other program that knows the format open it with the passphrase.",
    ],
    [
      { says: "Into the system's keychain:", command: "decamp key generate" },
      { says: "Into a file; a passphrase is asked for:", command: "decamp key generate -o rotation-key.age" },
      {
        says: "Without a terminal:",
        command: "decamp key generate -o rotation-key.age --passphrase-file passphrase.txt --json",
      },
    ],
  );
}

function declareImport(key: Command): Command {
  const command = keepOptions(
    key.command("import").summary("keep a key that another tool has made").argument("[key]", whichKey),
  );
  curveOption(command, "the curve of a key in hex, which does not say it");
  return helpStartsWith(
    command,
    [
      "Puts a private key that you have into the system's keychain or an encrypted file,",
      "and reads it back. Understood are what goat prints, z… alone, 64 hex digits, a",
      "JWK, a PEM key, the setting of a server, and files that decamp or age has",
      "encrypted. Without a key it is taken from PLC_SIGNING_KEY, or asked for. What it",
      "was read from stays as it is.",
    ],
    [
      { says: "Type it in, into the keychain:", command: "decamp key import" },
      {
        says: "From another tool, into a file:",
        command: "pass show rotation-key | decamp key import - -o rotation-key.age",
      },
      { says: "A copy of a key that the keychain has:", command: "decamp key import did:key:zQ3s… -o copy.age" },
    ],
  );
}

function keepOptions(command: Command): Command {
  return passphraseOptions(
    command
      .option("-o, --out <file>", "an encrypted file, in place of the keychain; never overwritten")
      .option("--reveal", "also print the private key in clear: whoever sees it has it"),
  );
}

const whichKey = "a file, - for the standard input, or the did:key of a key in the keychain";

function declareInspect(key: Command): Command {
  const command = key
    .command("inspect")
    .summary("say which key it is, never what it is")
    .argument("[key]", whichKey)
    .option("--account <account>", "say what this key can do for an account: a handle or a DID")
    .option("--from <url>", "the server that is asked for the handle");
  curveOption(passphraseOptions(command), "the curve of a key in hex, which does not say it");
  return helpStartsWith(
    command,
    [
      "Reads a private key, signs with it as a test, and shows its public part. Files as",
      "decamp and age encrypt them are understood, and what other tools print: z… or 64",
      "hex digits. Without a key it is taken from PLC_SIGNING_KEY, or asked for.",
    ],
    [
      { says: "A file:", command: "decamp key inspect rotation-key.age" },
      {
        says: "Whether an account lists it, and how high:",
        command: "decamp key inspect rotation-key.age --account alice.example.com",
      },
      { says: "What another tool prints:", command: "pass show rotation-key | decamp key inspect -" },
    ],
  );
}
