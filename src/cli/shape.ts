/** How a command is declared: help with the examples first, and flags in groups. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { DecampError } from "../errors.ts";
import type { Curve } from "../identity/keys.ts";
import { defaultDocumentWait, defaultDownloads } from "../services/defaults.ts";
import { byteRate, rateForm } from "./byte-rate.ts";
import { fitted } from "./help/help-layout.ts";

export interface Example {
  /** What it does, in a few words. */
  readonly says: string;
  readonly command: string;
}

/** Puts what the command does, and examples, before everything else in its help. */
export function helpStartsWith(command: Command, about: readonly string[], examples: readonly Example[]): Command {
  return command.addHelpText("before", () =>
    [
      fitted(command, about),
      "",
      "Examples:",
      ...examples.flatMap(({ says, command: line }) => [fitted(command, [says], "  "), `    $ ${line}`]),
      "",
    ].join("\n"),
  );
}

/** The two flags that name the source of a secret. */
export function secretOptions(command: Command, flag: string, what: string, variables: string): Command {
  return command
    .addOption(
      new Option(`--${flag}-file <path>`, `${what}: read from a file, or - (or ${variables})`).helpGroup(secrets),
    )
    .addOption(new Option(`--${flag}-command <cmd>`, "the same, from what a command prints").helpGroup(secrets));
}

/** What signing in may need. */
export interface SignInFlags {
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  readonly authFactorFile?: string;
  readonly authFactorCommand?: string;
}

/** The flags of a command that signs in at the server of an account. */
export interface OwnerFlags extends SignInFlags {
  readonly from?: string;
}

/** All of `OwnerFlags`. */
export function ownerOptions(command: Command): Command {
  command.option("--from <url>", "the server that is asked for the handle");
  return signInSecrets(command);
}

/** The flags of a command that brings blobs from servers, which may give them to the owner alone. */
export interface GiverFlags extends SignInFlags {
  readonly from?: readonly string[];
  readonly oldPasswordFile?: string;
  readonly oldPasswordCommand?: string;
}

/** All of `GiverFlags`. @param from what `--from` means */
export function giverOptions(command: Command, from: string): Command {
  signInSecrets(command.option("--from <url>", `${from}; may be repeated`, collect));
  return secretOptions(command, "old-password", "password at the one server of --from", "DECAMP_OLD_PASSWORD");
}

/** The flags of a command that signs in only where it is told to: all of `SignInFlags`, and that one. */
export function mayAlsoSignIn(command: Command): Command {
  const says = "also sign in at the server of the account, and look at what only its owner is told";
  return signInSecrets(command.option("--sign-in", says));
}

/**
 * @throws DecampError `usage` for what is there to sign in with, where nobody is told to: it would be left unread
 */
export function requireSignIn(flags: SignInFlags & { readonly signIn?: true }): void {
  const given: Readonly<Record<string, string | undefined>> = {
    "--password-file": flags.passwordFile,
    "--password-command": flags.passwordCommand,
    "--auth-factor-file": flags.authFactorFile,
    "--auth-factor-command": flags.authFactorCommand,
  };
  const flag = Object.keys(given).find((name) => given[name] !== undefined);
  if (flag !== undefined && flags.signIn !== true) {
    throw new DecampError("usage", `${flag} belongs to --sign-in: without it nobody signs in.`, {
      hint: "Add --sign-in, or leave the flag out.",
    });
  }
}

function signInSecrets(command: Command): Command {
  secretOptions(command, "password", "password of the account", "DECAMP_SOURCE_PASSWORD, ATP_PASSWORD");
  return secretOptions(command, "auth-factor", "mailed sign-in code", "ATP_AUTH_FACTOR_TOKEN");
}

export interface PassphraseFlags {
  readonly passphraseFile?: string;
  readonly passphraseCommand?: string;
}

/** The flags of a rotation key: where it is read from, and what opens it. */
export interface RotationKeyFlags extends PassphraseFlags {
  readonly rotationKeyFile?: string;
  readonly rotationKeyCommand?: string;
  readonly curve?: Curve;
}

