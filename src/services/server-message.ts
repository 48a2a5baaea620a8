/** What a server says in words, before anybody repeats it: it may say what it was sent. */
import { isJsonObject } from "../data/json-object.ts";

/** What came with the request. */
export interface Sent {
  readonly bearer?: string | undefined;
  /** The body, if it was JSON. */
  readonly json?: string | undefined;
}

/** Fields of requests that hold a secret. */
const secretFields = ["password", "authFactorToken", "token"];

/** A JWT, whosever it is; and a code as servers mail it. */
const shapes = /eyJ[\w-]+\.[\w-]+\.[\w-]*|\b[A-Z2-7]{5}-[A-Z2-7]{5}\b/g;

/** At most 300 letters of a server's text, without the secrets that it was sent, and without anything that looks like one. */
export function serverMessage(text: string, sent: Sent = {}): string {
  let clean = text;
  for (const secret of secretsIn(sent)) {
    clean = clean.replaceAll(secret, "[secret]");
  }
  return clean.replace(shapes, "[secret]").slice(0, 300);
}

function secretsIn({ bearer, json }: Sent): string[] {
  const body = json === undefined ? undefined : parsed(json);
  const fields = isJsonObject(body) ? secretFields.map((field) => body[field]) : [];
  // Shorter ones would tear holes into the text, and are no secrets.
  return [bearer, ...fields].filter((value): value is string => typeof value === "string" && value.length >= 4);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
