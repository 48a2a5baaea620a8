/** Whether a snapshot is what its manifest says, beside the repository: every file, the identity, and every blob. */
import { parseCid, type Cid } from "../../data/cid.ts";
import { isDecampError } from "../../errors.ts";
import { parseDidDocument } from "../../identity/did-document.ts";
import { documentAgrees } from "../../plc/document.ts";
import { proveLog, type VerifiedLog } from "../../plc/log.ts";
import { contentOf } from "../../plc/operation.ts";
import { blobRefsInTurns } from "../../repo/records.ts";
import type { RepoReport } from "../../repo/report.ts";
import type { RepoSource } from "../../repo/source.ts";
import { forEachConcurrent } from "../../services/concurrent.ts";
import { joinPath, listFolder, readWhole } from "../../services/disk/files.ts";
import { readPlainFile } from "../../services/disk/plain-entries.ts";
import { hashStored, isGoodBlob } from "./damage.ts";
import { blobFile, repoPartOf, snapshotFile, snapshotFiles, snapshotFolder } from "../layout.ts";
import { partsLeftOut, type Manifest } from "../manifest.ts";
import { hashCar } from "../open-repo.ts";
import { keysOfLog, type SigningKey } from "./signing-keys.ts";
import { isGone } from "../unavailable.ts";

/** So many blobs are read at once: the disk answers while others are hashed. */
const filesAtOnce = 8;

/** What can be wrong with an archive, by id, and what that means. The ids are public and only added to. */
const sentences = {
  "archive/commit": "The repository is not the one that the manifest describes.",
  "archive/manifest": "The manifest leaves out a file that a snapshot has to have.",
  "archive/file-missing": "A file of the archive is missing.",
  "archive/file-changed": "A file of the archive is not what was written.",
  "archive/file-unlisted": "There is a file in the snapshot that the manifest does not know.",
  "archive/log": "The audit log of the identity is not in order.",
  "archive/document": "The DID document does not say what the audit log ends with.",
  "archive/unfinished":
    "The snapshot was begun or being removed, and that is not finished. The next export that writes here sees to it.",
  "archive/manifest-missing":
    "The newest snapshot has no manifest: it has lost it, or the export was interrupted just before. The next export proves it and writes one, if the server still has this revision.",
  "archive/manifest-lost":
    "An older snapshot has no manifest: it has lost it, or was never finished. Neither an export nor archive prune touches it; if nobody needs it, move its folder away.",
  "archive/manifest-damaged":
    "The manifest cannot be read. If it is that of the newest snapshot, the next export proves the rest and writes one, if the server still has this revision. Else neither an export nor archive prune touches the snapshot; if nobody needs it, move its folder away.",
  "archive/snapshot-name": "The folder of the snapshot is not called by the revision of what is in it.",
  "archive/snapshot-link":
    "What is called like a snapshot is no folder, but a link or a file: nothing in it counts, or is removed. Move what it leads to into its place.",
  "archive/blob-missing": "A blob is missing in the archive.",
  "archive/blob-changed": "The content of a blob is not what its CID says.",
  "archive/blob-unlisted": "A record needs a blob that the manifest does not know.",
  "archive/blob-unavailable": "The server did not give this blob when the archive was made.",
} as const;

const warnings: ReadonlySet<keyof typeof sentences> = new Set([
  "archive/file-unlisted",
  "archive/unfinished",
  "archive/manifest-lost",
  "archive/blob-unavailable",
]);

/** Something that is wrong with an archive, or odd. */
export interface ArchiveFinding {
  readonly rule: keyof typeof sentences;
  readonly severity: "error" | "warning";
  /** The path of a record that needs the blob, or the name of the file. */
  readonly key?: string;
  readonly cid?: Cid;
  readonly message: string;
}

/** A finding in the words of its rule. */
export function archiveFinding(
  rule: ArchiveFinding["rule"],
  { key, cid, message = sentences[rule] }: FindingDetails = {},
): ArchiveFinding {
  return {
    rule,
    severity: warnings.has(rule) ? "warning" : "error",
    ...(key === undefined ? {} : { key }),
    ...(cid === undefined ? {} : { cid }),
    message,
  };
}

