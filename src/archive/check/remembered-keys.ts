/** Keys that nobody but the archive itself still names: a did:web keeps no past. */
import { parseDidDocument } from "../../identity/did-document.ts";
import { readPlainFile } from "../../services/disk/plain-entries.ts";
import { snapshotFile } from "../layout.ts";
import { readableManifests, type Manifest } from "../manifest.ts";

/**
 * The signing keys, did:keys, in the archive's own copies of the DID document, those of the newest snapshot first.
 * Whoever can change the archive can change them: a proof by one of them shows that a repository is whole, and not
 * whose it is.
 *
 * @throws DecampError `storage`
 */
export async function rememberedKeys(archive: string): Promise<string[]> {
  const manifests = (await readableManifests(archive)).toReversed();
  const keys = await Promise.all(manifests.map(async (manifest) => keyIn(archive, manifest)));
  return [...new Set(keys.filter((key) => key !== undefined))];
}

/** Undefined where there is no document that can be used. */
async function keyIn(archive: string, { did, snapshot }: Manifest): Promise<string | undefined> {
  const bytes = await readPlainFile(snapshotFile(archive, snapshot, "document"));
  try {
    const value: unknown = bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes));
    return parseDidDocument(value, did).signingKey;
  } catch {
    return undefined;
  }
}
