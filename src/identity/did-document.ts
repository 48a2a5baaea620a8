/**
 * DID documents, as far as AT Protocol reads them: signing key, PDS, handle (spec: DID, "DID Documents"). Both styles
 * are read: Multikey with full ids, and the legacy key types with bare fragments. Whether the document is true is not
 * asked here.
 */
import { isJsonObject } from "../data/json-object.ts";
import { DecampError, isDecampError } from "../errors.ts";
import { parseLegacyMultibase, parseMultikey } from "./keys.ts";
import { isHandle } from "./names.ts";

/** What a DID document says of an account. */
export interface DidDocument {
  readonly did: string;
  readonly alsoKnownAs: readonly string[];
  /** The handle that the document claims: the first `at://` alias that is one. Claimed, not confirmed. */
  readonly handle?: string;
  /** The key that signs the repository, as did:key. Missing if the document names none that can be used. */
  readonly signingKey?: string;
  /** The origin of the PDS. Missing if the document names none that can be used. */
  readonly pds?: string;
  /** The document as it came. */
  readonly raw: unknown;
}

/**
 * Reads a DID document.
 *
 * @param value the parsed JSON
 * @param did the DID that was asked for
 * @throws DecampError `identity-invalid` with data `rule`, if it is no DID document, or that of another DID. A key, PDS
 *   or
 * handle that is missing or cannot be used is left out of the result, and is no error.
 */
export function parseDidDocument(value: unknown, did: string): DidDocument {
  if (!isJsonObject(value)) {
    throw new DecampError("identity-invalid", `The DID document of ${did} is not a JSON object.`, {
      data: { rule: "did-document/form", did },
    });
  }
  if (value["id"] !== did) {
    throw new DecampError("identity-invalid", `The DID document that came for ${did} belongs to another DID.`, {
      data: { rule: "did-document/id", did },
    });
  }
  const alsoKnownAs = list(value["alsoKnownAs"]).filter((alias) => typeof alias === "string");
  const handle = claimedHandle(alsoKnownAs);
  const signingKey = findSigningKey(value, did);
  const pds = findPds(value, did);
  return {
    did,
    alsoKnownAs,
    ...(handle === undefined ? {} : { handle }),
    ...(signingKey === undefined ? {} : { signingKey }),
    ...(pds === undefined ? {} : { pds }),
    raw: value,
  };
}

/** The handle that a list of aliases claims: the first that is `at://` and a valid handle. Later ones do not count. */
function claimedHandle(alsoKnownAs: readonly string[]): string | undefined {
  for (const alias of alsoKnownAs) {
    const name = alias.startsWith("at://") ? alias.slice("at://".length).toLowerCase() : "";
    if (isHandle(name)) {
      return name;
    }
  }
  return undefined;
}

/** Whether an error says that no document came: the directory has none, cannot make it, or sends something else. */
export function isUnrendered(error: unknown): error is DecampError {
  return (
    isDecampError(error, "account-not-found", "server-refused", "bad-answer") ||
    (isDecampError(error, "identity-invalid") && error.data["rule"] === "did-document/form")
  );
}

function findSigningKey(document: Record<string, unknown>, did: string): string | undefined {
  const method = findById(document["verificationMethod"], did, "atproto");
  const multibase = method?.["publicKeyMultibase"];
  if (method === undefined || typeof multibase !== "string" || method["controller"] !== did) {
    return undefined;
  }
  try {
    switch (method["type"]) {
      case "Multikey":
        return parseMultikey(multibase).didKey;
      case "EcdsaSecp256k1VerificationKey2019":
        return parseLegacyMultibase("k256", multibase).didKey;
      case "EcdsaSecp256r1VerificationKey2019":
        return parseLegacyMultibase("p256", multibase).didKey;
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

function findPds(document: Record<string, unknown>, did: string): string | undefined {
  const service = findById(document["service"], did, "atproto_pds");
  const endpoint = service?.["serviceEndpoint"];
  return service?.["type"] === "AtprotoPersonalDataServer" ? originOfPds(endpoint) : undefined;
}

/** The origin of a server by its endpoint; undefined if that cannot be used. */
export function originOfPds(endpoint: unknown): string | undefined {
  if (typeof endpoint !== "string") {
    return undefined;
  }
  return /^https?:\/\/[^/?#@\\\s]+\/?$/.test(endpoint) && URL.canParse(endpoint) ? new URL(endpoint).origin : undefined;
}

/** The first entry counts, even if it turns out to be useless: a later one must not stand in for it. */
function findById(entries: unknown, did: string, fragment: string): Record<string, unknown> | undefined {
  return list(entries)
    .filter((entry) => isJsonObject(entry))
    .find((entry) => entry["id"] === `#${fragment}` || entry["id"] === `${did}#${fragment}`);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
