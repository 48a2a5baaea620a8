/** Public keys that are typed as arguments. */
import { DecampError } from "../errors.ts";
import { parseDidKey } from "../identity/keys.ts";
import { refusePrivateKey } from "./argument-guard.ts";

/**
 * @throws DecampError `usage` for anything but a k256 or p256 did:key; it is repeated only if it begins like a public
 *   key
 */
export function requireDidKey(text: string): string {
  refusePrivateKey(text);
  try {
    return parseDidKey(text).didKey;
  } catch {
    // Without the cause, which names the text too.
    const what = /^did:key:z(?:Q3s|Dn|6M)/.test(text) ? `: ${text.slice(0, 100)}` : "";
    throw new DecampError("usage", `A key is given as a k256 or p256 did:key, and this is none${what}.`, {
      hint: "The public part of a rotation key looks like did:key:zQ3sh… or did:key:zDn…",
    });
  }
}
