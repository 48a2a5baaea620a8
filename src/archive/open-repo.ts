/** The repository of a snapshot, and what is said where it is not there. */
import { DecampError, isDecampError } from "../errors.ts";
import { openCarFile, type CarFile } from "../services/disk/car-file.ts";
import { notPlain } from "../services/disk/plain-file.ts";
import type { RepoSource } from "../repo/source.ts";
import { snapshotFile } from "./layout.ts";
import type { Manifest } from "./manifest.ts";

/**
 * Opens the repository of a complete snapshot.
 *
 * @throws DecampError `damaged` if it is missing, or what lies there is no plain file; `unreadable-file` if it cannot
 *   be read
 */
export function openSnapshotRepo(archive: string, manifest: Manifest): CarFile {
  const path = snapshotFile(archive, manifest.snapshot, "repo");
  try {
    return openCarFile(path);
  } catch (error) {
    if (isDecampError(error, "unreadable-file") && error.data["reason"] === "ENOENT") {
      throw damagedArchive(archive, manifest, { rule: "archive/file-missing", message: `${path} is missing.` }, error);
    }
    if (isDecampError(error, "unreadable-file") && error.data["reason"] === notPlain) {
      const message = `${path} is no plain file.`;
      throw damagedArchive(archive, manifest, { rule: "archive/file-changed", message }, error);
    }
    throw error;
  }
}

/**
 * Runs `use` with the repository of a snapshot, and closes it.
 *
 * @param snapshot name of the snapshot
 * @throws DecampError `unreadable-file` if it cannot be opened; what `use` throws
 */
export async function withRepo<T>(
  archive: string,
  snapshot: string,
  use: (source: RepoSource) => Promise<T>,
): Promise<T> {
  const car = openCarFile(snapshotFile(archive, snapshot, "repo"));
  try {
    return await use(car.source);
  } finally {
    car.close();
  }
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
