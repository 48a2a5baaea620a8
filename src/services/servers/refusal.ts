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
