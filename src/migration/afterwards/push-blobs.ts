/**
 * Blobs that a server lacks, from an archive: after a move that left some behind, or a loss at the server. Each is
 * hashed before it is sent, has to be taken under its CID, is read back, and hashed.
 */

import type { IdentityAnswers } from "../../account/answers.ts";
import { findAnyIdentity } from "../../account/find.ts";
import type { AccountServices } from "../../account/services.ts";
import { signIn } from "../../account/sign-in.ts";
import { pastOf } from "../../account/web/any-identity.ts";
import { requireHome } from "../../account/where.ts";
import { DecampError, expectedFailure, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { parseAccount } from "../../identity/names.ts";
import { forEachConcurrent } from "../../services/concurrent.ts";
import { defaultUploads } from "../../services/defaults.ts";
import { openForUpload } from "../../services/disk/files.ts";
import { isMissingMethod } from "../../services/servers/missing-method.ts";
import type { Pds } from "../../services/servers/pds.ts";
import { isGenuineBlob } from "../../archive/export/fetch-blobs.ts";
import { provedSize } from "../../archive/check/damage.ts";
import { blobFile } from "../../archive/layout.ts";
import type { ArchivedBlob, Manifest } from "../../archive/manifest.ts";
import { readSnapshots } from "../../archive/open.ts";
import { askBlob, neededBlobs } from "../doctor/blob-check.ts";
import type { Subject } from "../doctor/health.ts";
import { requireArchiveOf } from "./archive-of.ts";

/** Whose blobs, and where they are. */
export interface PushRequest {
  /** A handle or a DID. */
  readonly account: string;
  /** Folder of the archive. */
  readonly archive: string;
  /** Origin of the server that is asked for the handle. */
  readonly from?: string | undefined;
  readonly allowPrivateHosts: boolean;
}

/** What came of it. */
export interface Pushed {
  readonly did: string;
  readonly handle: string;
  /** Origin of the server that the identity names. */
  readonly server: string;
  /** How many the server lacked. */
  readonly missing: number;
  /** CIDs of those that are there now, read back and hashed. */
  readonly pushed: readonly string[];
  /** Those that it still lacks. */
  readonly left: readonly { readonly cid: string; readonly reason: string }[];
}

/**
 * Brings what the server lacks, as far as the archive has it.
 *
 * @throws DecampError `refused` for the archive of another account; `unsupported` for a server that does not say what
 *   it lacks; what opening the archive, finding the account and signing in throw
 */
export async function pushBlobs(
  services: AccountServices,
  answers: IdentityAnswers,
  { account, archive, from, allowPrivateHosts }: PushRequest,
  signal: AbortSignal,
): Promise<Pushed> {
  const contents = await readSnapshots(archive);
  const identity = await findAnyIdentity(services, parseAccount(account), { from, past: true }, signal);
  const { did, handle } = identity;
  requireArchiveOf(contents, archive, did);
  const server = parseServerUrl(requireHome(pastOf(identity)), { allowPrivateHosts });
  const pds = services.openPds(server);
  try {
    await signIn(pds, { did, handle }, answers, "sourcePassword", signal);
    const missing = await missingAt(pds, { did, past: pastOf(identity) }, signal);
    const held = blobsOf(contents.snapshots);
    const pushed: string[] = [];
    const left: { cid: string; reason: string }[] = [];
    await forEachConcurrent(missing, defaultUploads, signal, async (cid, either, busy) => {
      const blob = held.get(cid);
      const reason =
        blob === undefined ? "the archive does not have it" : await push(pds, did, archive, blob, either, busy);
      if (reason === undefined) {
        pushed.push(cid);
      } else {
        left.push({ cid, reason });
      }
    });
    return { did, handle, server, missing: missing.length, pushed: pushed.toSorted(), left };
  } finally {
    await pds.signOut();
  }
}

/**
 * What the server lacks of what its records need: what it says, and what it does not give out. A list of a server knows
 * nothing of what it has lost.
 *
 * @throws DecampError `unsupported` where it neither says it nor gives out the repository
 */
async function missingAt(
  pds: Pds,
  account: Pick<Subject, "did" | "past">,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const unserved = await notServed(pds, account, signal).catch((error: unknown) => expectedFailure(error, signal));
  const stated = await statedMissing(pds, signal).catch((error: unknown) => {
    const failure = expectedFailure(error, signal);
    if (isDecampError(unserved)) {
      throw failure;
    }
    return [];
  });
  return [...new Set([...stated, ...(isDecampError(unserved) ? [] : unserved)])];
}

/** Blobs that the proved records need, and that the server does not have when it is asked for each of them. */
async function notServed(
  pds: Pds,
  account: Pick<Subject, "did" | "past">,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const cids: string[] = [];
  await forEachConcurrent(
    [...(await neededBlobs(pds, account, signal))],
    defaultUploads,
    signal,
    async ([cid, blob], stop) => {
      const seen = await askBlob(pds, account.did, { cid, blob }, stop);
      if (seen === "lost" || seen === "something-else") {
        cids.push(cid);
      }
    },
  );
  return cids.toSorted();
}

/** What the server lists as missing. @throws DecampError `unsupported` where it does not say it */
async function statedMissing(pds: Pds, signal: AbortSignal): Promise<readonly string[]> {
  const cids = new Set<string>();
  try {
    for await (const cid of pds.listMissingBlobs(signal)) {
      cids.add(cid);
    }
  } catch (error) {
    if (!isMissingMethod(error)) {
      throw error;
    }
    throw new DecampError("unsupported", `${pds.host} does not say which blobs it lacks.`, {
      hint: "Ask its operator.",
      cause: error,
    });
  }
  return [...cids];
}

/** The blobs of all snapshots, by CID. */
function blobsOf(snapshots: readonly Manifest[]): ReadonlyMap<string, ArchivedBlob> {
  return new Map(snapshots.flatMap(({ blobs }) => blobs.map((blob) => [blob.cid, blob] as const)));
}

/** @returns why it is not there, in half a sentence; undefined once it was read back */
async function push(
  pds: Pds,
  did: string,
  archive: string,
  blob: ArchivedBlob,
  signal: AbortSignal,
  busy: () => void,
): Promise<string | undefined> {
  const { cid, size, mimeType } = blob;
  try {
    if ((await provedSize(archive, cid, signal)) !== size) {
      return "its file in the archive is damaged or gone, so it was not sent";
    }
    const body = { length: size, open: () => openForUpload(blobFile(archive, cid), size) };
    const stored = await pds.uploadBlob(body, mimeType, signal, busy);
    if (stored !== cid) {
      return `${pds.host} took it as ${stored}, so other bytes got there`;
    }
    return (await isGenuineBlob(blob, await pds.getBlob(did, cid, signal, busy)))
      ? undefined
      : `${pds.host} gives out other bytes than it took`;
  } catch (error) {
    signal.throwIfAborted();
    if (!isDecampError(error) || error.code === "interrupted" || error.code === "rate-limited") {
      throw error;
    }
    return error.message;
  }
}
