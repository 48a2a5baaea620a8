/** A place that keeps one private key: an encrypted file, or the keychain of the system. */
import { DecampError, isDecampError } from "../../errors.ts";
import { encryptText, isArmored, isCutOff } from "./age-file.ts";
import { readWhole, refuseExisting, writeNew } from "../disk/files.ts";
import type { Keychain } from "./keychain.ts";

/** A place for one private key. */
export interface KeyStore {
  /**
   * Keeps the text of a private key; durable when this resolves.
   *
   * @throws DecampError `refused` if a file is there already; `no-keychain`, `storage`, `interrupted`
   */
  keep(text: string): Promise<void>;
  /** What is kept, as it lies there; undefined if nothing is. Throws as `keep`. */
  recall(): Promise<string | undefined>;
}

/** An age file that is made when the key is kept, and never overwritten. */
export function createKeyFile(path: string, passphrase: string): KeyStore {
  return {
    keep: async (text) => writeNew(path, await encryptText(text, passphrase)),
    recall: async () => {
      const bytes = await readWhole(path);
      return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
    },
  };
}

/**
 * Looks, before any work is done, whether a key can be kept in a file at `path`.
 *
 * @throws DecampError `refused` if there is something of that name, and says so where that is no whole key file;
 *   `storage`
 */
export async function refuseTaken(path: string): Promise<void> {
  try {
    await refuseExisting(path);
  } catch (error) {
    const remnant = isDecampError(error, "refused") ? await remnantAt(path) : undefined;
    if (remnant === undefined) {
      throw error;
    }
    throw new DecampError("refused", `${path} is there already, and ${remnant}: no key can be read from it.`, {
      hint: `A run that was killed in the middle may have left it. If so, remove it (rm ${path}) and run the same command again; or give another name.`,
      data: { path },
      cause: error,
    });
  }
}

/** The text of a whole key file that is encrypted with a passphrase, as it lies there; undefined for anything else. */
export async function keyFileAt(path: string): Promise<string | undefined> {
  // What cannot be looked at is no key file; who then writes there is told why.
  const bytes = await readWhole(path).catch(() => undefined);
  const text = new TextDecoder().decode(bytes);
  return isArmored(text) && !isCutOff(text) ? text : undefined;
}

/** Why no key can be read from a file: empty, or cut off by an older version; undefined for any other file. */
async function remnantAt(path: string): Promise<string | undefined> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readWhole(path);
  } catch {
    // It cannot be looked at: it is there, and that is all.
  }
  if (bytes === undefined) {
    return undefined;
  }
  return bytes.length === 0 ? "is empty" : isCutOff(new TextDecoder().decode(bytes)) ? "was cut off" : undefined;
}

/** The entry of the keychain under a name. */
export function createKeychainStore(keychain: Keychain, name: string, signal: AbortSignal): KeyStore {
  return {
    keep: async (text) => keychain.keep(name, text, signal),
    recall: async () => keychain.find(name, signal),
  };
}
