/** A repository from a server into the archive: proved while it is written, and under its name only when it is proved. */

import { DecampError } from "../errors.ts";
import type { RepoReport } from "../repo/report.ts";
import type { RepoSource } from "../repo/source.ts";
import { createRepoVerifier, verifyRepo, type Expectation } from "../repo/verify.ts";
import { fileSource, openCarFile } from "../services/car-file.ts";
import { NewFile } from "../services/files.ts";
import type { Download } from "../services/pds.ts";
import { checkArchive } from "./check.ts";
import { incomingRepo, snapshotFile } from "./layout.ts";
import type { ArchivedFile, Manifest } from "./manifest.ts";

/** A repository that was proved: everything that its report says is there. */
export interface ProvedRepo {
  readonly did: string;
  readonly commit: string;
  readonly rev: string;
  readonly data: string;
  readonly records: number;
  readonly report: RepoReport;
}

/**
 * Streams a CAR file into `snapshots/REV/repo.car`, and proves it on the way.
 *
 * @param onProgress is told the bytes that have come
 * @throws DecampError `damaged` when it is not the whole, genuine repository that was expected; nothing is kept then
 */
export async function fetchRepo(
  archive: string,
  download: Download,
  expectation: Expectation,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<{ repo: ProvedRepo; file: ArchivedFile }> {
  const file = await NewFile.create(incomingRepo(archive));
  try {
    const repo = await prove(file, download, expectation, signal, onProgress);
    const sha256 = Buffer.from(file.digest()).toString("hex");
    await file.keep(snapshotFile(archive, repo.rev, "repo"));
    return { repo, file: { size: file.size, sha256, private: false } };
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/**
 * The same without keeping anything: what a server gives out is proved by way of a temporary file in the archive.
 *
 * @param inspect looks into what was proved, before it is gone
 *
 * @throws DecampError `damaged`
 */
export async function proveDownload<T>(
  archive: string,
  download: Download,
  expectation: Expectation,
  signal: AbortSignal,
  inspect: (source: RepoSource, repo: ProvedRepo) => T | Promise<T>,
): Promise<T> {
  const file = await NewFile.create(incomingRepo(archive));
  try {
    const repo = await prove(file, download, expectation, signal, () => undefined);
    return await inspect(fileSource(file.descriptor, file.path), repo);
  } finally {
    await file.discard();
  }
}

/**
 * Proves a snapshot from the disk: its repository, and every file and blob against the manifest.
 *
 * @throws DecampError `damaged`, `unreadable-file`
 */
export async function proveSnapshot(
  archive: string,
  manifest: Manifest,
  expectation: Expectation,
  signal: AbortSignal,
): Promise<void> {
  const car = await openCarFile(snapshotFile(archive, manifest.rev, "repo"));
  try {
    const { report } = requireProved(await verifyRepo(car.source, expectation, { signal }), car.size);
    const { findings } = await checkArchive(archive, manifest, { source: car.source, report }, { signal });
    const broken = findings.find(({ severity }) => severity === "error");
    if (broken !== undefined) {
      const what = broken.cid ?? broken.key ?? "";
      throw new DecampError("damaged", `The archive in ${archive} is damaged: ${broken.message} ${what}`.trim(), {
        hint: "Move that folder away, and run the same command again: it makes a new one.",
        data: { rule: broken.rule, cid: broken.cid, archive },
      });
    }
  } finally {
    car.close();
  }
}

async function prove(
  file: NewFile,
  download: Download,
  expectation: Expectation,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<ProvedRepo> {
  const verifier = createRepoVerifier(expectation, { source: fileSource(file.descriptor, file.path) });
  for await (const bytes of download.bytes) {
    signal.throwIfAborted();
    await file.write(bytes);
    verifier.write(bytes);
    onProgress(file.size);
  }
  return requireProved(verifier.end(), file.size);
}

/** A report as a proof, or the error that it amounts to. */
function requireProved(report: RepoReport, bytes: number): ProvedRepo {
  const { did, commit, rev, data, records } = report;
  const proved = report.ok && report.signature === "valid" && report.completeness === "complete";
  if (proved && did !== undefined && commit !== undefined && rev !== undefined && data !== undefined) {
    return { did, commit, rev, data, records, report };
  }
  const findings = report.findings.filter(({ severity }) => severity === "error");
  const first = findings[0]?.message ?? "no key is known that could have signed it";
  const more = findings.length > 1 ? ` (and ${findings.length - 1} more)` : "";
  throw new DecampError("damaged", `The repository that came (${bytes} bytes) is not valid: ${first}${more}`, {
    data: {
      structure: report.structure,
      signature: report.signature,
      completeness: report.completeness,
      rules: [...new Set(findings.map(({ rule }) => rule))],
    },
  });
}
