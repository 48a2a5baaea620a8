/**
 * Where a rotation key comes from: the file or the command that a flag names, the environment, the keychain, or a
 * prompt, in this order. If it is encrypted, its passphrase is asked for then.
 */
import { DecampError, isDecampError } from "../errors.ts";
import type { Curve } from "../identity/keys.ts";
import { parsePrivateKey, type PrivateKey } from "../identity/private-key.ts";
import { decryptText, isArmored } from "../services/age-file.ts";
import type { Keychain } from "../services/keychain.ts";
import { refusePrivateKey } from "./argument-guard.ts";
import { agreeOnKey } from "../services/second-opinion.ts";
import type { RotationKeyFlags } from "./declare/shape.ts";
import { nonEmpty } from "./globals.ts";
import type { AllSecretFlags, Secrets } from "./secrets.ts";

/** How often a person may try a passphrase. */
const tries = 3;

export interface KeySources {
  readonly secrets: Secrets;
  readonly keychain: Keychain;
  readonly signal: AbortSignal;
}

export interface WantedKey {
  /** The curve of a key in hex; k256 unless given. */
  readonly curve?: Curve | undefined;
  /** The did:keys that would do, the best first: these are looked for in the keychain. */
  readonly didKeys: readonly string[];
}

/**
 * The flags of `rotationKeyOptions`, for `checkSecretFlags` and `createSecrets`.
 *
 * @throws DecampError `usage` if the key itself is in the place of its file or command
 */
export function rotationKeySecrets(flags: RotationKeyFlags): AllSecretFlags {
  refusePrivateKey(flags.rotationKeyFile);
  refusePrivateKey(flags.rotationKeyCommand);
  return {
    rotationKey: { file: flags.rotationKeyFile, command: flags.rotationKeyCommand },
    passphrase: { file: flags.passphraseFile, command: flags.passphraseCommand },
  };
}

/** Whether a flag or the environment names a rotation key: then it signs, and nobody else is asked to. */
export function namesRotationKey(flags: RotationKeyFlags, env: Readonly<NodeJS.ProcessEnv>): boolean {
  const { rotationKeyFile, rotationKeyCommand } = flags;
  return [rotationKeyFile, rotationKeyCommand, nonEmpty(env["PLC_SIGNING_KEY"])].some((source) => source !== undefined);
}

/**
 * Reads the rotation key. Whether it is one that is wanted is for the caller to judge: it knows what the key has to do.
 *
 * @throws DecampError `input-needed` if there is none and nobody can be asked; `key-unusable`, `passphrase-refused`,
 *   `second-opinion`, `refused` for a file that others can read, `unreadable-file`, `interrupted`
 */
export async function readRotationKey(sources: KeySources, wanted: WantedKey): Promise<PrivateKey> {
  const { text } = await findRotationKey(sources, wanted.didKeys);
  return openKey(text, sources.secrets, wanted.curve);
}

/** The same for later: the key is read when it is known which ones would do. The keychain is loaded only then. */
export function rotationKeyOpener(
  secrets: Secrets,
  curve: Curve | undefined,
  signal: AbortSignal,
): (didKeys: readonly string[]) => Promise<PrivateKey> {
  return async (didKeys) => {
    const { createKeychain } = await import("../services/keychain.ts");
    return readRotationKey({ secrets, keychain: createKeychain(), signal }, { curve, didKeys });
  };
}

/** A private key as it was found, perhaps encrypted. */
export interface FoundKey {
  readonly text: string;
  readonly from: "given" | "keychain" | "typed";
}

/**
 * Finds the text of a rotation key, as `readRotationKey` does.
 *
 * @throws DecampError `input-needed`, `unreadable-file`, `refused`, `interrupted`
 */
export async function findRotationKey(sources: KeySources, didKeys: readonly string[]): Promise<FoundKey> {
  const { secrets } = sources;
  const given = await secrets.readGiven("rotationKey");
  if (given !== undefined) {
    return { text: given, from: "given" };
  }
  const kept = await findInKeychain(sources, didKeys);
  if (kept !== undefined) {
    return { text: kept, from: "keychain" };
  }
  const message = "The private key (z…, or 64 hex digits):";
  return { text: await secrets.read("rotationKey", { message }), from: "typed" };
}

/**
 * Reads a private key from its text, and asks for the passphrase if that is an age file. Whoever gets it relies on its
 * public part, so that is derived by somebody else's code, too.
 *
 * @throws DecampError `key-unusable`, `second-opinion`, `passphrase-refused`, `input-needed`, `unreadable-file`, `interrupted`
 */
export async function openKey(text: string, secrets: Secrets, curve?: Curve): Promise<PrivateKey> {
  const key = parsePrivateKey(isArmored(text) ? await decrypt(text, secrets) : text, curve);
  secrets.conceal(key.reveal());
  await agreeOnKey(key);
  return key;
}

async function decrypt(text: string, secrets: Secrets): Promise<string> {
  const given = await secrets.readGiven("passphrase");
  for (let attempt = 1; ; attempt += 1) {
    const message =
      attempt === 1 ? "Passphrase of the key file:" : `That does not open it. Once more (${attempt} of ${tries}):`;
    const passphrase = given ?? (await secrets.read("passphrase", { message, again: attempt > 1 }));
    try {
      const opened = await decryptText(text, passphrase);
      secrets.conceal(opened);
      return opened;
    } catch (error) {
      if (given !== undefined || attempt >= tries || !isDecampError(error, "passphrase-refused")) {
        throw error;
      }
    }
  }
}

/**
 * The text of the private key that belongs to a did:key.
 *
 * @throws DecampError `key-unusable` if another key lies under this name; `no-keychain`, `interrupted`
 */
export async function recallKey(
  { keychain, secrets, signal }: KeySources,
  didKey: string,
): Promise<string | undefined> {
  const text = await keychain.find(didKey, signal);
  if (text !== undefined && (await openKey(text, secrets)).didKey !== didKey) {
    throw new DecampError("key-unusable", `The keychain has another key under the name of ${didKey}.`, {
      hint: "Somebody has changed it. Look at what the keychain has of decamp.",
    });
  }
  return text;
}

async function findInKeychain(sources: KeySources, didKeys: readonly string[]): Promise<string | undefined> {
  try {
    for (const didKey of didKeys) {
      const found = await recallKey(sources, didKey);
      if (found !== undefined) {
        return found;
      }
    }
  } catch (error) {
    // Nobody said that the key is there: a machine without a keychain is no failure.
    if (!isDecampError(error, "no-keychain")) {
      throw error;
    }
  }
  return undefined;
}
