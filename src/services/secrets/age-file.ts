/**
 * Texts that are encrypted with a passphrase, in the age format (age-encryption.org/v1: scrypt, armored), so that `age`
 * and other standard tools can open them. The code for it is loaded when it is needed.
 */
import { DecampError } from "../../errors.ts";

const begin = "-----BEGIN AGE ENCRYPTED FILE-----";
const end = "-----END AGE ENCRYPTED FILE-----";

/** scrypt's cost as a power of two: what `age` itself uses. */
const usualCost = 18;

/** Whether a text is an armored age file. */
export function isArmored(text: string): boolean {
  return text.trimStart().startsWith(begin);
}

/** Whether a text is the beginning of an armored age file, and not the whole of one. */
export function isCutOff(text: string): boolean {
  const start = text.trimStart();
  return start !== "" && (begin.startsWith(start) || (isArmored(text) && !text.includes(end)));
}

/**
 * Encrypts a text.
 *
 * @param cost scrypt's cost as a power of two; less than the usual one is for tests
 */
export async function encryptText(text: string, passphrase: string, cost: number = usualCost): Promise<string> {
  const { armor, Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(cost);
  return `${armor.encode(await encrypter.encrypt(text)).trimEnd()}\n`;
}

/**
 * Opens an armored age file.
 *
 * @throws DecampError `passphrase-refused`; `key-unusable` if it is not encrypted with a passphrase, or is damaged
 */
export async function decryptText(armored: string, passphrase: string): Promise<string> {
  const { armor, Decrypter } = await import("age-encryption");
  let file: Uint8Array;
  try {
    file = armor.decode(armored.trim());
  } catch (cause) {
    throw damaged(cause);
  }
  const header = Buffer.from(file.subarray(0, 256)).toString("latin1");
  if (header.startsWith("age-encryption.org/v1\n-> ") && !header.includes("\n-> scrypt ")) {
    throw new DecampError(
      "key-unusable",
      "This age file is not encrypted with a passphrase, but for a key of age's own.",
      {
        hint: "Open it with age, and hand the key over by a command: --rotation-key-command 'age -d -i IDENTITY FILE'.",
      },
    );
  }
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return await decrypter.decrypt(file, "text");
  } catch (cause) {
    if (cause instanceof Error && cause.message.startsWith("no identity matched")) {
      throw new DecampError("passphrase-refused", "The passphrase does not open the key file.", { cause });
    }
    throw damaged(cause);
  }
}

function damaged(cause: unknown): DecampError {
  return new DecampError("key-unusable", "The encrypted file is damaged, or was not copied whole.", { cause });
}
