/**
 * Whose keys count when a repository is proved: those that were given; else those that are looked up; else, of an
 * archive, those of the log that lies in it.
 */
import { isWebDid } from "../../identity/names.ts";
import type { RepoReport } from "../../repo/report.ts";
import type { Expectation } from "../../repo/verify.ts";
import type { Manifest } from "../manifest.ts";
import { archivedKeys } from "./check-snapshot.ts";
import { rememberedKeys } from "./remembered-keys.ts";
import type { SigningKey } from "./signing-keys.ts";

/** A repository that was proved by the keys that count. */
export interface ProvedByKeys {
  readonly report: RepoReport;
  /** The keys that were found; none where they were given, or nobody has any. */
  readonly keys: readonly SigningKey[];
  /** What the other snapshots of an archive should be. */
  readonly expected: Expectation;
}

/**
 * Proves a repository by the keys that count.
 *
 * @param archive the archive that it lies in, if it does
 * @param prove proves it; called twice where only the repository says whose it is
 * @param lookUp looks up the keys that an account ever had, if that is wanted
 * @throws what `prove` and `lookUp` throw
 */
export async function proveByKeys(
  given: Expectation,
  archive: { readonly path: string; readonly manifest: Manifest } | undefined,
  prove: (expected: Expectation) => Promise<RepoReport>,
  lookUp?: (did: string) => Promise<SigningKey[]>,
): Promise<ProvedByKeys> {
  const did = given.did ?? archive?.manifest.did;
  const expected = did === undefined ? given : { ...given, did };
  if (lookUp !== undefined) {
    const first = did === undefined ? await prove(expected) : undefined;
    const whose = did ?? first?.did;
    if (whose === undefined) {
      return { report: first ?? (await prove(expected)), keys: [], expected };
    }
    const keys = await lookUp(whose);
    const all = [...keys, ...(await remembered(whose, archive?.path, keys))];
    const online = withKeys({ ...expected, did: whose }, all);
    return { report: await prove(online), keys: all, expected: online };
  }
  const keys =
    archive === undefined || given.signingKeys !== undefined ? [] : await archivedKeys(archive.path, archive.manifest);
  // Without expected keys, each snapshot has those of its own log.
  return { report: await prove(keys.length === 0 ? expected : withKeys(expected, keys)), keys, expected };
}

/** Of a did:web, whose document names one key: those that an archive of it remembers beside that. */
async function remembered(
  did: string,
  archive: string | undefined,
  known: readonly SigningKey[],
): Promise<SigningKey[]> {
  const keys = archive !== undefined && isWebDid(did) ? await rememberedKeys(archive) : [];
  return keys
    .filter((key) => !known.some(({ didKey }) => didKey === key))
    .map((didKey) => ({ didKey, remembered: true }));
}

function withKeys(expected: Expectation, keys: readonly SigningKey[]): Expectation {
  return { ...expected, signingKeys: [...(expected.signingKeys ?? []), ...keys.map(({ didKey }) => didKey)] };
}
