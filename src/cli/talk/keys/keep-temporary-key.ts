/** Keeps the temporary signing key of a restore in a file, encrypted with a passphrase. */
import { randomBytes } from "node:crypto";
import { keepKey } from "../../../account/keep-key.ts";
import type { Curve } from "../../../identity/keys.ts";
import { makePrivateKey, type PrivateKey } from "../../../identity/private-key.ts";
import { createKeyFile } from "../../../services/secrets/key-store.ts";
import { readWhole } from "../../../services/disk/files.ts";
import { DecampError, isDecampError } from "../../../errors.ts";
import { openKey } from "../rotation-key.ts";
import type { Secrets } from "../secrets.ts";

/**
 * The key that lies in the file, or a new one that is kept there, read back and tried. The passphrase is that of the
 * rotation key's file, where it has one.
 *
 * @throws DecampError `passphrase-refused`, `key-unusable`, `input-needed`, `storage`, `interrupted`
 */
export async function keepTemporaryKey(
  { path, curve }: { readonly path: string; readonly curve: Curve },
  secrets: Secrets,
): Promise<PrivateKey> {
  const there = await readWhole(path);
  if (there !== undefined) {
    return openKey(new TextDecoder().decode(there), secrets).catch((error: unknown) => {
      throw isDecampError(error, "passphrase-refused", "key-unusable") ? cannotOpen(path, error) : error;
    });
  }
  const passphrase = await secrets.read("passphrase", {
    message: "A passphrase for the temporary signing key:",
    what: "a passphrase for the temporary signing key, which lies encrypted on this machine until the account is back",
    repeat: "The same passphrase once more:",
    afterwards: "Writing the key file, and opening it once…",
    guardsFile: true,
  });
  const key = makePrivateKey(curve, randomBytes);
  secrets.conceal(key.reveal());
  return keepKey(createKeyFile(path, passphrase), key, {
    write: (made) => `${made.reveal()}\n`,
    read: async (text) => openKey(text, secrets),
  });
}

/** Nothing is lost with it: the rotation key can put another one in its place. */
function cannotOpen(path: string, { code, message }: DecampError): DecampError {
  return new DecampError(code, `The temporary signing key in ${path} cannot be opened: ${message}`, {
    hint: "An earlier run has kept it, with the passphrase that was given then. If you do not have that any more, remove this file and run the same command again: another temporary key takes its place.",
    data: { path },
  });
}
