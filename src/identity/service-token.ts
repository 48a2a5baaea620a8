/**
 * A service auth token that the account's own signing key signs, in place of a server's (spec: XRPC, "Inter-Service
 * Authentication"). A server asks the DID document for the key, so only the key that stands there now counts.
 */

import { isJsonObject } from "../data/json-object.ts";
import { verifySignature, type Curve } from "./keys.ts";

/** What a token says, and what it takes to sign it. */
export interface ServiceTokenParts {
  /** The account, a DID. */
  readonly issuer: string;
  /** The DID of the server that is to take it. */
  readonly audience: string;
  /** The one method that it is good for, an NSID. */
  readonly method: string;
  /** Epoch milliseconds, by the clock of whoever judges it. */
  readonly now: number;
  /** What no other token has, as text. */
  readonly nonce: string;
}

/** So long a token is good (seconds): the reference servers make it so long, too. */
const lifetime = 60;

const algorithms: Readonly<Record<Curve, string>> = { k256: "ES256K", p256: "ES256" };

/**
 * Signs a token: three parts of base64url, as RFC 7515 has it.
 *
 * @param key the signing key; `sign` answers ECDSA over SHA-256, 64 bytes, S in the lower half
 */
export async function signServiceToken(
  { issuer, audience, method, now, nonce }: ServiceTokenParts,
  key: { readonly curve: Curve; sign(data: Uint8Array): Promise<Uint8Array> },
): Promise<string> {
  const iat = Math.floor(now / 1000);
  const header = { typ: "JWT", alg: algorithms[key.curve] };
  const payload = { iss: issuer, aud: audience, lxm: method, iat, exp: iat + lifetime, jti: nonce };
  const signed = [header, payload].map((part) => base64url(Buffer.from(JSON.stringify(part)))).join(".");
  return `${signed}.${base64url(await key.sign(Buffer.from(signed)))}`;
}

/**
 * Whether a token was signed with a key, for this account and this method: whoever had it made can have that key sign.
 *
 * @param didKey that has to have signed it
 * @param asked what was asked for
 */
export function isServiceTokenBy(
  didKey: string,
  token: string,
  asked: Pick<ServiceTokenParts, "issuer" | "audience" | "method">,
): boolean {
  const [header = "", payload = "", signature = ""] = token.split(".");
  try {
    const said: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    const { iss, aud, lxm } = isJsonObject(said) ? said : {};
    return (
      iss === asked.issuer &&
      aud === asked.audience &&
      lxm === asked.method &&
      verifySignature(didKey, Buffer.from(`${header}.${payload}`), Buffer.from(signature, "base64url"))
    );
  } catch {
    return false;
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
