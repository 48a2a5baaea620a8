/** What an answer that refuses says of the server itself, and of what was done. */

import { isDecampError, type DecampError } from "../../errors.ts";

/** Something before the server speaks, or it has too much to do: nobody knows whether the request was done. */
const passing: ReadonlySet<number> = new Set([502, 503, 504, 524]);

/** Whether it is an answer of 4xx or 5xx by the server itself, as far as that can be told. */
export function isOwnRefusal(error: unknown): error is DecampError {
  if (!isDecampError(error, "server-refused", "bad-answer")) {
    return false;
  }
  const status = Number(error.data["status"]);
  return status >= 400 && status !== 429 && !passing.has(status);
}

/** Whether the server may have done it although we were told nothing. */
export function isLostAnswer(error: unknown): error is DecampError {
  return (
    isDecampError(error, "unreachable") ||
    (isDecampError(error, "bad-answer", "server-refused") && passing.has(Number(error.data["status"])))
  );
}

/** How servers say of a request that it is too large, where they do not answer 413: by name, or in a sentence. */
const tooLarge =
  /TooLarge|\btoo (?:large|big)\b|\b(?:exceeds|(?:greater|larger|more) than|over) (?:\w+ ){0,2}(?:maximum|max|limit)/i;

/** Whether the server, or a proxy before it, refuses a request for its size. */
export function isTooLarge(error: unknown): boolean {
  if (!isDecampError(error, "server-refused", "bad-answer")) {
    return false;
  }
  const { status, error: name, detail } = error.data;
  return status === 413 || (status === 400 && tooLarge.test(`${String(name)} ${String(detail)}`));
}
