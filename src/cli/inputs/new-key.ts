/**
 * A key that is to be added: a file with the private key, or a public one, whose private part may be in the keychain.
 */
import type { Signer } from "../../account/sign-by-key.ts";
import { isDecampError } from "../../errors.ts";
import type { Curve } from "../../identity/keys.ts";
import { isArmored } from "../../services/secrets/age-file.ts";
import { createKeychain } from "../../services/secrets/keychain.ts";
import { readSecretFile, readSecretStream } from "../../services/secrets/secret-source.ts";
import { requireDidKey } from "../did-key.ts";
import { openKey, recallKey, type KeySources } from "../talk/rotation-key.ts";
import { newKeyName } from "../talk/secrets.ts";
import type { Terminal } from "../talk/terminal.ts";
import { requirePipe } from "./standard-input.ts";

export interface NewKey {
  /** A did:key. */
  readonly key: string;
  /** The private part, where it is at hand. */
  readonly proof?: Signer;
}

/** @param what a path, `-` for the standard input, or a did:key */
export async function readNewKey(
  what: string,
  curve: Curve | undefined,
  { secrets, signal }: Pick<KeySources, "secrets" | "signal">,
  terminal: Terminal,
): Promise<NewKey> {
  if (!what.startsWith("did:")) {
    if (what === "-") {
      requirePipe(terminal.stdin, "Give the path of a file, or pipe the key in.");
    }
    const text =
      what === "-"
        ? await readSecretStream(terminal.stdin, "the standard input", newKeyName, signal)
        : await readSecretFile(what, newKeyName, { mayBeSeen: isArmored, signal });
    secrets.conceal(text);
    const proof = await openKey(text, secrets, curve);
    return { key: proof.didKey, proof };
  }
  const key = requireDidKey(what);
  try {
    const kept = await recallKey({ secrets, keychain: createKeychain(), signal }, key);
    return kept === undefined ? { key } : { key, proof: await openKey(kept, secrets, curve) };
  } catch (error) {
    // Nobody said that the key is there: a machine without a keychain is no failure.
    if (isDecampError(error, "no-keychain")) {
      return { key };
    }
    throw error;
  }
}
