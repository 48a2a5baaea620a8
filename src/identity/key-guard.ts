/**
 * Private keys in texts where only public ones belong: told from others, and kept out of what is said about the text.
 */

/**
 * What a private key of the two curves looks like in multibase, whole or nearly: codec and number make these
 * beginnings.
 */
const multikey = /z(?:3vL|42[tu])[1-9A-HJ-NP-Za-km-z]{25,}/g;

/** Whether a text has a private key in it that cannot be anything else: multibase, PEM, or a JWK. */
export function holdsPrivateKey(text: string): boolean {
  return (
    text.search(multikey) >= 0 ||
    /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----/.test(text) ||
    /"d"\s*:\s*"[\w-]{43}"/.test(text)
  );
}

/** Whether a text that should be a public key, or the name of a file, could be a private key: also as digits alone. */
export function couldBePrivateKey(text: string): boolean {
  const bare = text.replace(/^did:key:/i, "");
  return holdsPrivateKey(text) || /^(?:0x)?[0-9a-f]{64}$/i.test(bare) || /^z[1-9A-HJ-NP-Za-km-z]{40,}$/.test(text);
}

/** A text without the private keys that are in it, for messages. */
export function concealKeys(text: string): string {
  return text.replaceAll(multikey, "[private key]");
}

/** The same for a text that stands where a public key belongs, where digits alone could be a private one. */
export function shownKey(text: string): string {
  return /^(?:did:key:)?(?:0x)?[0-9a-f]{40,}$/i.test(text) ? "[perhaps a private key]" : concealKeys(text);
}
