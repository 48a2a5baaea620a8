/**
 * Which rotation keys would stay in an identity although a server may hold them: what it said of its keys, against the
 * log.
 */
import { changesServer, keysThatCameWithServer } from "./came-alone.ts";
import type { VerifiedLog } from "./log.ts";
import { rotationKeysOf } from "./operation.ts";

/**
 * The keys of the head that must not stay unseen when the account leaves its server.
 *
 * - A server that does not say which keys are its own could hold any.
 * - One that names only keys which are not there could hold any that came with a server.
 * - One that leaves out the key that signed the genesis of an account which never moved, and names a more powerful one
 *   of that operation, leaves out the key that it works with.
 *
 * A key beside those that it does name can be its own too, and nothing shows that: `changeFacts` names every key that
 * stays.
 *
 * @param named what the server calls its own; undefined if it does not say
 * @param known keys that are the user's, or accepted by name
 */
export function keysInDoubt(
  log: VerifiedLog,
  named: readonly string[] | undefined,
  known: readonly string[],
): readonly string[] {
  const keys = new Set(rotationKeysOf(log.head.operation).filter((key) => !known.includes(key)));
  if (named === undefined) {
    return [...keys];
  }
  const others = [...keys].filter((key) => !named.includes(key));
  if (!rotationKeysOf(log.head.operation).some((key) => named.includes(key))) {
    const brought = keysThatCameWithServer(log);
    return others.filter((key) => brought.includes(key));
  }
  const founder = founderBelow(log, named);
  return others.filter((key) => key === founder);
}

/** The key that founded an account which never moved, where one of these keys stood above it. */
function founderBelow(log: VerifiedLog, named: readonly string[]): string | undefined {
  const chain = log.entries.filter(({ nullified }) => !nullified);
  const [genesis] = chain;
  if (genesis === undefined || chain.some(({ operation }) => changesServer(genesis.operation, operation))) {
    return undefined;
  }
  const keys = rotationKeysOf(genesis.operation);
  return keys.slice(0, keys.indexOf(genesis.signer)).some((key) => named.includes(key)) ? genesis.signer : undefined;
}
