/** Which rotation keys leave with a server that cannot be asked which are its own. */

import { keysThatCameAlone } from "./came-alone.ts";
import type { VerifiedLog } from "./log.ts";
import { rotationKeysOf, type SignedOperation } from "./operation.ts";

/**
 * The keys of an operation that are taken to be the server's: all that did not come by themselves. A key that somebody
 * gave a server when the account was made came with it, and is named only by its owner.
 *
 * @param known keys that are the user's, or stay by name
 * @param leaving keys that leave by name, however they came
 */
export function keysOfServer(
  log: VerifiedLog,
  operation: SignedOperation,
  known: readonly string[],
  leaving: readonly string[],
): readonly string[] {
  const alone = keysThatCameAlone(log);
  return rotationKeysOf(operation).filter(
    (key) => !known.includes(key) && (leaving.includes(key) || !alone.includes(key)),
  );
}
