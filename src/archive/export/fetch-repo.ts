/** A repository from a server: proved while it is written, and under a name only when it is proved. */

import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { budgetNames, defaultBudgets, howToRaise, limitName, overLimit, type Limits } from "../../data/budgets.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { readRoot } from "../../repo/block-index.ts";
import { repoLimits } from "../../repo/limits.ts";
import { mergeRepos } from "../../repo/write/merge.ts";
import type { Finding, RepoReport } from "../../repo/report.ts";
import type { RepoSource } from "../../repo/source.ts";
import { createRepoVerifier, verifyRepo, type Expectation, type RepoVerifier } from "../../repo/verify.ts";
import { fileSource, openStoredCar, type CarFile } from "../../services/disk/car-file.ts";
import { NewFile } from "../../services/disk/files.ts";
import { createSpool, type Spool } from "../../services/disk/spool.ts";
import type { Download } from "../../services/servers/pds.ts";
import { checkSnapshot } from "../check/check-snapshot.ts";
import { markIfFree } from "../folder.ts";
import { incomingDiff, passingRepo } from "../layout.ts";
import type { ArchivedFile, Manifest } from "../manifest.ts";
import { damagedArchive, hashCar, openSnapshotRepo } from "../open-repo.ts";
import { RepoFile, type Compression, type RepoSink } from "./repo-file.ts";

/** A repository that was proved: everything that its report says is there. */
export interface ProvedRepo {
  readonly did: string;
  readonly commit: string;
  readonly rev: string;
  readonly data: string;
  readonly records: number;
  readonly report: RepoReport;
}

/** A proved repository in a file that has no name yet: keep it, or discard it. */
export interface ReceivedRepo<File extends RepoSink = RepoFile> {
  readonly repo: ProvedRepo;
  readonly file: File;
  /** Bytes that came over the network for it. */
  readonly received: number;
}

export interface ReceiveOptions {
  readonly signal: AbortSignal;
  /** Told the bytes that have come. */
  readonly onProgress: (bytes: number) => void;
  /** How what goes into an archive is compressed; unset keeps it as it is. */
  readonly compress?: Compression | undefined;
}

/**
 * Receives a whole repository, and proves it on the way. It is given up at the first block that shows that it is none.
 *
 * @throws DecampError `damaged` when it is not the whole, genuine repository that was expected, `limit-exceeded` when
 *   it goes on beyond what belongs to it; nothing is kept then
 */
export async function receiveRepo(
  archive: string,
  download: Download,
  expectation: Expectation,
  options: ReceiveOptions,
): Promise<ReceivedRepo> {
  return receiveInto(await RepoFile.create(archive, options.compress), download, expectation, options);
}