interface FindingDetails {
  readonly key?: string | undefined;
  readonly cid?: Cid;
  readonly message?: string;
}

/** What was checked of a snapshot beside its repository. */
export interface SnapshotReport {
  readonly files: number;
  readonly blobs: { readonly checked: number; readonly bytes: number; readonly unavailable: number };
  readonly findings: readonly ArchiveFinding[];
}

/** How a snapshot is checked. */
export interface CheckOptions {
  readonly signal: AbortSignal;
  /** Blobs that were found to be good already are not hashed again; those that are found here are added. */
  readonly goodBlobs?: Map<Cid, number>;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Checks a snapshot; the repository itself is for `verifyRepo`.
 *
 * @param repo its repository, and what was found out about it
 * @throws DecampError `unreadable-file`, `storage`; the signal's reason
 */
export async function checkSnapshot(
  archive: string,
  manifest: Manifest,
  repo: { source: RepoSource; report: RepoReport },
  options: CheckOptions,
): Promise<SnapshotReport> {
  const { signal, onProgress, goodBlobs = new Map<Cid, number>() } = options;
  const findings: ArchiveFinding[] = [];
  const add: Add = (rule, details) => {
    findings.push(archiveFinding(rule, details));
  };
  const { commit, rev, data, records } = repo.report;
  if (
    commit !== manifest.commit ||
    rev !== manifest.rev ||
    (repo.report.ok && (data !== manifest.data || records !== manifest.records))
  ) {
    add("archive/commit");
  }
  const good = await checkFiles(archive, manifest, add, signal);
  await checkUnpacked(repo.source, manifest, good, add, signal);
  await checkIdentity(archive, manifest, good, add, signal);

  const needs = await neededBlobs(repo.source, signal);
  const states = new Map<Cid, BlobState>();
  await forEachConcurrent(manifest.blobs, filesAtOnce, signal, async ({ cid, size }, either) => {
    states.set(cid, goodBlobs.get(cid) === size ? "good" : await checkBlob(archive, cid, size, either));
    onProgress?.(states.size, manifest.blobs.length);
  });
  let bytes = 0;
  for (const { cid, size } of manifest.blobs) {
    const state = states.get(cid);
    if (state === "good") {
      goodBlobs.set(cid, size);
      bytes += size;
    } else if (state !== undefined) {
      add(state, { key: needs.get(cid)?.[0], cid });
    }
  }
  for (const { cid, records: needing, reason, damaged } of manifest.missing) {
    if (damaged === true && !(await isGoodBlob(archive, cid, signal))) {
      add("archive/blob-changed", { key: needing[0], cid, message: damagedMessage(reason) });
      continue;
    }
    const message = isGone({ reason })
      ? "The server no longer had this blob when the archive was made."
      : `${sentences["archive/blob-unavailable"]} The reason: ${reason}.`;
    add("archive/blob-unavailable", { key: needing[0], cid, message });
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

type Add = (rule: ArchiveFinding["rule"], details?: FindingDetails) => void;

/** @returns the names of the files that are as they were written */
async function checkFiles(archive: string, manifest: Manifest, add: Add, signal: AbortSignal): Promise<Set<string>> {
  const { snapshot, files } = manifest;
  partsLeftOut(manifest).forEach((name) => add("archive/manifest", { key: name }));
  const good = new Set<string>();
  for (const [name, { size, sha256 }] of Object.entries(files)) {
    const found = await hashStored(joinPath(snapshotFolder(archive, snapshot), name), signal);
    if (found === undefined) {
      add("archive/file-missing", { key: name });
    } else if (
      typeof found === "object" &&
      found.size === size &&
      Buffer.from(found.sha256).toString("hex") === sha256
    ) {
      good.add(name);
    } else {
      add("archive/file-changed", { key: name });
    }
  }
  for (const name of await listFolder(snapshotFolder(archive, snapshot))) {
    if (files[name] === undefined && name !== snapshotFiles.manifest) {
      add("archive/file-unlisted", { key: name });
    }
  }
  return good;
}

/** Whether a compressed repository unpacks to what the manifest says; only if its file is as it was written. */
async function checkUnpacked(
  source: RepoSource,
  manifest: Manifest,
  good: ReadonlySet<string>,
  add: Add,
  signal: AbortSignal,
): Promise<void> {
  const key = snapshotFiles[repoPartOf(manifest)];
  const car = manifest.files[key]?.car;
  if (car !== undefined && good.has(key) && (await hashCar({ source, size: car.size }, signal)).sha256 !== car.sha256) {
    add("archive/manifest", { key, message: "The repository does not unpack to what the manifest says." });
  }
}

/** The log by itself, and the document against the log; each only if its file is as it was written. */
async function checkIdentity(
  archive: string,
  { snapshot, did }: Manifest,
  good: ReadonlySet<string>,
  add: Add,
  signal: AbortSignal,
): Promise<void> {
  let log: VerifiedLog | undefined;
  if (good.has(snapshotFiles.log)) {
    const read = await readJson(snapshotFile(archive, snapshot, "log"), async (value) =>
      proveLog(did, value, { signal }),
    );
    if ("fault" in read) {
      add("archive/log", { key: snapshotFiles.log, message: `${sentences["archive/log"]} ${read.fault}` });
    } else {
      log = read.value;
    }
  }
  if (good.has(snapshotFiles.document)) {
    const read = await readJson(snapshotFile(archive, snapshot, "document"), (value) => parseDidDocument(value, did));
    const content = log === undefined ? undefined : contentOf(log.head.operation);
    if ("fault" in read || (content !== undefined && !documentAgrees(read.value, content))) {
      add("archive/document", { key: snapshotFiles.document });
    }
  }
}

async function readJson<T>(
  path: string,
  parse: (value: unknown) => T | Promise<T>,
): Promise<{ value: T } | { fault: string }> {
  const bytes = await readWhole(path);
  try {
    return { value: await parse(JSON.parse(new TextDecoder().decode(bytes))) };
  } catch (error) {
    if (isDecampError(error, "identity-invalid") || error instanceof SyntaxError) {
      return { fault: error.message };
    }
    throw error;
  }
}

function damagedMessage(reason: string): string {
  return `${sentences["archive/blob-changed"]} It could not be fetched again: ${reason}.`;
}

type BlobState = "good" | "archive/blob-missing" | "archive/blob-changed";

async function checkBlob(archive: string, cid: Cid, size: number, signal: AbortSignal): Promise<BlobState> {
  const found = await hashStored(blobFile(archive, cid), signal);
  if (found === undefined) {
    return "archive/blob-missing";
  }
  const isSame =
    typeof found === "object" && found.size === size && Buffer.compare(found.sha256, parseCid(cid).digest) === 0;
  return isSame ? "good" : "archive/blob-changed";
}

/**
 * The keys that the account had when the archive was made, by the audit log in it. None if there is no log, or it is
 * not in order: an archive cannot vouch for itself.
 */
export async function archivedKeys(archive: string, { did, snapshot }: Manifest): Promise<SigningKey[]> {
  const path = snapshotFile(archive, snapshot, "log");
  if ((await readPlainFile(path)) === undefined) {
    return [];
  }
  const read = await readJson(path, async (value) => keysOfLog(await proveLog(did, value, {})));
  return "value" in read ? read.value : [];
}

/** Blobs by CID, with the records that need them; none where the repository cannot be read. */
async function neededBlobs(source: RepoSource, signal: AbortSignal): Promise<Map<Cid, readonly string[]>> {
  try {
    return new Map([...(await blobRefsInTurns(source, { signal }))].map(([cid, { records }]) => [cid, records]));
  } catch (error) {
    if (isDecampError(error, "damaged")) {
      return new Map();
    }
    throw error;
  }
}
