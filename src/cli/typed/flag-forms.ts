/**
 * What the values of flags have to look like. All are looked at before a command begins, whatever it needs first, and
 * the sentence names the flag. Only the form: whether there is such a thing, others find out.
 */
import { isCid } from "../../data/cid.ts";
import { shortened } from "../../data/shortened.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { isDid, parseAccount } from "../../identity/names.ts";
import { isNsid } from "../../repo/path.ts";
import { refusePrivateKey } from "../argument-guard.ts";
import { requireDidKey } from "../did-key.ts";
import type { FormedFlag } from "./given-flags.ts";

/** What every value of a kind is asked. It throws, or says what the value is not, and what one looks like. */
type Check = (text: string, allowPrivateHosts: boolean) => undefined | readonly [what: string, hint: string];

const publicKey: Check = (text) => void requireDidKey(text);

const forms: Readonly<Record<string, Check>> = {
  url: (text, allowPrivateHosts) => void parseServerUrl(text, { allowPrivateHosts }),
  "did:key": publicKey,
  // The file of it, or a command: who gives the key itself has to know that it is no longer safe.
  "rotation-key": (text) => {
    refusePrivateKey(text);
    return undefined;
  },
  // A file, unless it begins like a public key.
  key: (text, of) => (text.startsWith("did:") ? publicKey(text, of) : undefined),
  account: (text) => void parseAccount(text),
  handle: (text) => (isHandleAsPasted(text) ? undefined : ["a handle", "It looks like alice.example.com."]),
  did: (text) => (isDid(text) ? undefined : ["a DID", "It looks like did:plc:ewvi7nxzyoun6zhxrhs64oiz."]),
  cid: (text) => (isCid(text) ? undefined : ["a CID", "It looks like bafyrei… or bafkrei…, and has 59 letters."]),
  nsid: (text) => (isNsid(text) ? undefined : ["a collection", "It looks like app.bsky.feed.post."]),
  address: (text) =>
    /^[^@\s]+@[^@\s]+$/.test(text) ? undefined : ["an e-mail address", "It looks like a@example.com."],
};

function isHandleAsPasted(text: string): boolean {
  try {
    return parseAccount(text).type === "handle";
  } catch {
    return false;
  }
}

/**
 * Looks at the values of flags.
 *
 * @throws DecampError `usage`, `invalid-url`, `insecure-url` or `invalid-account`, for the first that has not the form
 */
export function checkForms(given: readonly FormedFlag[], allowPrivateHosts: boolean): void {
  for (const { flag, kind, value } of given) {
    try {
      const fault = forms[kind]?.(value, allowPrivateHosts);
      if (fault !== undefined) {
        const [what, hint] = fault;
        throw new DecampError("usage", `${JSON.stringify(shortened(value))} is not ${what}.`, { hint });
      }
    } catch (error) {
      throw isDecampError(error) ? named(flag, value, error) : error;
    }
  }
}

/** The same error, with the flag before its sentence. */
function named(flag: string, value: string, error: DecampError): DecampError {
  const { code, message, data } = error;
  const isHost = code === "invalid-url" && /^[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?$/i.test(value);
  return new DecampError(code, `${flag}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`, {
    hint: isHost ? `Did you mean ${flag} https://${value}?` : error.hint,
    data,
    cause: error,
  });
}