/** A rotation key that stays where it is, on a token or in a KMS. */
export interface RotationSignerFlags {
  readonly rotationSignerCommand?: string;
  readonly rotationSignerKey?: string;
}

/** For a command that signs with a rotation key: all of `RotationKeyFlags` and `RotationSignerFlags`. */
export function rotationKeyOptions(command: Command): Command {
  command
    .option(
      "--rotation-signer-command <cmd>",
      "signs with a rotation key that lies elsewhere: gets the bytes on its standard input, prints the signature",
    )
    .option("--rotation-signer-key <did:key>", "the public part of the key that this command signs with");
  secretOptions(command, "rotation-key", "your rotation key", "PLC_SIGNING_KEY, or the keychain");
  return curveOption(passphraseOptions(command), "the curve of a rotation key in hex, which does not say it");
}

/** What opens or closes a key file. */
export function passphraseOptions(command: Command): Command {
  return secretOptions(command, "passphrase", "passphrase of a key file", "DECAMP_PASSPHRASE");
}

/** For a private key as bare digits. */
export function curveOption(command: Command, says: string): Command {
  return command.addOption(new Option("--curve <curve>", says).choices(["k256", "p256"]).default("k256"));
}

const secrets = "Secrets (never the value of a flag; asked for on a terminal):";

/** What is said beforehand of the account that a new server makes. */
export interface NewAccountFlags {
  readonly newHandle?: string;
  readonly newEmail?: string;
  readonly inviteCode?: string;
}

/** For a command that has a new server make the account: all of `NewAccountFlags`. */
export function newAccountOptions(command: Command): Command {
  return command
    .option("--new-handle <handle>", "your handle on the new server (or NEW_ACCOUNT_HANDLE)")
    .option("--new-email <address>", "your e-mail address on the new server (or NEW_ACCOUNT_EMAIL)")
    .option("--invite-code <code>", "an invite code of the new server");
}

/** @param more what is to be said beside how many are fetched by default */
export function concurrencyOption(more: string = ""): Option {
  const says = `blobs in flight at once (default: ${defaultDownloads}${more})`;
  return new Option("--concurrency <n>", says).argParser(wholeNumber(1, 64));
}

/** In milliseconds. */
const minute = 60_000;

/** How long a document of a did:web is waited for. A week is more than anybody needs. */
export function documentWaitOption(): Option {
  const says = `how long to wait until you have published the document of a did:web (default: ${defaultDocumentWait / minute})`;
  return new Option("--document-wait <minutes>", says).argParser(wholeNumber(0, 7 * 24 * 60));
}

/** The flag in milliseconds, for the options of a move. */
export function documentWait(minutes: number | undefined): { readonly documentWait?: number } {
  return minutes === undefined ? {} : { documentWait: minutes * minute };
}

/** A flag's value as a whole number in a range. */
export function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : -1;
    if (value < from || value > to) {
      throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
    }
    return value;
  };
}

/** A flag's value as bytes per second. */
export function rate(text: string): number {
  const value = byteRate(text);
  if (value === undefined) {
    throw new InvalidArgumentError(rateForm);
  }
  return value;
}

/** What may stand behind a number: a thousand, and its powers, or 1024, and its. */
const multiples: Readonly<Record<string, number>> = {
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
};

/**
 * `--limit name=number`, as often as it is given; `2GB` is a number. Which names there are is for who uses it to know.
 */
export function collectLimits(
  text: string,
  before: Readonly<Record<string, number>> = {},
): Readonly<Record<string, number>> {
  const [, name = "", number = "", unit = ""] = /^([a-z-]+)=([0-9]{1,15})(?:([kMG]|[KMG]i)?B)?$/.exec(text) ?? [];
  const value = Number(number) * (multiples[unit] ?? 1);
  if (name === "" || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError(
      "It must look like block-bytes=10000000, or block-bytes=10MB; there are kB, MB, GB, KiB, MiB and GiB.",
    );
  }
  return { ...before, [name]: value };
}

/** A flag that may be given more than once. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
