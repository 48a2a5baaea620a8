/** What accounts are called: DIDs and handles (spec: DID, Handle). Syntax only; nothing is resolved. */
import { shortened } from "../data/shortened.ts";
import { DecampError } from "../errors.ts";
import { nameIn, whatNoNameHas } from "./pasted.ts";

/** What a person can name an account by. */
export type Account =
  { readonly type: "did"; readonly did: string } | { readonly type: "handle"; readonly handle: string };

const did = /^did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]$/;
const plcDid = /^did:plc:[a-z2-7]{24}$/;
/** A host, and a port only for localhost: paths are not allowed in AT Protocol. */
const webDid =
  /^did:web:(?:localhost(?:%3A\d{1,5})?|(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9])$/;
const handle = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Top-level names under which no handle resolves, whatever a server says (spec: Handle, "Additional Syntax"). */
const reserved: ReadonlySet<string> = new Set([
  "alt",
  "arpa",
  "example",
  "internal",
  "invalid",
  "local",
  "localhost",
  "onion",
]);

/** Whether `text` has the syntax of a DID, of any method. */
export function isDid(text: string): boolean {
  return text.length <= 2048 && did.test(text);
}

/** Whether `text` is a `did:plc`: 24 letters of lower-case base32 after the method. */
export function isPlcDid(text: string): boolean {
  return plcDid.test(text);
}

/** Whether `text` is a `did:web` as AT Protocol allows it: a host without a path; a port only for localhost. */
export function isWebDid(text: string): boolean {
  return text.length <= 253 + "did:web:".length && webDid.test(text);
}

/** Whether `text` is a handle in its normal form: lower case, two labels at least, 253 letters at most. */
export function isHandle(text: string): boolean {
  return text.length <= 253 && handle.test(text);
}

/** What stands for the handle of an account that has none (spec: Handle, "handle.invalid"). */
export const noHandle = "handle.invalid";

/**
 * Whether a handle stands under a top-level name that never resolves, such as `.invalid` or `.local`. `.test` is not
 * among them: it is kept for development, and there it works.
 */
export function isReservedHandle(text: string): boolean {
  return reserved.has(text.slice(text.lastIndexOf(".") + 1));
}

/**
 * Reads what a person gives as account: a handle (`alice.example`, `@alice.example`), a DID, either behind `at://`, or
 * the address of a profile. What a copied name carries along, `nameIn` takes away. Handles are put in lower case.
 *
 * @throws DecampError `invalid-account` if it is neither, or a DID that AT Protocol does not use
 */
export function parseAccount(text: string): Account {
  const name = nameIn(text);
  if (name.startsWith("did:")) {
    if (isPlcDid(name) || isWebDid(name)) {
      return { type: "did", did: name };
    }
    const known = name.startsWith("did:plc:") || name.startsWith("did:web:");
    const why = known ? "It has not the form of one" : "Accounts have a did:plc or a did:web";
    throw new DecampError("invalid-account", `This is not the DID of an account: ${quote(text)}. ${why}.`);
  }
  const lower = name.toLowerCase();
  if (!isHandle(lower)) {
    const what = `This is neither a handle nor a DID: ${quote(text)}.`;
    throw new DecampError("invalid-account", `${what}${whatNoNameHas(name)}`);
  }
  return { type: "handle", handle: lower };
}

function quote(text: string): string {
  return JSON.stringify(shortened(text));
}

/** Where the document of a did:web lies. */
export function documentUrl(did: string): string {
  return `https://${decodeURIComponent(did.slice("did:web:".length))}/.well-known/did.json`;
}
