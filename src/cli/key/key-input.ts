/** The key that a `decamp key` command is told to look at: a file, the standard input, or an entry of the keychain. */
import { DecampError } from "../../errors.ts";
import { refusePrivateKey } from "../argument-guard.ts";
import { requireDidKey } from "../did-key.ts";
import { requirePipe } from "../inputs/standard-input.ts";
import { findRotationKey, recallKey, rotationKeySecrets, type KeySources } from "../talk/rotation-key.ts";
import type { PassphraseFlags } from "../shape.ts";
import type { AllSecretFlags } from "../talk/secrets.ts";
import type { Terminal } from "../talk/terminal.ts";

/** A private key, perhaps encrypted, and where it was found, in a few words. */
export interface KeyInput {
  readonly text: string;
  readonly where: string;
}

/**
 * What the argument and the flags say about secrets.
 *
 * @param what the argument: a path, `-`, a did:key, or nothing
 * @throws DecampError `usage` if it is a private key itself, or a did:key that is none; neither is repeated; or if it
 *   is the standard input, and that is a terminal
 */
export function keyInputSecrets(
  what: string | undefined,
  flags: PassphraseFlags,
  terminal: Pick<Terminal, "stdin">,
): AllSecretFlags {
  refusePrivateKey(what);
  if (what === "-") {
    requirePipe(terminal.stdin, "Give the path of a file, or pipe the key in.");
  }
  if (what !== undefined && isPublic(what)) {
    requireDidKey(what);
  }
  return rotationKeySecrets({ ...flags, ...(what === undefined || isPublic(what) ? {} : { rotationKeyFile: what }) });
}

/** How a key is asked for that the argument could have named. */
const askedWithArgument = {
  message: "The private key: its file, such as ./rotation-key.age, or the key itself (z…, or 64 hex digits):",
  mayBeFile: true,
  answeredBy: "a file or - as the argument, or PLC_SIGNING_KEY in the environment",
};

/**
 * Finds the key.
 *
 * @param didKeys what is looked for in the keychain if nothing is named
 * @throws DecampError `input-needed`, `no-keychain`, `unreadable-file`, `refused`, `interrupted`
 */
export async function readKeyInput(
  sources: KeySources,
  what: string | undefined,
  didKeys: readonly string[] = [],
): Promise<KeyInput> {
  if (what !== undefined && isPublic(what)) {
    const text = await recallKey(sources, what);
    if (text === undefined) {
      throw new DecampError("input-needed", `The keychain has no key ${what}.`, {
        hint: "Give the file that has it, or look whether this is the right user on the right machine.",
      });
    }
    return { text, where: "the keychain" };
  }
  const { text, from } = await findRotationKey(sources, didKeys, askedWithArgument);
  const given = what === undefined ? "PLC_SIGNING_KEY" : what === "-" ? "the standard input" : what;
  return { text, where: { given, keychain: "the keychain", typed: "what was typed" }[from] };
}

function isPublic(text: string): boolean {
  return text.startsWith("did:key:");
}
