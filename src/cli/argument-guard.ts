/** Private keys among the arguments: other users of the machine could read them there, and the shell keeps them. */
import type { KnownSecrets } from "../data/known-secrets.ts";
import { DecampError } from "../errors.ts";
import { couldBePrivateKey, holdsPrivateKey } from "../identity/key-guard.ts";

/**
 * Looks at the whole command line, before anything repeats it.
 *
 * @param secrets gets what could be a private key and something else as well, such as a file that is named by a hash:
 *   it is taken, and kept out of what is printed
 * @throws DecampError `usage` for an argument that has a private key in it
 */
export function guardArguments(argv: readonly string[], secrets: KnownSecrets): void {
  if (argv.some(holdsPrivateKey)) {
    throw privateArgument();
  }
  for (const argument of argv) {
    const value = /^--[a-z-]+=(.*)$/s.exec(argument)?.[1] ?? argument;
    if (/^(?:did:key:)?(?:0x)?[0-9a-f]{64}$/i.test(value)) {
      secrets.add(value);
    }
  }
}

/**
 * Where a key or the file of one is expected, what could be a private key counts as one. @throws DecampError `usage`
 */
export function refusePrivateKey(text: string | undefined): void {
  if (text !== undefined && couldBePrivateKey(text)) {
    throw privateArgument();
  }
}

function privateArgument(): DecampError {
  return new DecampError("usage", "A private key is never an argument: others could read it there.", {
    hint: "Put it into a file that only you can read, or pipe it in and give -. If this key is in use, it is no longer safe.",
  });
}
