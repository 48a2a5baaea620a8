/** What a server says in words, before anybody repeats it: it may say what it was sent. */
import { isJsonObject } from "../../data/json-object.ts";
import type { KnownSecrets } from "../../data/known-secrets.ts";

/** Fields of requests that hold a secret. */
const secretFields = ["password", "authFactorToken", "token"];

/** A JWT, whosever it is, also the beginning of one; and a code as servers mail it. */
const shapes = /eyJ[\w-]{8,}(?:\.[\w-]*){0,2}|\b[A-Z2-7]{5}-[A-Z2-7]{5}\b/g;

/**
 * At most 300 letters of a server's text, without the secrets that are known, and without anything that looks like one.
 *
 * @param secrets also those that the server knows from us
 */
export function serverMessage(text: string, secrets: KnownSecrets): string {
  return secrets.redact(text, true).replace(shapes, "[secret]").slice(0, 300);
}

/** The secrets in a body that is sent as JSON. */
export function secretsIn(json: string): string[] {
  if (!secretFields.some((field) => json.includes(`"${field}"`))) {
    return [];
  }
  const body = parsed(json);
  const values = isJsonObject(body) ? secretFields.map((field) => body[field]) : [];
  return values.filter((value) => typeof value === "string");
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
