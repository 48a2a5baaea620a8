/** Keys that are typed as arguments: public ones, and the guard against private ones. */
import { DecampError } from "../errors.ts";
import { parseDidKey } from "../identity/keys.ts";

/** Before anything repeats it: a private key that was typed as an argument. @throws DecampError `usage` */
export function refusePrivateKey(text: string | undefined): void {
  if (text !== undefined && (/^[0-9a-f]{64}$/i.test(text) || /^z[1-9A-HJ-NP-Za-km-z]{40,}$/.test(text))) {
    throw new DecampError("usage", "A private key is never an argument: others could read it there.", {
      hint: "Put it into a file that only you can read, or pipe it in and give -. If this key is in use, it is no longer safe.",
    });
  }
}

/** @throws DecampError `usage` for anything but a k256 or p256 did:key */
export function requireDidKey(text: string): string {
  refusePrivateKey(text);
  try {
    return parseDidKey(text).didKey;
  } catch (cause) {
    const what = text.startsWith("did:key:") ? `: ${text.slice(0, 100)}` : "";
    throw new DecampError("usage", `A key is given as a k256 or p256 did:key, and this is none${what}.`, {
      hint: "The public part of a rotation key looks like did:key:zQ3sh… or did:key:zDn…",
      cause,
    });
  }
}
