/** The repository of a snapshot, and what is said where it is not there. */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { DecampError, isDecampError } from "../errors.ts";
import { openStoredCar, type CarFile, type SpoolOptions } from "../services/disk/car-file.ts";
import { notPlain } from "../services/disk/plain-file.ts";
import type { RepoSource } from "../repo/source.ts";
import { carSize, repoFile, repoPartOf } from "./layout.ts";
import type { ArchivedFile, Manifest } from "./manifest.ts";

/**
 * Opens the repository of a complete snapshot. One that is compressed is unpacked, as far as the manifest says that it
 * goes: into memory, or into a file that is gone with the process.
 *
 * @throws DecampError `damaged` if it is missing, what lies there is no plain file, or does not unpack to what it
 *   should; `unreadable-file` if it cannot be read; `limit-exceeded` for what no decamp has compressed; `storage` if
 *   there is no room to unpack it; the signal's reason
 */
export async function openSnapshotRepo(
  archive: string,
  manifest: Manifest,
  options: SpoolOptions = {},
): Promise<CarFile> {
  const path = repoFile(archive, manifest);
  const isPacked = repoPartOf(manifest) === "packedRepo";
  try {
    return await openStoredCar(path, { ...options, ...(isPacked ? { size: carSize(manifest) } : {}) });
  } catch (error) {
    if (isDecampError(error, "unreadable-file") && error.data["reason"] === "ENOENT") {
      throw damagedArchive(archive, manifest, { rule: "archive/file-missing", message: `${path} is missing.` }, error);
    }
    if (isDecampError(error, "unreadable-file") && error.data["reason"] === notPlain) {
      const message = `${path} is no plain file.`;
      throw damagedArchive(archive, manifest, { rule: "archive/file-changed", message }, error);
    }
    if (isDecampError(error, "damaged")) {
      throw damagedArchive(archive, manifest, { rule: "archive/file-changed", message: error.message }, error);
    }
    throw error;
  }
}

/**
 * Runs `use` with the repository of a snapshot, and closes it.
 *
 * @throws DecampError as `openSnapshotRepo`; what `use` throws
 */
export async function withRepo<T>(
  archive: string,
  manifest: Manifest,
  use: (source: RepoSource) => Promise<T>,
): Promise<T> {
  const car = await openSnapshotRepo(archive, manifest);
  try {
    return await use(car.source);
  } finally {
    car.close();
  }
}

/** So much is hashed before others have their turn (bytes). */
const hashedAtOnce = 1 << 20;

/** Size and SHA-256 of a repository that is open. @throws the signal's reason */
export async function hashCar(
  { source, size }: Pick<CarFile, "source" | "size">,
  signal: AbortSignal,
): Promise<NonNullable<ArchivedFile["car"]>> {
  const hash = createHash("sha256");
  for (let at = 0; at < size; at += hashedAtOnce) {
    hash.update(source.read(at, hashedAtOnce));
    await setImmediate();
    signal.throwIfAborted();
  }
  return { size, sha256: hash.digest("hex") };
}

/** The error for an archive that is damaged, with the command that fetches again what is. */
export function damagedArchive(
  archive: string,
  { did }: Pick<Manifest, "did">,
  { rule, cid, key, message }: { rule?: string; cid?: string; key?: string; message: string },
  cause?: unknown,
): DecampError {
  const what = `The archive in ${archive} is damaged: ${message} ${cid ?? key ?? ""}`.trim();
  return new DecampError("damaged", what, {
    hint: "The command below fetches again what is damaged, as far as the server still has it; what it has no more may be in another copy of the archive, if there is one. Then run the same command again.",
    data: { rule, cid, archive, next: mendWords(archive, did) },
    cause,
  });
}

/** The words of the command that fetches again what is damaged in an archive. */
export function mendWords(archive: string, did: string): readonly string[] {
  return ["export", did, "-o", archive, "--recheck"];
}
