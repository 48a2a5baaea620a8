/** A private key is kept first, read back from where it lies, and tried; only then does anybody rely on it. */
import { DecampError } from "../errors.ts";
import { verifySignature } from "../identity/keys.ts";
import type { PrivateKey } from "../identity/private-key.ts";
import type { KeyStore } from "../services/secrets/key-store.ts";
import { agreeOnKey, agreeOnSignature } from "../services/second-opinion.ts";
import type { Signer } from "./sign-by-key.ts";

/** How a key is written down. */
export interface KeyForm {
  /** The text that is kept. */
  readonly write: (key: PrivateKey) => string;
  /** The key that a kept text has, decrypted if it is encrypted. */
  readonly read: (text: string) => Promise<PrivateKey>;
}

/**
 * Keeps a key, reads it back, and signs with what was read.
 *
 * @returns the key as it was read back
 * @throws DecampError `second-opinion` before anything is kept; `storage` if what is read back is not the key; what the
 *   store and the form throw
 */
export async function keepKey(store: KeyStore, key: PrivateKey, form: KeyForm): Promise<PrivateKey> {
  await agreeOnKey(key);
  await store.keep(form.write(key));
  const text = await store.recall();
  if (text === undefined) {
    throw lost("it is not there");
  }
  const kept = await form.read(text);
  if (kept.didKey !== key.didKey) {
    throw lost("it is another key");
  }
  await trySigning(kept);
  return kept;
}

/**
 * Signs something, and verifies it.
 *
 * @throws DecampError `key-unusable` if the signature does not verify, `second-opinion`; and what the signer throws
 */
export async function trySigning(key: Signer): Promise<void> {
  const data = new TextEncoder().encode("a test of decamp");
  const signature = await key.sign(data);
  if (!verifySignature(key.didKey, data, signature)) {
    throw new DecampError("key-unusable", `What the key ${key.didKey} signs does not verify.`);
  }
  await agreeOnSignature(key.didKey, data, signature);
}

function lost(why: string): DecampError {
  return new DecampError("storage", `The key was kept, but when it was read back, ${why}.`, {
    hint: "Do not use this key. Keep one in another place.",
  });
}
