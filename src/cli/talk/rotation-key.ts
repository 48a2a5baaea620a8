/**
 * Where a rotation key comes from: the file or the command that a flag names, the environment, the keychain, or a
 * prompt, in this order. If it is encrypted, its passphrase is asked for then. Or it stays where it is, and a command
 * signs.
 */
import type { Signer } from "../../account/sign-by-key.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import type { Curve } from "../../identity/keys.ts";
import type { PrivateKey } from "../../identity/private-key.ts";
import { decryptText, isArmored } from "../../services/secrets/age-file.ts";
import type { Keychain } from "../../services/secrets/keychain.ts";
import { refusePrivateKey } from "../argument-guard.ts";
import type { RotationKeyFlags, RotationSignerFlags } from "../shape.ts";
import { requireDidKey } from "../did-key.ts";
import { nonEmpty } from "../globals.ts";
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

/** A key that stays where it is: the command that signs with it, and its public part. */
export interface OutsideSigner {
  readonly command: string;
  readonly didKey: string;
}

/**
 * What the flags say about a command that signs.
 *
 * @throws DecampError `usage` if one of the two is missing, or another flag names a key, too
 */
export function outsideSigner(flags: RotationKeyFlags & RotationSignerFlags): OutsideSigner | undefined {
  const { rotationSignerCommand: command, rotationSignerKey: key, rotationKeyFile, rotationKeyCommand } = flags;
  if (command === undefined && key === undefined) {
    return undefined;
  }
  if (command === undefined || key === undefined) {
    throw new DecampError("usage", "--rotation-signer-command and --rotation-signer-key belong together.", {
      hint: "The one is run to sign; the other, a did:key, says which key it signs with.",
    });
  }
  for (const [flag, value] of Object.entries({ file: rotationKeyFile, command: rotationKeyCommand })) {
    if (value !== undefined) {
      throw new DecampError(
        "usage",
        `--rotation-key-${flag} and --rotation-signer-command both name a key: give only one.`,
      );
    }
  }
  return { command, didKey: requireDidKey(key) };
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

/** The file of the key that `--recovery-key` names, which can undo the move then; undefined if it is no file. */
export function keyFileOf(recoveryKey: string | undefined): string | undefined {
  return recoveryKey === undefined || recoveryKey === "-" || recoveryKey.startsWith("did:") ? undefined : recoveryKey;
}

/**
 * The flags with which another command opens the same rotation key; none where it finds the key by itself, or it was
 * typed.
 *
 * @param recoveryKey the key that this run has put into the identity, if it has
 */
export function keyWords(flags: RotationKeyFlags & RotationSignerFlags, recoveryKey?: string): readonly string[] {
  const { rotationKeyFile, rotationKeyCommand, rotationSignerCommand, rotationSignerKey } = flags;
  const file = keyFileOf(recoveryKey) ?? keyFileOf(rotationKeyFile);
  return Object.entries({
    "--rotation-key-file": file,
    "--rotation-key-command": file === undefined ? rotationKeyCommand : undefined,
    "--rotation-signer-command": file === undefined ? rotationSignerCommand : undefined,
    "--rotation-signer-key": file === undefined ? rotationSignerKey : undefined,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
}

/** Whether a flag or the environment names a rotation key: then it signs, and nobody else is asked to. */
export function namesRotationKey(
  flags: RotationKeyFlags & RotationSignerFlags,
  env: Readonly<NodeJS.ProcessEnv>,
): boolean {
  const { rotationKeyFile, rotationKeyCommand, rotationSignerCommand } = flags;
  const sources = [rotationKeyFile, rotationKeyCommand, rotationSignerCommand, nonEmpty(env["PLC_SIGNING_KEY"])];
  return sources.some((source) => source !== undefined);
}

/**
 * Reads the rotation key. Whether it is one that is wanted is for the caller to judge: it knows what the key has to do.
 *
 * @throws DecampError `input-needed` if there is none and nobody can be asked; `key-unusable`, `passphrase-refused`,
 *   `second-opinion`, `refused` for a file that others can read, `unreadable-file`, `interrupted`
 */
export async function readRotationKey(sources: KeySources, wanted: WantedKey): Promise<PrivateKey> {
  const { secrets } = sources;
  const found = await findRotationKey(sources, wanted.didKeys, askedWithFlags);
  let { text } = found;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await openKey(text, secrets, wanted.curve);
    } catch (error) {
      if (found.from !== "typed" || attempt >= tries || !isDecampError(error, "key-unusable")) {
        throw error;
      }
    }
    text = await secrets.read("rotationKey", askedOnceMore(attempt + 1));
  }
}

/**
 * The same for later: the key is read when it is known which ones would do. The keychain is loaded only then.
 *
 * @param outside signs in place of a key that is read
 */
export function rotationKeyOpener(
  secrets: Secrets,
  curve: Curve | undefined,
  outside: OutsideSigner | undefined,
  signal: AbortSignal,
): (didKeys: readonly string[]) => Promise<Signer> {
  return async (didKeys) => {
    if (outside !== undefined) {
      const { signByCommand } = await import("../../services/secrets/signer-command.ts");
      const sign: Signer["sign"] = async (data) =>
        secrets.command(async (env) => signByCommand({ ...outside, env, signal }, data));
      return { didKey: outside.didKey, sign };
    }
    const { createKeychain } = await import("../../services/secrets/keychain.ts");
    return readRotationKey({ secrets, keychain: createKeychain(), signal }, { curve, didKeys });
  };
}

/**
 * The same where nobody is to be asked and no command run: the key of a file or the environment, if it is not encrypted
 * or its passphrase is given in the same way; undefined otherwise.
 */
export function keyAtHand(secrets: Secrets, curve: Curve | undefined): () => Promise<Signer | undefined> {
  return async () => {
    const text = secrets.isGivenBeforehand("rotationKey") ? await secrets.readGiven("rotationKey") : undefined;
    const isOpen = text !== undefined && (!isArmored(text) || secrets.isGivenBeforehand("passphrase"));
    return isOpen ? openKey(text, secrets, curve) : undefined;
  };
}

/** A private key as it was found, perhaps encrypted. */
export interface FoundKey {
  readonly text: string;
  readonly from: "given" | "keychain" | "typed";
}

/** How a rotation key is asked for that a flag could have named. */
const askedWithFlags = {
  message: "Your rotation key: its file, such as ./rotation-key.age, or its private part (z…, or 64 hex digits):",
  mayBeFile: true,
};

function askedOnceMore(attempt: number): Parameters<Secrets["read"]>[1] {
  const message = `That is no private key. If it lies in a file, type that, such as ./rotation-key.age. Once more (${attempt} of ${tries}):`;
  return { message, mayBeFile: true, again: true };
}

/**
 * Finds the text of a rotation key, as `readRotationKey` does.
 *
 * @param question how a person is asked, and what would have answered
 * @throws DecampError `input-needed`, `unreadable-file`, `refused`, `interrupted`
 */
export async function findRotationKey(
  sources: KeySources,
  didKeys: readonly string[],
  question: Parameters<Secrets["read"]>[1],
): Promise<FoundKey> {
  const { secrets } = sources;
  const given = await secrets.readGiven("rotationKey");
  if (given !== undefined) {
    return { text: given, from: "given" };
  }
  const kept = await findInKeychain(sources, didKeys);
  if (kept !== undefined) {
    return { text: kept, from: "keychain" };
  }
  return { text: await secrets.read("rotationKey", question), from: "typed" };
}

/**
 * Reads a private key from its text, and asks for the passphrase if that is an age file. Whoever gets it relies on its
 * public part, so that is derived by somebody else's code, too.
 *
 * @throws DecampError `key-unusable`, `second-opinion`, `passphrase-refused`, `input-needed`, `unreadable-file`,
 *   `interrupted`
 */
export async function openKey(text: string, secrets: Secrets, curve?: Curve): Promise<PrivateKey> {
  const [{ parsePrivateKey }, { agreeOnKey }] = await Promise.all([
    import("../../identity/private-key.ts"),
    import("../../services/second-opinion.ts"),
  ]);
  const key = parsePrivateKey(isArmored(text) ? await decrypt(text, secrets) : text, curve);
  secrets.conceal(key.reveal());
  await agreeOnKey(key);
  return key;
}

/** What was opened, by how it lay there: nobody types a passphrase twice for one file, where there are two. */
const openedBefore = new WeakMap<Secrets, Map<string, string>>();

async function decrypt(text: string, secrets: Secrets): Promise<string> {
  const before = openedBefore.get(secrets) ?? new Map<string, string>();
  openedBefore.set(secrets, before);
  const opened = before.get(text) ?? (await decryptAnew(text, secrets));
  before.set(text, opened);
  secrets.conceal(opened);
  return opened;
}

async function decryptAnew(text: string, secrets: Secrets): Promise<string> {
  const given = await secrets.readGiven("passphrase");
  // What was typed for another file may open this one, too, and need not.
  const isOfAnother = secrets.isTyped("passphrase");
  for (let attempt = given === undefined ? 1 : 0; ; attempt += 1) {
    const message =
      attempt <= 1
        ? "Passphrase of the key file:"
        : `That passphrase does not open the key file. Once more (${attempt} of ${tries}):`;
    const again = attempt > 1 || given !== undefined;
    const passphrase =
      attempt === 0 && given !== undefined
        ? given
        : await secrets.read("passphrase", { message, afterwards: "Opening the key file…", again });
    try {
      return await decryptText(text, passphrase);
    } catch (error) {
      const isLast = attempt === 0 ? !isOfAnother : attempt >= tries;
      if (isLast || !isDecampError(error, "passphrase-refused")) {
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
