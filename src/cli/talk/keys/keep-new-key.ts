/** Keeps a rotation key: in a file, encrypted with a passphrase that is typed twice, or in the keychain. */
import { keepKey } from "../../../account/keep-key.ts";
import type { PrivateKey } from "../../../identity/private-key.ts";
import { createKeychainStore, createKeyFile } from "../../../services/secrets/key-store.ts";
import { openKey, type KeySources } from "../rotation-key.ts";

/**
 * Keeps a key, reads it back, and tries it.
 *
 * @param path of the file; the keychain unless given
 * @returns the key as it was read back
 * @throws DecampError `refused` for a file that is there already, `no-keychain`, `key-unusable`, `input-needed`,
 *   `storage`, `interrupted`
 */
export async function keepNewKey(
  key: PrivateKey,
  path: string | undefined,
  { secrets, keychain, signal }: KeySources,
): Promise<PrivateKey> {
  const read = async (text: string): Promise<PrivateKey> => openKey(text, secrets);
  if (path === undefined) {
    return keepKey(createKeychainStore(keychain, key.didKey, signal), key, { write: (kept) => kept.reveal(), read });
  }
  // A slip of the fingers would lock the key away for ever.
  const passphrase = await secrets.read("passphrase", {
    message: "A passphrase for the key file:",
    repeat: "The same passphrase once more:",
    afterwards: "Writing the key file, and opening it once…",
    guardsFile: true,
    isNew: true,
  });
  return keepKey(createKeyFile(path, passphrase), key, { write: withRemarks, read });
}

/** What stands in the file, for whoever opens it in ten years. */
function withRemarks(key: PrivateKey): string {
  return [
    `# A private key of the AT Protocol (${key.curve}), written by decamp on ${new Date().toISOString().slice(0, 10)}.`,
    "# Whoever has it can change the identity of every account that lists it.",
    `# public key: ${key.didKey}`,
    key.reveal(),
    "",
  ].join("\n");
}
