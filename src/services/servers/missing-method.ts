/** Servers that do not have a method of the protocol: told apart from those that have it, and refuse. */

import { isDecampError } from "../../errors.ts";

/** What servers call it: the reference server, those that hand unknown methods on, and some that are written anew. */
const names: ReadonlySet<unknown> = new Set([
  "MethodNotImplemented",
  "XRPCNotSupported",
  "NotImplemented",
  "MethodNotFound",
  "UnknownMethod",
]);
/** The same as a sentence, where the name says nothing. */
const sentence = /\b(?:unknown|unsupported) (?:xrpc )?method\b|\bmethod (?:is )?not (?:implemented|supported|found)\b/i;

/**
 * Whether a server says that it does not have the method that was asked for: by a name of its own, by 405 or 501, or by
 * a 404 that names nothing. A refusal in words of its own, a failure, and an answer that cannot be read are not that.
 *
 * Where what the method gives can be had in another way, that way is taken then, and only then.
 */
export function isMissingMethod(error: unknown): boolean {
  if (!isDecampError(error, "server-refused", "bad-answer")) {
    return false;
  }
  const { status, error: name, detail, to } = error.data;
  if (to !== undefined || typeof status !== "number" || status < 400) {
    return false; // it comes from where the server leads, or is no refusal
  }
  return (
    status === 405 ||
    status === 501 ||
    (status === 404 && name === undefined) ||
    names.has(name) ||
    (typeof detail === "string" && sentence.test(detail))
  );
}
