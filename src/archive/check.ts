/** Whether an archive is what its manifest says, beside the repository: every file, and every blob that records need. */
import { parseCid, type Cid } from "../data/cid.ts";
import { isDecampError } from "../errors.ts";
import { verifyLog } from "../plc/log.ts";
import { readBlobRefs } from "../repo/records.ts";
import type { RepoReport } from "../repo/report.ts";
import type { RepoSource } from "../repo/source.ts";
import { readWhole } from "../services/files.ts";
import { hashFile } from "../services/hash-file.ts";
import { blobFile, snapshotFile, snapshotFiles } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import { keysOfLog, type SigningKey } from "./signing-keys.ts";

/** What can be wrong with an archive, by id, and what that means. The ids are public and only added to. */
const sentences = {
  "archive/commit": "The repository is not the one that the manifest describes.",
  "archive/file-missing": "A file of the archive is missing.",
  "archive/file-changed": "A file of the archive is not what was written.",
  "archive/blob-missing": "A blob is missing in the archive.",
  "archive/blob-changed": "The content of a blob is not what its CID says.",
  "archive/blob-unlisted": "A record needs a blob that the manifest does not know.",
  "archive/blob-unavailable": "The server no longer had this blob when the archive was made.",
} as const;

export interface ArchiveFinding {
  readonly rule: keyof typeof sentences;
  readonly severity: "error" | "warning";
  /** The path of a record that needs the blob, or the name of the file. */
  readonly key?: string;
  readonly cid?: Cid;
  readonly message: string;
}

export interface ArchiveReport {
  /** Files beside the blobs that were checked. */
  readonly files: number;
  readonly blobs: { readonly checked: number; readonly bytes: number; readonly unavailable: number };
  readonly findings: readonly ArchiveFinding[];
}

/**
 * Checks the newest snapshot of an archive; the repository itself is for `verifyRepo`.
 *
 * @param report what was found out about its repository
 * @throws DecampError `unreadable-file`; the signal's reason
 */
export async function checkArchive(
  archive: string,
  manifest: Manifest,
  repo: { source: RepoSource; report: RepoReport },
  options: { signal: AbortSignal; onProgress?: (done: number, total: number) => void },
): Promise<ArchiveReport> {
  const { signal, onProgress } = options;
  const findings: ArchiveFinding[] = [];
  const add = (rule: keyof typeof sentences, where: { key?: string | undefined; cid?: Cid } = {}): void => {
    findings.push({
      rule,
      severity: rule === "archive/blob-unavailable" ? "warning" : "error",
      ...(where.key === undefined ? {} : { key: where.key }),
      ...(where.cid === undefined ? {} : { cid: where.cid }),
      message: sentences[rule],
    });
  };
  if (repo.report.commit !== manifest.commit || repo.report.rev !== manifest.rev) {
    add("archive/commit");
  }
  for (const part of ["repo", "document", "log", "preferences"] as const) {
    const name = snapshotFiles[part];
    const expected = manifest.files[name];
    if (expected !== undefined) {
      const found = await hashFile(snapshotFile(archive, manifest.snapshot, part), signal);
      if (found === undefined) {
        add("archive/file-missing", { key: name });
      } else if (Buffer.from(found.sha256).toString("hex") !== expected.sha256) {
        add("archive/file-changed", { key: name });
      }
    }
  }
  const needs = neededBlobs(repo.source, signal);
  let bytes = 0;
  for (const [index, { cid }] of manifest.blobs.entries()) {
    const found = await hashFile(blobFile(archive, cid), signal);
    const key = needs.get(cid)?.[0];
    if (found === undefined) {
      add("archive/blob-missing", { key, cid });
    } else if (Buffer.compare(found.sha256, parseCid(cid).digest) === 0) {
      bytes += found.size;
    } else {
      add("archive/blob-changed", { key, cid });
    }
    onProgress?.(index + 1, manifest.blobs.length);
  }
  for (const { cid, records } of manifest.missing) {
    add("archive/blob-unavailable", { key: records[0], cid });
  }
  const known = new Set([...manifest.blobs, ...manifest.missing].map(({ cid }) => cid));
  for (const [cid, [key]] of needs) {
    if (!known.has(cid)) {
      add("archive/blob-unlisted", { key, cid });
    }
  }
  return {
    files: Object.keys(manifest.files).length,
    blobs: { checked: manifest.blobs.length, bytes, unavailable: manifest.missing.length },
    findings,
  };
}

/**
 * The keys that the account had when the archive was made, by the audit log in it. None if there is no log, or it is not in
 * order: an archive cannot vouch for itself.
 */
export async function archivedKeys(archive: string, { did, snapshot }: Manifest): Promise<SigningKey[]> {
  const bytes = await readWhole(snapshotFile(archive, snapshot, "log"));
  if (bytes === undefined) {
    return [];
  }
  try {
    return keysOfLog(verifyLog(did, JSON.parse(new TextDecoder().decode(bytes))));
  } catch (error) {
    if (isDecampError(error, "identity-invalid") || error instanceof SyntaxError) {
      return [];
    }
    throw error;
  }
}

/** Blobs by CID, with the records that need them; none where the repository cannot be read. */
function neededBlobs(source: RepoSource, signal: AbortSignal): Map<Cid, readonly string[]> {
  try {
    return new Map([...readBlobRefs(source, { signal })].map(([cid, { records }]) => [cid, records]));
  } catch (error) {
    if (isDecampError(error, "damaged")) {
      return new Map();
    }
    throw error;
  }
}
