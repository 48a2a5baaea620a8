/**
 * What the executable has in the place of `@napi-rs/keyring`. That is a library for the machine, which would first have
 * to be written to the disk to be loaded.
 */
import { DecampError } from "../../src/errors.ts";

/** Called as a constructor. @throws DecampError `no-keychain`, always */
export function AsyncEntry(): never {
  throw new DecampError("no-keychain", "The executable of decamp cannot use the keychain of this machine.", {
    hint: "Keep the key in a file (--rotation-key-file), or use decamp as npm installs it.",
  });
}
