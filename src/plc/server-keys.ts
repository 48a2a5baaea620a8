/** Which rotation keys leave with a server that cannot be asked which are its own. */

import { arrivals, keysThatCameAlone, type Arrival } from "./came-alone.ts";
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

/** Whose a rotation key is: the user's, the server's, or only a person can say. */
export type KeyVerdict = "own" | "server" | "undecided";

/**
 * Whose the rotation keys are that an identity ever had, where the server cannot be asked and may be hostile. The last
 * time that a key came decides:
 *
 * - By itself, in an operation that a key of the user's has signed, it is the user's. Where a server has signed, nobody
 *   knows: it may put in what it wants.
 * - With the account or its server it is the server's, where only one came. Of several, one may be the user's, for
 *   recovery; that of a genesis which stands last and has signed it is the one that the server works with.
 * - In the place of another key it may be anybody's.
 *
 * @param known keys that are the user's, or stay by name
 * @param leaving keys that leave by name, however they came
 */
export function judgeKeys(
  log: VerifiedLog,
  known: readonly string[],
  leaving: readonly string[],
): ReadonlyMap<string, KeyVerdict> {
  const verdicts = new Map<string, KeyVerdict>();
  const named = (key: string): KeyVerdict | undefined =>
    known.includes(key) ? "own" : leaving.includes(key) ? "server" : undefined;
  for (const arrival of arrivals(log)) {
    const others = arrival.keys.filter((key) => named(key) === undefined);
    const signer = named(arrival.entry.signer) ?? verdicts.get(arrival.entry.signer);
    for (const key of arrival.keys) {
      verdicts.set(key, named(key) ?? judgeArrival(arrival, key, others, signer));
    }
  }
  return verdicts;
}

/** @param others the keys that came with it, and are not named @param signer whose key has signed the operation */
function judgeArrival(
  { entry, keys, with: what }: Arrival,
  key: string,
  others: readonly string[],
  signer: KeyVerdict | undefined,
): KeyVerdict {
  if (what === "nothing") {
    return signer === "own" ? "own" : "undecided";
  }
  if (what === "other-keys") {
    return "undecided";
  }
  const isFounder = entry.operation.prev === null && key === entry.signer && key === keys.at(-1);
  return others.length === 1 || isFounder ? "server" : "undecided";
}
