/** A place that keeps one private key: an encrypted file, or the keychain of the system. */
import { encryptText } from "./age-file.ts";
import { readWhole, writeNew } from "./files.ts";
import type { Keychain } from "./keychain.ts";

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

/** The entry of the keychain under a name. */
export function createKeychainStore(keychain: Keychain, name: string, signal: AbortSignal): KeyStore {
  return {
    keep: async (text) => keychain.keep(name, text, signal),
    recall: async () => keychain.find(name, signal),
  };
}
