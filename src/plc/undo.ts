/**
 * Undoing one operation, and keeping what came after it: the content of the operation before, with every change that
 * was made since. What only the operation itself has changed is as it was.
 */
import type { UnsignedOperation } from "./operation.ts";

/**
 * @param before what the identity said before the operation that is to be undone
 * @param undone what that operation said
 * @param now what the identity says now; the same as `undone` where nothing has come after it
 * @returns what it is to say; `prev` is that of `before`
 */
export function undoBetween(
  before: UnsignedOperation,
  undone: UnsignedOperation,
  now: UnsignedOperation,
): UnsignedOperation {
  return {
    ...before,
    rotationKeys: keysBetween(before.rotationKeys, undone.rotationKeys, now.rotationKeys),
    verificationMethods: entriesBetween(
      "atproto",
      before.verificationMethods,
      undone.verificationMethods,
      now.verificationMethods,
    ),
    alsoKnownAs: aliasesBetween(before.alsoKnownAs, undone.alsoKnownAs, now.alsoKnownAs),
    services: entriesBetween("atproto_pds", before.services, undone.services, now.services),
  };
}

/**
 * Keys that were added since keep what stood below them: one that came first stays first, another comes right before
 * the next key that is still there, and before every key that comes back. Keys that were taken out since stay out.
 */
function keysBetween(before: readonly string[], undone: readonly string[], now: readonly string[]): readonly string[] {
  const added = new Set(now.filter((key) => !undone.includes(key) && !before.includes(key)));
  const keys = before.filter((key) => !undone.includes(key) || now.includes(key));
  const first = now.findIndex((key) => !added.has(key));
  const leading = first < 0 ? now : now.slice(0, first);
  for (const key of now.filter((other) => added.has(other) && !leading.includes(other)).toReversed()) {
    const next = now.slice(now.indexOf(key) + 1).find((other) => keys.includes(other));
    const places = [next === undefined ? -1 : keys.indexOf(next), keys.findIndex((other) => !now.includes(other))];
    keys.splice(Math.min(keys.length, ...places.filter((place) => place >= 0)), 0, key);
  }
  return [...leading, ...keys];
}

/** @param own the entry that belongs to the server, which goes back with it */
function entriesBetween<T>(
  own: string,
  before: Readonly<Record<string, T>>,
  undone: Readonly<Record<string, T>>,
  now: Readonly<Record<string, T>>,
): Readonly<Record<string, T>> {
  const same = (id: string): boolean => id === own || JSON.stringify(undone[id]) === JSON.stringify(now[id]);
  const kept = Object.entries(before).filter(([id]) => same(id) || Object.hasOwn(now, id));
  const changed = Object.entries(now).filter(([id]) => !same(id));
  // fromEntries keeps a key such as __proto__ as a key
  return Object.fromEntries(new Map([...kept, ...changed]));
}

function aliasesBetween(
  before: readonly string[],
  undone: readonly string[],
  now: readonly string[],
): readonly string[] {
  const added = now.filter((alias) => !undone.includes(alias) && !before.includes(alias));
  return [...before.filter((alias) => !undone.includes(alias) || now.includes(alias)), ...added];
}