/** The same into a file that was made for it. */
export async function receiveInto<File extends RepoSink>(
  file: File,
  download: Download,
  expectation: Expectation,
  options: ReceiveOptions,
): Promise<ReceivedRepo<File>> {
  try {
    const repo = await prove(file, received(download, options), expectation, options.signal, download.limits);
    return { repo, file, received: file.size };
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/**
 * Receives what is new since the repository in the file `before`, puts both together, and proves the result.
 *
 * @returns undefined if the commit is still that of `before`
 * @throws DecampError `damaged` when what came is no part of a repository, or the result is not the whole, genuine
 *   repository that was expected; `limit-exceeded` when so much came that the whole would have been less
 */
export async function receiveDiff(
  archive: string,
  before: { readonly path: string; readonly size?: number | undefined; readonly commit: string },
  download: Download,
  expectation: Expectation,
  options: ReceiveOptions,
): Promise<ReceivedRepo | undefined> {
  const { limits = defaultBudgets } = download;
  const diff = await NewFile.create(incomingDiff(archive));
  try {
    const old = await openStoredCar(before.path, { signal: options.signal, limits, size: before.size });
    try {
      const news = fileSource(diff.descriptor, diff.path);
      const verifier = createRepoVerifier({ allowPartial: true }, { source: news, limits: repoLimits(limits) });
      const most = 2 * old.size + limits.strayBytes;
      for await (const bytes of inBunches(received(download, options), 0)) {
        await diff.write(bytes);
        verifier.write(bytes);
        refuseFaulty(verifier, diff.size);
        if (diff.size > most) {
          throw overLimit("strayBytes", "What came as the news of a repository has", most, "bytes");
        }
      }
      if (readRoot(news) === before.commit) {
        return undefined;
      }
      const file = await RepoFile.create(archive, options.compress);
      try {
        const repo = await prove(file, mergeRepos(old.source, news, options), expectation, options.signal, limits);
        return { repo, file, received: diff.size };
      } catch (error) {
        await file.discard();
        throw error;
      }
    } finally {
      old.close();
    }
  } finally {
    await diff.discard();
  }
}

/** So many bytes are written at once. */
const bunch = 1 << 20;
/** The first bunch is smaller: what is no repository shows it in its first bytes. */
const firstBunch = 1 << 16;
/** So many bunches are on their way to the disk while the one before them is proved. */
const mostUnderWay = 2;

/** The same bytes, a bunch at a time. The memory of one is used again after `kept` more. */
async function* inBunches(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  kept: number,
): AsyncGenerator<Uint8Array> {
  const ring: Uint8Array[] = [];
  let turn = 0;
  let filled = 0;
  let size = firstBunch;
  for await (const piece of pieces) {
    if (piece.length === 0) {
      // An empty piece is the end of a slice of work: others have their turn.
      await setImmediate();
    }
    for (let from = 0; from < piece.length;) {
      // Most repositories fit into the first one.
      const memory = (ring[turn]?.length ?? 0) < size ? (ring[turn] = Buffer.allocUnsafeSlow(size)) : ring[turn]!;
      const part = piece.subarray(from, from + size - filled);
      memory.set(part, filled);
      filled += part.length;
      from += part.length;
      if (filled === size) {
        yield memory.subarray(0, filled);
        turn = (turn + 1) % (kept + 1);
        filled = 0;
        size = bunch;
      }
    }
  }
  const rest = ring[turn];
  if (rest !== undefined && filled > 0) {
    yield rest.subarray(0, filled);
  }
}

async function* received({ bytes }: Download, { signal, onProgress }: ReceiveOptions): AsyncGenerator<Uint8Array> {
  let size = 0;
  let told = 0;
  for await (const piece of bytes) {
    signal.throwIfAborted();
    size += piece.length;
    yield piece;
    if (size - told >= bunch) {
      told = size;
      onProgress(size);
    }
  }
  onProgress(size);
}

/**
 * What a server gives out is proved by way of a temporary file, and not kept.
 *
 * @param archive the file lies in it; without one, where it is gone with the process, however that ends
 * @param inspect looks into what was proved, before it is gone
 * @throws DecampError `damaged`, `limit-exceeded`, `storage`
 */
export async function proveDownload<T>(
  archive: string | undefined,
  download: Download,
  expectation: Expectation,
  signal: AbortSignal,
  inspect: (source: RepoSource, repo: ProvedRepo) => T | Promise<T>,
): Promise<T> {
  const passing = archive === undefined ? await createSpool() : await passingIn(archive, expectation.did);
  try {
    const { file } = passing;
    const pieces = received(download, { signal, onProgress: () => undefined });
    const repo = await prove(file, pieces, expectation, signal, download.limits);
    return await inspect(fileSource(file.descriptor, file.path), repo);
  } finally {
    await passing.close();
  }
}

async function passingIn(archive: string, did: string | undefined): Promise<Spool> {
  const file = await createPassing(archive, did);
  return { file, close: async () => file.discard() };
}

/** A file for what is only looked at: of a name that nothing else has, and in a new folder behind the marker. */
async function createPassing(archive: string, did: string | undefined): Promise<NewFile> {
  if (did !== undefined) {
    await markIfFree(archive, did);
  }
  return NewFile.create(passingRepo(archive, randomBytes(8).toString("hex")));
}

/**
 * Proves a repository from the disk.
 *
 * @param limits those of the run; the defaults, unless given
 * @returns undefined if it is not the whole, genuine repository that was expected
 */
export async function proveStored(
  path: string,
  expectation: Expectation,
  signal: AbortSignal,
  limits: Limits = defaultBudgets,
): Promise<(ProvedRepo & { readonly unpacked?: ArchivedFile["car"] }) | undefined> {
  let car: CarFile | undefined;
  try {
    car = await openStoredCar(path, { signal, limits });
    const report = await verifyRepo(car.source, expectation, { signal, limits: repoLimits(limits) });
    const proved = requireProved(report, car.size);
    return car.path === undefined ? { ...proved, unpacked: await hashCar(car, signal) } : proved;
  } catch (error) {
    // What is over a limit before it is read was compressed by somebody else.
    if (isDecampError(error, "damaged") || (car === undefined && isDecampError(error, "limit-exceeded"))) {
      return undefined;
    }
    throw error;
  } finally {
    car?.close();
  }
}

/**
 * What a server gives out, described and not judged.
 *
 * @param did whose archive it is
 * @param inspect looks into it; the name under which it answers is that under which the file is kept, undefined keeps
 *   nothing
 * @throws DecampError `damaged` if it is no CAR file at all, `limit-exceeded` when it goes on beyond what belongs to it
 */
export async function inspectDownload(
  archive: string,
  did: string,
  download: Download,
  signal: AbortSignal,
  inspect: (source: RepoSource, report: RepoReport) => string | undefined | Promise<string | undefined>,
): Promise<void> {
  const file = await createPassing(archive, did);
  try {
    const { limits = defaultBudgets } = download;
    const verifier = createRepoVerifier(
      {},
      { source: fileSource(file.descriptor, file.path), limits: repoLimits(limits) },
    );
    const strays = new StrayWatch(verifier, limits);
    for await (const bytes of inBunches(received(download, { signal, onProgress: () => undefined }), 0)) {
      await file.write(bytes);
      verifier.write(bytes);
      strays.look(bytes.length);
      if (verifier.isLost) {
        break;
      }
    }
    const keepAs = await inspect(fileSource(file.descriptor, file.path), await verifier.finish(signal));
    if (keepAs !== undefined) {
      await file.keep(keepAs);
    }
  } finally {
    await file.discard();
  }
}

/**
 * Proves a snapshot from the disk: its repository, and every file and blob against the manifest.
 *
 * @param limits those of the run; the defaults, unless given
 * @throws DecampError `damaged`, `unreadable-file`
 */
export async function proveSnapshot(
  archive: string,
  manifest: Manifest,
  expectation: Expectation,
  signal: AbortSignal,
  limits: Limits = defaultBudgets,
): Promise<void> {
  const car = await openSnapshotRepo(archive, manifest, { signal, limits });
  try {
    const report = await verifyRepo(car.source, expectation, { signal, limits: repoLimits(limits) });
    if (!isProved(report)) {
      throw damagedArchive(archive, manifest, report.findings.find(isError) ?? { message: keyUnknown });
    }
    const { findings } = await checkSnapshot(archive, manifest, { source: car.source, report }, { signal });
    const broken = findings.find(isError);
    if (broken !== undefined) {
      throw damagedArchive(archive, manifest, broken);
    }
  } finally {
    car.close();
  }
}

/**
 * The signing key that a snapshot is signed with, among those that are expected; undefined if it is none of them.
 *
 * @throws DecampError `unreadable-file`
 */
export async function signerOf(
  archive: string,
  manifest: Manifest,
  expectation: Expectation,
  signal: AbortSignal,
): Promise<string | undefined> {
  const car = await openSnapshotRepo(archive, manifest, { signal });
  try {
    return (await verifyRepo(car.source, expectation, { signal, limits: repoLimits(defaultBudgets) })).signingKey;
  } finally {
    car.close();
  }
}

function isError({ severity }: { severity: "error" | "warning" }): boolean {
  return severity === "error";
}

async function prove(
  file: RepoSink,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  expectation: Expectation,
  signal: AbortSignal,
  limits: Limits = defaultBudgets,
): Promise<ProvedRepo> {
  const source = fileSource(file.descriptor, file.path);
  const verifier = createRepoVerifier(expectation, { source, limits: repoLimits(limits) });
  const strays = new StrayWatch(verifier, limits);
  // What is proved is in the file already, and the next bytes are on their way there meanwhile.
  const underWay: { readonly bytes: Uint8Array; readonly written: Promise<void> }[] = [];
  const proveNext = async (): Promise<void> => {
    const [next] = underWay;
    if (next !== undefined) {
      await next.written;
      underWay.shift();
      verifier.write(next.bytes);
      refuseFaulty(verifier, file.size);
      strays.look(next.bytes.length);
    }
  };
  try {
    for await (const bytes of inBunches(pieces, mostUnderWay)) {
      const written = file.write(bytes);
      written.catch(() => undefined);
      underWay.push({ bytes, written });
      if (underWay.length > mostUnderWay) {
        await proveNext();
      }
    }
    while (underWay.length > 0) {
      await proveNext();
    }
  } finally {
    // Nothing is written any more to a file that is given up.
    await Promise.allSettled(underWay.map(async ({ written }) => written));
  }
  return requireProved(await verifier.finish(signal), file.size);
}

/** Gives up what shows that it is no repository. @throws DecampError `damaged`, `limit-exceeded` */
function refuseFaulty({ fault }: RepoVerifier, bytes: number): void {
  if (fault !== undefined) {
    throw (
      givenUp(fault, `What came was given up after ${bytes} bytes`) ??
      new DecampError(
        "damaged",
        `What came is not a valid repository, and was given up after ${bytes} bytes: ${fault.message}`,
        { data: { rules: [fault.rule] } },
      )
    );
  }
}

/**
 * Watches what comes behind a repository that is complete: some of it may have been written over, but not without end.
 */
class StrayWatch {
  readonly #verifier: RepoVerifier;
  readonly #most: number;
  #size = 0;
  #complete: number | undefined;

  constructor(verifier: RepoVerifier, { strayBytes }: Limits) {
    this.#verifier = verifier;
    this.#most = strayBytes;
  }

  /** Takes note of so many bytes that were verified. @throws DecampError `limit-exceeded` */
  look(bytes: number): void {
    this.#size += bytes;
    if (this.#complete === undefined && this.#verifier.isComplete) {
      this.#complete = this.#size;
    }
    const most = this.#complete === undefined ? Infinity : this.#complete + this.#most;
    if (this.#complete !== undefined && this.#size - this.#complete > most) {
      const what = `The repository was complete after ${this.#complete} bytes, and then there came`;
      throw overLimit("strayBytes", what, most, "bytes that do not belong to it");
    }
  }
}

const keyUnknown = "no key is known that could have signed it";

function isProved({ ok, signature, completeness }: RepoReport): boolean {
  return ok && signature === "valid" && completeness === "complete";
}

/**
 * The error for what is more than a limit allows: nothing is known to be wrong with it. Undefined for any other
 * finding.
 */
function givenUp({ rule, message }: Finding, what: string): DecampError | undefined {
  const limit = budgetNames.find((name) => rule === `limit/${limitName(name)}`);
  if (limit === undefined) {
    return undefined;
  }
  const hint = howToRaise(limit);
  return new DecampError("limit-exceeded", `${what}: ${message.replace(hint, "").trim()}`, {
    hint,
    data: { limit: limitName(limit), rules: [rule] },
  });
}

/** A report as a proof, or the error that it amounts to. */
function requireProved(report: RepoReport, bytes: number): ProvedRepo {
  const { did, commit, rev, data, records } = report;
  if (isProved(report) && did !== undefined && commit !== undefined && rev !== undefined && data !== undefined) {
    return { did, commit, rev, data, records, report };
  }
  const findings = report.findings.filter(isError);
  const limit = findings[0] === undefined ? undefined : givenUp(findings[0], "The repository was not read to its end");
  if (limit !== undefined) {
    throw limit;
  }
  const first = findings[0]?.message ?? keyUnknown;
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
