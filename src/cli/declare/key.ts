/** `decamp key …`: what it is called with. */
import type { Command } from "commander";
import { curveOption, helpStartsWith, passphraseOptions, type PassphraseFlags } from "./shape.ts";
import type { Curve } from "../../identity/keys.ts";

export interface KeyInspectFlags extends PassphraseFlags {
  readonly account?: string;
  readonly from?: string;
  readonly curve?: Curve;
}

export interface KeyCommands {
  readonly inspect: Command;
}

export function declareKey(program: Command): KeyCommands {
  const key = helpStartsWith(
    program.command("key").summary("rotation keys of your own: look at one"),
    [
      "A rotation key of your own lets you change the identity of your account, and take",
      "back what a server did to it.",
    ],
    [{ says: "Which key is in a file:", command: "decamp key inspect rotation-key.age" }],
  );
  return { inspect: declareInspect(key) };
}

function declareInspect(key: Command): Command {
  const command = key
    .command("inspect")
    .summary("say which key it is, never what it is")
    .argument("[key]", "a file, - for the standard input, or the did:key of a key in the keychain")
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
