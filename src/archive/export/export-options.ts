/** What an export is told: of which account, from where, and how. */

import type { DidDocument } from "../../identity/did-document.ts";
import type { Cid } from "../../data/cid.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { defaultDownloads } from "../../services/defaults.ts";
import type { LockOwner } from "../../services/disk/lock.ts";
import type { Services } from "../../services/open.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { ReportExport } from "../events.ts";
import type { WantedBlob } from "./fetch-blobs.ts";
import type { Compression } from "./repo-file.ts";

/** What is exported, and what is known of it. */
export interface ExportSource {
  readonly did: string;
  /** The handle that the identity claims. */
  readonly handle?: string | undefined;
  /** Signed in, if preferences and what is not public are to come along. */
  readonly pds: Pds;
  /** did:keys; the repository has to be signed with one of them. */
  readonly signingKeys: readonly string[];
  /** The verified audit log, and the same as the directory sent it; none for a did:web. */
  readonly log?: { readonly verified: VerifiedLog; readonly raw: unknown };
  /** The DID document. Asked for only when it is not in the archive already. */
  readonly document: () => Promise<DidDocument>;
}

/** A commit, as a server or an archive has it. */
export interface Head {
  readonly cid: string;
  readonly rev: string;
}

/** What is known of the blobs before they are fetched. */
export interface BlobsAhead {
  /** Of those that are not there yet, as far as the records say. */
  readonly bytes: number;
  /** All of the snapshot, those that are there too. */
  readonly wanted: ReadonlyMap<Cid, WantedBlob>;
  /** The repository of the snapshot; undefined if no record refers to a blob. */
  readonly car: string | undefined;
}

/** How an account is exported; `exportOptions` makes it, with defaults. */
export interface ExportOptions {
  /** Blobs at once, at most. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Resolves after so many milliseconds. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Name and version of what writes the archive. */
  readonly writtenBy: string;
  readonly lockOwner: LockOwner;
  /** Leaves out what is not public, also when signed in. */
  readonly publicOnly?: boolean;
  /** Proves everything that is in the archive, before anything else. */
  readonly recheck?: boolean;
  /**
   * Wants a snapshot that names the address of `pds` as its source, also where nothing but that is new: a night goes by
   * it in what it leaves alone, and in whom it misses.
   */
  readonly fromHere?: boolean;
  /** Why the account is not active at its server, in the server's word, where its operator asks for it. */
  readonly status?: string | undefined;
  /** How a repository that comes is compressed; unset keeps it as it is. */
  readonly compress?: Compression | undefined;
  readonly report: ReportExport;
  /** Told which blobs are about to be fetched; may throw to stop that. */
  readonly beforeBlobs?: (blobs: BlobsAhead) => Promise<void>;
}

/** What of an export may be said. Only the signal has to be. */
export interface ExportWishes {
  readonly signal: AbortSignal;
  readonly concurrency?: number | undefined;
  readonly publicOnly?: boolean;
  readonly recheck?: boolean | undefined;
  readonly fromHere?: boolean;
  readonly status?: string | undefined;
  readonly compress?: Compression | undefined;
  readonly report?: ReportExport;
}

/**
 * The options of an export that begins now, with defaults: public parts and private ones, nobody is told, 24 blobs at
 * once.
 */
export function exportOptions(
  { now, sleep, writtenBy, lockOwner }: Pick<Services, "now" | "sleep" | "writtenBy" | "lockOwner">,
  {
    signal,
    concurrency = defaultDownloads,
    publicOnly = false,
    recheck = false,
    fromHere = false,
    status,
    compress,
    report = noReport,
  }: ExportWishes,
): ExportOptions {
  return {
    concurrency,
    signal,
    now: now(),
    sleep,
    writtenBy,
    lockOwner,
    publicOnly,
    recheck,
    fromHere,
    status,
    compress,
    report,
  };
}

function noReport(): void {}

/** How often something is fetched that breaks off or comes broken. */
export const attempts = 3;

/** Waits before something is fetched once more. @param attempt how often it was tried */
export async function pause(
  { sleep, signal }: Pick<ExportOptions, "sleep" | "signal">,
  attempt: number,
): Promise<void> {
  await sleep(250 * 2 ** attempt * (0.5 + Math.random()), signal);
}
